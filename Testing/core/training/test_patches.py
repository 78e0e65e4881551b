"""Patches: labels stay on their image whatever is done to it, and the image is not spared."""

import numpy as np
import pytest
import torch

from mambamim.training.patches import AIR_HU, Case, PatchSampler

HU_PER_LABEL = 100.0


def case(shape=(60, 56, 52), mm=1.5, cell=14):
    """Coloured cubes in a frame of background; the HU of each voxel is its label times 100."""
    rng = np.random.default_rng(0)
    cubes = rng.integers(0, 8, [n // cell + 1 for n in shape])
    labels = np.kron(cubes, np.ones((cell,) * 3))[tuple(slice(n) for n in shape)]
    labels = torch.from_numpy(labels.astype(np.uint8))
    return Case(labels.float() * HU_PER_LABEL, labels, mm)


def sampler(seed=0, size=32):
    return PatchSampler(size, torch.Generator().manual_seed(seed))


class Unscaled:
    """Numbers as drawn, but for those that scale, lift or roughen the image."""

    NEUTRAL = {(0.92, 1.08): 1.0, (-12, 12): 0.0, (0, 25): 0.0}  # noqa: RUF012

    def __init__(self, uniform):
        self.drawn = uniform

    def __call__(self, low, high):
        number = self.drawn(low, high)
        return self.NEUTRAL.get((low, high), number)


@pytest.fixture
def plain(monkeypatch):
    """Geometry alone: nothing degraded, no end of the scan."""
    monkeypatch.setattr(PatchSampler, "_degrade", lambda self, hu: hu)
    monkeypatch.setattr(PatchSampler, "_end_of_scan", lambda self: slice(0, 0))


def agreement(hu, labels):
    """Share of the scan's voxels whose brightness says what the label says."""
    within = hu > -50  # beyond the scan there is air
    said = (hu[within] / HU_PER_LABEL).round().long()
    return float((said == labels[within]).float().mean())


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("mm", [1.5, 3.0])
def test_labels_stay_on_their_image(mm):
    """Interpolation blurs the cubes' faces; what lies inside of them must agree."""
    shares = []
    for seed in range(12):
        hu, labels = sampler(seed).draw(case(cell=14 if mm < 2 else 26), mm)
        assert hu.shape == labels.shape == (32, 32, 32)
        assert hu.dtype == torch.float32
        assert labels.dtype == torch.int64
        if (hu > -50).float().mean() > 0.3:
            shares.append(agreement(hu, labels))
            # The same labels one voxel further fit worse.
            assert agreement(hu, labels.roll(2, 1)) < shares[-1] - 0.02
    assert len(shares) >= 6
    assert min(shares) > 0.8
    assert np.mean(shares) > 0.88


@pytest.mark.parametrize("size", [32, 33, 34])
def test_degradation_moves_nothing(size):
    """Noise, blur and thick slices change the values; a ramp along the body stays where it was."""
    ramp = 10.0 * torch.arange(size).expand(1, 1, size, size, size)
    changed = 0
    for seed in range(40):
        draws = sampler(seed, size)
        # Neither contrast nor offset nor noise.
        draws.uniform = Unscaled(draws.uniform)
        profile = draws._degrade(ramp)[0, 0].mean((0, 1))
        changed += not torch.equal(profile, ramp[0, 0, 0, 0])
        inner = slice(5, -5)
        assert float((profile - ramp[0, 0, 0, 0])[inner].abs().max()) < 1, "moved by 0.1 voxels"
    assert changed > 10


def test_degradation_changes_contrast_offset_and_noise():
    flat = torch.full((1, 1, 16, 16, 16), 100.0)
    degraded = [sampler(seed, 16)._degrade(flat) for seed in range(40)]
    means = torch.stack([d.mean() for d in degraded])
    assert 100 * 0.92 - 13 < float(means.min()) < 95
    assert 105 < float(means.max()) < 100 * 1.08 + 13
    noisy = sum(float(d.std()) > 1 for d in degraded)
    assert 12 <= noisy <= 36


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("mm", [1.5, 3.0])
def test_a_patch_covers_millimetres_and_keeps_the_axes(mm, monkeypatch):
    """A box is as long along each axis, and as far from the middle, at either spacing."""
    monkeypatch.setattr(PatchSampler, "uniform", lambda self, low, high: (low + high) / 2)
    monkeypatch.setattr(
        PatchSampler, "_centre", lambda self, case: torch.tensor(case.labels.shape) / 2
    )
    monkeypatch.setattr(PatchSampler, "_bend", lambda self, size: torch.zeros(3))
    labels = torch.zeros(64, 60, 72, dtype=torch.uint8)
    labels[28:44, 18:42, 14:50] = 1  # 24, 36 and 54 mm; middle at (6, 0, -6) mm
    hu, found = sampler(0, 48).draw(Case(labels * 100.0, labels, 1.5), mm)
    step = 1.02 * mm  # the middle of the zoom's range
    for mask in (found == 1, hu > 50):
        where = mask.nonzero().float()
        lengths = (where.amax(0) - where.amin(0) + 1) * step
        np.testing.assert_allclose(lengths, [24, 36, 54], atol=1.5 * step)
        offset = (where.mean(0) - 23.5) * step
        np.testing.assert_allclose(offset, [6, 0, -6], atol=0.4 * mm)


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("mm", [1.5, 3.0])
def test_labels_do_not_slip_by_a_part_of_a_voxel(mm, monkeypatch):
    """On a staircase, image and labels are equal in the mean along each axis."""
    monkeypatch.setattr(PatchSampler, "_centre", lambda self, case: torch.full((3,), 64.0))
    for axis in range(3):
        shape = [128 if a == axis else 1 for a in range(3)]
        stairs = torch.arange(128, dtype=torch.uint8).view(shape).expand(128, 128, 128)
        hu, labels = sampler(axis, 24).draw(Case(stairs.float(), stairs, 1.5), mm)
        inner = (slice(4, -4),) * 3
        assert abs(float((hu - labels)[inner].mean())) < 0.1


@pytest.mark.usefixtures("plain")
def test_coarse_patches_average_what_their_voxels_cover(monkeypatch):
    """Stripes as fine as the case's voxels vanish at 3 mm instead of standing out by chance."""
    stripes = torch.zeros(64, 64, 64)
    stripes[::2] = 200.0
    labels = torch.ones(64, 64, 64, dtype=torch.uint8)
    monkeypatch.setattr(PatchSampler, "_centre", lambda self, case: torch.full((3,), 32.0))
    inner = slice(12, 20)
    fine, _ = sampler(2, 32).draw(Case(stripes, labels, 1.5), 1.5)
    coarse, _ = sampler(2, 32).draw(Case(stripes, labels, 1.5), 3.0)
    assert float(coarse[inner, inner, inner].std()) < 0.75 * float(fine[inner, inner, inner].std())


@pytest.mark.usefixtures("plain")
def test_beyond_the_scan_lies_unlabelled_air():
    """A scan much smaller than the patch."""
    small = Case(torch.full((8, 8, 8), 40, dtype=torch.int16), torch.ones(8, 8, 8).byte(), 1.5)
    hu, labels = sampler().draw(small, 1.5)
    corner = (slice(0, 4),) * 3
    assert (hu[corner] == AIR_HU).all()
    assert not labels[corner].any()
    assert float(hu.max()) == pytest.approx(40, abs=1)
    assert 100 < int(labels.sum()) < 2000


def test_some_scans_end_within_the_patch():
    """There air and background go together, at the upper or the lower end, never both."""
    full = Case(torch.full((160, 160, 160), 40.0), torch.ones(160, 160, 160).byte(), 1.5)
    ends = []
    for seed in range(40):
        draws = sampler(seed, 16)
        draws._centre = lambda case: torch.full((3,), 80.0)
        hu, labels = draws.draw(full, 1.5)
        cut = (hu == AIR_HU).all(0).all(0)
        assert torch.equal(cut, (labels == 0).all(0).all(0))
        assert not (cut[0] and cut[-1])
        ends.append((bool(cut[0]), bool(cut[-1])))
    assert {(False, False), (True, False), (False, True)} == set(ends)
    assert ends.count((False, False)) > 20


@pytest.mark.usefixtures("plain")
def test_small_organs_are_seen_often():
    """3 of 100 000 voxels by chance; as one of two classes, in about a quarter of the patches."""
    labels = torch.zeros(96, 96, 96, dtype=torch.uint8)
    labels[:, :, :48] = 1
    labels[80:86, 80:86, 80:86] = 2
    rare = Case(labels.float(), labels, 1.5)
    seen = [bool((sampler(seed, 16).draw(rare, 1.5)[1] == 2).any()) for seed in range(60)]
    assert 8 <= sum(seen) <= 35


def test_unlabelled_cases_can_be_cut():
    nothing = Case(torch.zeros(20, 20, 20), torch.zeros(20, 20, 20, dtype=torch.uint8), 1.5)
    for seed in range(4):
        assert not sampler(seed).draw(nothing, 1.5)[1].any()


def test_seeds_decide():
    volume = case()
    hu, labels = sampler(3).draw(volume, 1.5)
    again, same = sampler(3).draw(volume, 1.5)
    assert torch.equal(hu, again)
    assert torch.equal(labels, same)
    assert not torch.equal(hu, sampler(4).draw(volume, 1.5)[0])
