"""The scanner: couch, blur, noise and slices, each as asked."""

import pytest
import torch

from mambamim.data.scanner import scan

MM = 2.0
SHAPE = (60, 60, 24)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def cylinder():
    """A body of water that lies along axis 2, with 40 mm of air around."""
    x, y, _ = torch.meshgrid(*(torch.arange(n) - (n - 1) / 2 for n in SHAPE), indexing="ij")
    return torch.where(x**2 + y**2 < 18**2, 0.0, -1000.0)


@pytest.mark.parametrize("noise_hu", [5.0, 40.0])
def test_noise_is_as_strong_as_asked(noise_hu):
    water = torch.zeros(SHAPE)
    noisy = scan(water, MM, generator(), noise_hu=noise_hu).float()
    clean = scan(water, MM, generator(), noise_hu=0.0).float()
    assert float((noisy - clean).std()) == pytest.approx(noise_hu, rel=0.03)


def test_drawn_noise_differs_from_scan_to_scan_within_bounds():
    body = cylinder()
    inside = (slice(22, 38), slice(22, 38))
    spread = [float(scan(body, MM, generator(s))[inside].float().std()) for s in range(8)]
    assert min(spread) > 3
    assert max(spread) < 26
    assert max(spread) > 1.3 * min(spread)


def test_the_couch_lies_behind_the_back_and_nowhere_else():
    body = cylinder()
    image = scan(body, MM, generator(), noise_hu=0.0)
    back = int((body > -500).any(2).any(0).nonzero()[0])
    middle = slice(24, 36)  # its sides bend up around the patient
    behind = image[middle, : back - 2]
    assert float(behind.max()) > -700, "no shell"
    assert int(((behind > -960) & (behind < -900)).sum()) > 100, "no foam"
    gap = image[middle, back - 2 : back]
    assert float(gap.float().mean()) < -500, "the patient hovers over no gap"
    front = int((body > -500).any(2).any(0).nonzero()[-1])
    assert float(image[:, front + 4 :].max()) < -980


def test_the_couch_never_cuts_into_the_body():
    """A body so broad that the couch's sides would rise into it."""
    body = torch.full((140, 40, 6), -1000.0)
    body[:, 20:32] = 200.0
    for seed in range(20):
        image = scan(body, MM, generator(seed), noise_hu=0.0).float()
        assert float((image[:, 22:30] - 200).abs().max()) < 30


def test_edges_are_blurred_by_less_than_two_millimetres():
    edge = torch.zeros(40, 40, 40)
    edge[:, :, 20:] = 1000.0
    for seed in range(5):
        image = scan(edge, 0.7, generator(seed), noise_hu=0.0).float()[20, 20]
        assert image[19] > 25
        assert image[20] < 975
        assert image[:17].abs().max() < 25
        assert (image[23:] - 1000).abs().max() < 25


def test_slices_average_as_many_planes_as_their_thickness_holds():
    """A single bright plane of 100 HU spreads over 8 mm: its 2 mm give a quarter of it."""
    volume = torch.zeros(16, 16, 33)
    volume[:, :, 16] = 100
    thick = scan(volume, MM, generator(), noise_hu=0.0, slice_mm=8.0).float()
    thin = scan(volume, MM, generator(), noise_hu=0.0).float()
    # The difference to an empty scan is free of shading.
    empty = scan(volume * 0, MM, generator(), noise_hu=0.0).float()
    profile, sharp = (thick - empty).mean((0, 1)), (thin - empty).mean((0, 1))
    assert float(profile.sum()) == pytest.approx(100, abs=4)
    assert float(profile[15:18].mean()) == pytest.approx(25, abs=2)
    assert float(profile[:11].abs().max()) < 1
    assert float(sharp[16]) > 2 * float(profile[16])


def test_slices_thinner_than_voxels_change_nothing():
    body = cylinder()
    assert torch.equal(scan(body, MM, generator(), slice_mm=1.0), scan(body, MM, generator()))


def test_an_even_volume_stays_even_to_its_borders():
    """Blur and slices know nothing beyond the volume: no dark rim."""
    image = scan(torch.full(SHAPE, 50.0), MM, generator(), noise_hu=0.0, slice_mm=9.0).float()
    assert float(image.min()) > 50 - 25
    assert float((image[:, :, 0] - image[:, :, 3]).abs().max()) < 4


def test_values_are_what_scanners_write():
    bright = torch.full((12, 12, 12), 9000.0)
    bright[:6] = -5000
    image = scan(bright, MM, generator())
    assert image.dtype == torch.int16
    assert int(image.min()) == -1024
    assert int(image.max()) == 3071


def test_nobody_on_the_couch():
    image = scan(torch.full((8, 8, 8), -1000.0), MM, generator(), noise_hu=0.0)
    assert int(image.max()) < -980


def test_seeds_decide():
    body = cylinder()
    image = scan(body, MM, generator(3))
    assert torch.equal(image, scan(body, MM, generator(3)))
    assert not torch.equal(image, scan(body, MM, generator(4)))
