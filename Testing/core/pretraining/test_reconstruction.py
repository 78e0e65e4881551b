"""A reconstruction: true where the scan was seen, honest where it was not, and on its own grid."""

import dataclasses
import math
import time

import nibabel as nib
import numpy as np
import pytest
import torch

import mambamim.pretraining.reconstruction as module
from mambamim.errors import BadInputError, Cancelled, OutOfMemoryError
from mambamim.models import build_model
from mambamim.pretraining import MambaMIM
from mambamim.pretraining.reconstruction import Reconstructor
from mambamim.pretraining.scan_image import ScanImage, whole_patches

AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])


def scan(shape=(50, 44, 40)) -> np.ndarray:
    """A body with structure in air, HU; (D, H, W)."""
    rng = np.random.default_rng(0)
    volume = np.full(shape, -1000, np.int16)
    inside = tuple(slice(3, size - 3) for size in shape)
    volume[inside] = rng.integers(-150, 240, volume[inside].shape)
    volume[20:24, 20:24, 10:30] = 900  # bone, beyond the window
    return volume


@pytest.fixture(scope="module")
def reconstructor(pretrained):
    return Reconstructor(pretrained, device="cpu")


def test_visible_voxels_are_the_scans_own_and_the_rest_adds_up(reconstructor):
    volume = scan()
    seen = []
    made = reconstructor.reconstruct(volume, AFFINE, 0.6, 1, lambda f, m: seen.append(f))
    clamped = np.clip(volume, -175, 250).astype(np.float32)
    shown = made.visible == 1
    assert 0 < shown.sum() < volume.size
    for part in (made.masked, made.reconstruction, made.error):
        assert (part.shape, part.dtype) == (volume.shape, np.float32)
        assert part.flags.c_contiguous
    assert made.visible.dtype == np.uint8
    assert np.array_equal(made.reconstruction[shown], clamped[shown])
    assert np.array_equal(made.masked, np.where(shown, clamped, np.float32(-175)))
    assert np.array_equal(made.error, np.abs(made.reconstruction - clamped))
    assert not made.error[shown].any()
    assert made.error[~shown].any()
    assert made.reconstruction.min() >= -175
    assert made.reconstruction.max() <= 250
    assert (made.ratio, made.seed, made.window, made.unit) == (0.6, 1, (-175.0, 250.0), "HU")
    assert made.share == pytest.approx(0.6, abs=0.1)
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)


def test_the_scores_are_those_of_the_masked_voxels(reconstructor):
    made = reconstructor.reconstruct(scan(), AFFINE, 0.5)  # scan and network have one grid
    squared = (made.error[made.visible == 0].astype(np.float64) / 425) ** 2
    assert made.mse == pytest.approx(squared.mean(), rel=1e-4)
    assert made.psnr == pytest.approx(10 * math.log10(1 / made.mse))


def test_what_is_masked_changes_nothing_in_the_normalised_prediction(reconstructor, monkeypatch):
    """Its mean and deviation come back afterwards, by design; the prediction knows neither."""
    predictions = []
    real = Reconstructor._predict

    def spy(self, *rest):
        predictions.append(real(self, *rest))
        return predictions[-1]

    monkeypatch.setattr(Reconstructor, "_predict", spy)
    volume = scan()
    made = reconstructor.reconstruct(volume, AFFINE, 0.5)
    rng = np.random.default_rng(1)
    noise = rng.integers(-150, 240, volume.shape).astype(np.int16)
    body = volume > -500  # air stays air: the box around the body must not move
    other = np.where((made.visible == 0) & body, noise, volume)
    again = reconstructor.reconstruct(other, AFFINE, 0.5)
    assert torch.equal(predictions[0], predictions[1])
    assert predictions[0].any()
    assert not np.array_equal(made.reconstruction, again.reconstruction)


def test_a_window_is_what_the_network_says_of_it(pretrained, reconstructor):
    volume = scan((32, 32, 32))
    made = reconstructor.reconstruct(volume, AFFINE, 0.5)
    image = (torch.from_numpy(np.clip(volume, -175, 250)).float()[None, None] + 175) / 425
    visible = torch.from_numpy(made.visible[::16, ::16, ::16]).bool()[None]
    with torch.no_grad():
        once = pretrained.model(image, visible).reconstruction.clamp(0, 1)
    assert np.allclose(made.reconstruction, 425 * once[0, 0].numpy() - 175, atol=0.05)
    assert made.share == 0.5


def test_a_seed_is_a_mask_and_masks_of_one_seed_are_nested(reconstructor):
    volume = scan()
    first, again, other = (reconstructor.reconstruct(volume, AFFINE, 0.5, s) for s in (0, 0, 1))
    assert np.array_equal(first.visible, again.visible)
    assert np.array_equal(first.reconstruction, again.reconstruction)
    assert not np.array_equal(first.visible, other.visible)
    more = reconstructor.reconstruct(volume, AFFINE, 0.75)
    assert not ((more.visible == 1) & (first.visible == 0)).any()
    assert more.visible.sum() < first.visible.sum()


@pytest.mark.parametrize("codes", ["LPS", "SRA", "IPL"])
def test_a_turned_scan_gives_the_turned_result(reconstructor, codes):
    volume, affine = scan(), np.diag([2.2, 3.1, 4.0, 1.0])
    first = reconstructor.reconstruct(volume, affine, 0.5)
    turn = nib.orientations.ornt_transform(
        nib.io_orientation(affine), nib.orientations.axcodes2ornt(tuple(codes))
    )
    turned = nib.Nifti1Image(volume, affine).as_reoriented(turn)
    made = reconstructor.reconstruct(np.asarray(turned.dataobj), turned.affine, 0.5)
    for name in ("masked", "reconstruction", "error", "visible"):
        back = nib.as_closest_canonical(nib.Nifti1Image(getattr(made, name), turned.affine))
        assert np.array_equal(np.asarray(back.dataobj), getattr(first, name)), name
    assert made.mse == first.mse


@pytest.mark.parametrize("spacing", [(1.2, 1.2, 5.0), (4.0, 2.0, 3.0)])
def test_other_spacings_come_back_on_their_own_grid(reconstructor, spacing):
    volume = scan(tuple(round(150 / mm) for mm in spacing))
    made = reconstructor.reconstruct(volume, np.diag([*spacing, 1.0]), 0.5)
    shown = made.visible == 1
    assert np.array_equal(made.reconstruction[shown], np.clip(volume, -175, 250)[shown])
    # Patches are 48 mm wide here: how often the mask changes along an axis follows from that.
    for axis, mm in enumerate(spacing):
        lines = np.diff(made.visible.astype(int), axis=axis) != 0
        others = tuple(a for a in range(3) if a != axis)
        borders = np.flatnonzero(lines.any(axis=others))
        assert len(borders) > 0
        assert (np.diff(borders) * mm > 48 - 2 * max(mm, 3)).all()


def test_windows_without_a_visible_or_a_masked_patch_are_no_trouble(reconstructor):
    volume = scan()
    for ratio in (0.999, 0.001):  # 1 of 8 patches a tile is visible, or masked
        made = reconstructor.reconstruct(volume, AFFINE, ratio)
        assert np.isfinite(made.reconstruction).all()
        assert np.isfinite(made.psnr)


def test_of_a_raw_target_nothing_that_is_masked_is_shown(pretrained):
    torch.manual_seed(0)
    mim = MambaMIM(build_model(**pretrained.header.architecture), 32, width=32, target="raw")
    raw = Reconstructor(dataclasses.replace(pretrained, model=mim.eval()), "cpu")
    volume = scan()
    made = raw.reconstruct(volume, AFFINE, 0.5)
    assert not made.own_moments
    other = np.where((made.visible == 0) & (volume > -500), -100, volume).astype(np.int16)
    again = raw.reconstruct(other, AFFINE, 0.5)
    assert np.array_equal(made.reconstruction, again.reconstruction)
    assert made.mse != again.mse


def test_mr_has_a_window_of_its_own_and_no_body(pretrained):
    header = dataclasses.replace(pretrained.header, modality="MR")
    mr = Reconstructor(dataclasses.replace(pretrained, header=header), "cpu")
    volume = np.random.default_rng(0).uniform(0, 3000, (36, 40, 34)).astype(np.float32)
    made = mr.reconstruct(volume, AFFINE, 0.5)
    assert made.unit == ""
    assert made.window[0] == pytest.approx(15, rel=0.1)
    assert made.window[1] == pytest.approx(2985, rel=0.01)
    shown = made.visible == 1
    window = np.float32(made.window)
    assert np.array_equal(made.reconstruction[shown], np.clip(volume, *window)[shown])


def test_a_box_grows_into_the_scan_before_air_is_put_beside_it():
    box = (slice(5, 30), slice(20, 40), slice(0, 10))
    assert whole_patches(box, (60, 40, 20), 32) == (slice(5, 37), slice(8, 40), slice(0, 20))


def test_beside_the_scan_there_is_air(pretrained):
    image = ScanImage.of(scan((40, 20, 20)), AFFINE, pretrained.header, 32)
    assert image.image.shape == (1, 1, 48, 32, 32)
    assert image.inside == (slice(0, 40), slice(0, 20), slice(0, 20))
    assert torch.equal(image.image[0, 0][image.inside], image.scaled[image.box])
    assert not image.image[..., 20:].any()
    assert not image.image[:, :, 40:].any()


def test_cancel_is_heard_in_the_midst(reconstructor):
    asked = []

    def cancel() -> bool:
        asked.append(time.monotonic())
        return len(asked) > 40

    with pytest.raises(Cancelled):
        reconstructor.reconstruct(scan(), AFFINE, 0.5, cancel=cancel)
    assert len(asked) == 41
    assert max(np.diff(asked)) < 1


def test_what_cannot_be_used_is_refused(reconstructor, pretrained):
    volume = scan()
    for ratio in (0.0, 1.0, float("nan")):
        with pytest.raises(BadInputError, match="ratio"):
            reconstructor.reconstruct(volume, AFFINE, ratio)
    with pytest.raises(BadInputError, match="three axes"):
        reconstructor.reconstruct(volume[0], AFFINE, 0.5)
    with pytest.raises(BadInputError, match="affine"):
        reconstructor.reconstruct(volume, np.zeros((4, 4)), 0.5)
    with pytest.raises(BadInputError, match="only air"):
        reconstructor.reconstruct(np.full((40, 40, 40), -1000, np.int16), AFFINE, 0.5)
    for fields in ({"modality": "PT"}, {"kind": "segmentation"}):
        header = dataclasses.replace(pretrained.header, **fields)
        model = pretrained.model if "modality" in fields else pretrained.model.encoder
        with pytest.raises(BadInputError, match="cannot reconstruct"):
            Reconstructor(dataclasses.replace(pretrained, header=header, model=model), "cpu")


def test_memory_that_runs_out_is_said_plainly(reconstructor, monkeypatch):
    def fail(*rest):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(module, "blend", fail)
    with pytest.raises(OutOfMemoryError, match="graphics card"):
        reconstructor.reconstruct(scan(), AFFINE, 0.5)
