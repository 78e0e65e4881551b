"""The segmenter on a network whose right answer is known."""

import dataclasses
import time

import nibabel as nib
import numpy as np
import pytest
import torch
from scipy import ndimage

import mambamim.inference.segmenter as module
from mambamim.checkpoints import Checkpoint
from mambamim.data.regions import Region
from mambamim.errors import BadInputError, Cancelled, OutOfMemoryError
from mambamim.inference import Segmenter
from mambamim.inference.runtimes import TorchRuntime
from mambamim.inference.windows import predict


def scan(shape=(50, 44, 40), spacing=(1.5, 1.5, 1.5)):
    """A body at 200 HU in air, an organ at 550 HU and one at 900 HU, and where they are."""
    volume = np.full(shape, -1000, np.int16)
    truth = np.zeros(shape, np.uint8)
    a, b, c = shape
    volume[2 : a - 2, 2 : b - 2, 1 : c - 1] = 200
    places = {
        1: np.s_[a // 5 : a // 2, b // 4 : b // 2, c // 4 : c // 2],
        2: np.s_[3 * a // 5 : 4 * a // 5, b // 2 : 3 * b // 4, c // 2 : 3 * c // 4],
    }
    for value, place in places.items():
        volume[place] = 200 + 350 * value
        truth[place] = value
    return volume, truth, np.diag([*spacing, 1.0])


def dice(a, b, value):
    a, b = a == value, b == value
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_the_model_spacing_gives_every_voxel_its_class(checkpoint):
    volume, truth, affine = scan()
    got = Segmenter(checkpoint, device="cpu", runtime="torch").segment(volume, affine)
    assert got.dtype == np.uint8
    assert np.array_equal(got, truth)


@pytest.mark.parametrize("spacing", [(0.8, 0.8, 1.0), (1.2, 1.2, 5.0), (3.0, 2.5, 3.0)])
def test_other_spacings_come_back_on_their_own_grid(checkpoint, spacing):
    shape = tuple(round(75 / mm) for mm in spacing)  # the same body in mm
    volume, truth, affine = scan(shape, spacing)
    got = Segmenter(checkpoint, device="cpu", runtime="torch").segment(volume, affine)
    assert got.shape == volume.shape
    assert dice(got, truth, 1) > 0.8  # blur moves the surface of this network's organs
    assert dice(got, truth, 2) > 0.8
    centre = [np.argwhere(x == 2).mean(0) for x in (got, truth)]
    assert np.abs(centre[0] - centre[1]).max() < 0.35  # voxels: no shift


@pytest.mark.parametrize("codes", ["LPS", "SRA", "IPL", "ASR"])
def test_turned_scans_give_the_same_anatomy(checkpoint, codes):
    volume, _, affine = scan(spacing=(0.9, 1.1, 2.0))
    segmenter = Segmenter(checkpoint, device="cpu", runtime="torch")
    first = segmenter.segment(volume, affine)
    image = nib.Nifti1Image(volume, affine)
    turn = nib.orientations.ornt_transform(
        nib.io_orientation(affine), nib.orientations.axcodes2ornt(tuple(codes))
    )
    turned = image.as_reoriented(turn)
    got = segmenter.segment(np.asarray(turned.dataobj), turned.affine)
    back = nib.as_closest_canonical(nib.Nifti1Image(got, turned.affine))
    assert np.array_equal(np.asarray(back.dataobj), first)


def test_an_oblique_scan_keeps_its_grid(checkpoint):
    volume, truth, affine = scan()
    c, s = np.cos(0.2), np.sin(0.2)
    affine = np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]) @ affine
    got = Segmenter(checkpoint, device="cpu", runtime="torch").segment(volume, affine)
    assert np.array_equal(got, truth)


def test_a_region_of_interest_labels_nothing_outside(checkpoint):
    volume, truth, affine = scan()
    inside = np.argwhere(truth == 1) * 1.5
    roi = np.stack([inside.min(0) - 1, inside.max(0) + 1])
    segmenter = Segmenter(checkpoint, device="cpu", runtime="torch")
    got = segmenter.segment(volume, affine, roi=roi[::-1])  # corners in any order
    assert np.array_equal(got, np.where(truth == 1, truth, 0))
    half = np.stack([inside.min(0) - 1, inside.mean(0)])
    cut = segmenter.segment(volume, affine, roi=half)
    assert 0 < (cut == 1).sum() < 0.3 * (truth == 1).sum()
    with pytest.raises(BadInputError, match="outside"):
        segmenter.segment(volume, affine, roi=roi + 1000)


def test_a_subset_of_organs(checkpoint):
    volume, truth, affine = scan()
    segmenter = Segmenter(checkpoint, device="cpu", runtime="torch")
    got = segmenter.segment(volume, affine, organs=["spleen"])
    assert np.array_equal(got, np.where(truth == 2, truth, 0))
    with pytest.raises(BadInputError, match="does not know pancreas"):
        segmenter.segment(volume, affine, organs=["pancreas"])


def test_progress_rises_to_one_and_the_preview_comes_first(checkpoint):
    volume, truth, affine = scan()
    seen, previews = [], []
    got = Segmenter(checkpoint, device="cpu", runtime="torch").segment(
        volume,
        affine,
        lambda f, m: seen.append((f, m)),
        preview=lambda p: previews.append(p.copy()),
    )
    fractions = [f for f, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert len(previews) == 1
    assert previews[0].shape == volume.shape
    assert dice(previews[0], truth, 2) > 0.6
    assert not np.array_equal(previews[0], got)
    assert [m for _, m in seen].index("coarse preview") < [m for _, m in seen].index(
        "finding organs"
    )


def test_cancel_in_the_middle_of_a_window_takes_less_than_a_second(checkpoint):
    class Slow(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.ModuleList([torch.nn.Identity() for _ in range(200)])

        def forward(self, x):
            for layer in self.layers:
                time.sleep(0.05)
                x = layer(x)
            return x.expand(-1, 3, -1, -1, -1)

    slow = dataclasses.replace(checkpoint, model=Slow())
    volume, _, affine = scan()
    start = time.monotonic()
    with pytest.raises(Cancelled):
        Segmenter(slow, device="cpu", runtime="torch").segment(
            volume, affine, cancel=lambda: time.monotonic() - start > 0.5
        )
    assert time.monotonic() - start < 1.5


def test_air_alone_has_no_organs_and_needs_no_network(checkpoint):
    broken = dataclasses.replace(checkpoint, model=torch.nn.Linear(1, 1))
    got = Segmenter(broken, device="cpu", runtime="torch").segment(
        np.full((20, 20, 20), -1000, np.int16), np.eye(4)
    )
    assert not got.any()


def test_a_full_graphics_card_hands_over_to_the_cpu(checkpoint, monkeypatch, caplog):
    """The card is played by a runtime that is always out of memory."""

    class Full(TorchRuntime):
        name = "full"

        def __call__(self, windows, cancel):
            raise torch.cuda.OutOfMemoryError("full")

    volume, truth, affine = scan()
    segmenter = Segmenter(checkpoint, device="cpu", runtime="torch")
    card = Full(checkpoint.model, torch.device("cpu"))
    card.device = torch.device("meta")
    segmenter.runtime = card
    got = segmenter.segment(volume, affine)
    assert np.array_equal(got, truth)
    assert segmenter.runtime.device.type == "cpu"
    assert "Going on with the CPU" in caplog.text
    only = Full(checkpoint.model, torch.device("cpu"))
    segmenter.runtime = only
    with pytest.raises(OutOfMemoryError):
        segmenter.segment(volume, affine)


@pytest.mark.parametrize(
    ("volume", "affine", "fault"),
    [
        (np.zeros((4, 4), np.int16), np.eye(4), "three axes"),
        (np.zeros((4, 4, 1), np.int16), np.eye(4), "at least 2"),
        (np.zeros((4, 4, 4), complex), np.eye(4), "real numbers"),
        (np.full((4, 4, 4), np.nan), np.eye(4), "not numbers"),
        (np.zeros((4, 4, 4), np.int16), np.diag([0.0, 1, 1, 1]), "singular"),
        (np.zeros((4, 4, 4), np.int16), np.eye(3), "4x4"),
    ],
)
def test_bad_input_is_refused_plainly(checkpoint, volume, affine, fault):
    with pytest.raises(BadInputError, match=fault):
        Segmenter(checkpoint, device="cpu", runtime="torch").segment(volume, affine)


def test_unknown_devices_and_runtimes_are_refused(checkpoint):
    with pytest.raises(BadInputError, match="no device 'gpu9'"):
        Segmenter(checkpoint, device="gpu9")
    with pytest.raises(BadInputError, match="no runtime 'fast'"):
        Segmenter(checkpoint, runtime="fast")
    if not torch.cuda.is_available():
        with pytest.raises(BadInputError, match="not on this computer"):
            Segmenter(checkpoint, device="cuda")
    encoder = dataclasses.replace(checkpoint.header, kind="pretraining")
    with pytest.raises(BadInputError, match="pre-trained encoder"):
        Segmenter(Checkpoint(checkpoint.model, {}, encoder, checkpoint.path))


def test_auto_takes_openvino_only_where_it_agrees(checkpoint, monkeypatch, tmp_path):
    pytest.importorskip("openvino")
    monkeypatch.setenv("MAMBAMIM_HOME", str(tmp_path))
    volume, truth, affine = scan()
    compiled = Segmenter(checkpoint, device="cpu", runtime="openvino")
    assert compiled.describe()["runtime"] == "openvino"
    assert np.array_equal(compiled.segment(volume, affine), truth)
    assert list((tmp_path / "compiled").glob("*/network.xml"))
    disagrees = module.openvino_runtime.Agreement(0.9, 1.0, 1.0, 0.1)
    monkeypatch.setattr(module.OpenVINORuntime, "agreement", lambda self, runtime: disagrees)
    assert Segmenter(checkpoint, device="cpu").describe()["runtime"] == "torch"
    agrees = module.openvino_runtime.Agreement(1.0, 1e-5, 1.0, 0.1)
    monkeypatch.setattr(module.OpenVINORuntime, "agreement", lambda self, runtime: agrees)
    assert Segmenter(checkpoint, device="cpu").describe()["runtime"] == "openvino"


class ByChannel(torch.nn.Module):
    """A region a channel: where it is brighter than half."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(20.0))

    def forward(self, x):
        return self.scale * (x[:, :2] - 0.5)


REGIONS = (Region("tumour", (1, 2), 1), Region("core", (2,), 2))


@pytest.fixture
def overlapping(checkpoint):
    header = dataclasses.replace(
        checkpoint.header,
        architecture={"name": "by-channel", "in_channels": 2, "num_classes": 2},
        labels={1: "tumour (rest)", 2: "core"},
        regions=REGIONS,
        channels=("t1", "t2"),
        modality="MR",
    )
    return Checkpoint(ByChannel().eval(), dict(header.labels), header, checkpoint.path)


def brain(spacing=(1.5, 1.5, 1.5)):
    shape = tuple(round(60 / mm) for mm in spacing)
    truth = np.zeros(shape, np.uint8)
    truth[tuple(slice(n // 5, 3 * n // 5) for n in shape)] = 1
    truth[tuple(slice(n // 3, n // 2) for n in shape)] = 2
    levels = np.stack([100 + 500 * (truth >= 1), 2000 + 900 * (truth >= 2)])
    # An MR's own limits are those of its head, so each channel has its own scale.
    levels[:, :2] = 0
    return levels.astype(np.int16), truth, np.diag([*spacing, 1.0])


@pytest.mark.parametrize("spacing", [(1.5, 1.5, 1.5), (1.0, 2.0, 3.0)])
def test_regions_are_painted_of_the_channels(overlapping, spacing):
    volume, truth, affine = brain(spacing)
    segmenter = Segmenter(overlapping, device="cpu", runtime="torch")
    found = segmenter.segment(volume, affine)
    assert (found.dtype, found.shape) == (np.uint8, truth.shape)
    if spacing == (1.5, 1.5, 1.5):
        assert np.array_equal(found, truth)
    assert dice(found > 0, truth > 0, True) > 0.9
    assert dice(found, truth, 2) > 0.8
    only = segmenter.segment(volume, affine, organs=["core"])
    assert np.array_equal(only, np.where(found == 2, found, 0))
    turned = segmenter.segment(volume[:, ::-1], affine @ np.diag([-1.0, 1, 1, 1]))
    assert np.array_equal(turned[::-1], found)


def test_the_largest_piece_is_of_a_whole_region(overlapping):
    volume, truth, affine = brain()
    alone = np.zeros_like(truth)
    alone[-6:-2, -6:-2, -6:-2] = 1
    volume[0][alone > 0] = 600
    core = truth == 2
    volume[0][core.any(axis=(1, 2))] = np.where(core, 600, 100)[core.any(axis=(1, 2))]
    segmenter = Segmenter(overlapping, device="cpu", runtime="torch")
    found = segmenter.segment(volume, affine)
    assert found[alone > 0].all()
    assert ndimage.label((found == 1) & (alone == 0))[1] == 2, "the core parts what is around it"
    kept = segmenter.segment(volume, affine, keep_largest=True)
    assert np.array_equal(kept, np.where(alone > 0, 0, found))


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_window_without_tissue_is_background_or_in_no_region(overlapping, exclusive):
    runtime = TorchRuntime(overlapping.model, torch.device("cpu"))
    scores = predict(torch.zeros(1, 2, 40, 32, 32), runtime, (32, 32, 32), 2, 0.25,
                     lambda n: None, lambda: False, exclusive)  # fmt: skip
    assert (scores[1] < scores[0]).all() if exclusive else (scores < 0).all()


def test_windows_without_tissue_are_in_no_region(overlapping):
    volume, truth, affine = brain((0.5, 0.5, 0.5))
    volume[:, 80:] = 0  # air as far as the last windows
    truth[80:] = 0
    found = Segmenter(overlapping, device="cpu", runtime="torch").segment(volume, affine)
    assert not found[90:].any()
    assert dice(found > 0, truth > 0, True) > 0.9


@pytest.mark.parametrize("count", [1, 3, None])
def test_another_number_of_channels_is_refused(overlapping, count):
    volume = brain()[0]
    volume = volume[0] if count is None else volume[[0] * count]
    with pytest.raises(BadInputError, match=r"takes 2 channels \(t1, t2\)") as caught:
        Segmenter(overlapping, device="cpu", runtime="torch").segment(volume, np.eye(4))
    assert f"has {count or 1}" in str(caught.value)
    assert "--channels" in caught.value.hint


def test_openvino_runs_regions_of_channels(overlapping, monkeypatch, tmp_path):
    pytest.importorskip("openvino")
    monkeypatch.setenv("MAMBAMIM_HOME", str(tmp_path))
    volume, truth, affine = brain()
    compiled = Segmenter(overlapping, device="cpu", runtime="openvino")
    assert np.array_equal(compiled.segment(volume, affine), truth)

    class Shifted(TorchRuntime):
        def __call__(self, windows, cancel):
            return super().__call__(windows, cancel) - 100  # the highest one is the same

    shifted = Shifted(overlapping.model, torch.device("cpu"))
    assert compiled.runtime.agreement(shifted).same_label < 0.5
