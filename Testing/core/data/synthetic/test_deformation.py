"""Places: no fold, sides stay, and maps are looked up where they say."""

import numpy as np
import pytest
import torch

from mambamim.data.synthetic.deformation import draw_places, look_up, planes_within, spread

EXTENT = np.array([150.0, 120.0, 90.0])


def nodes(seed, strength=1.0, organs=()):
    rng = np.random.default_rng(seed)
    return draw_places(rng, EXTENT / 2, (64, 64, 64), 1.5, organs, strength)


@pytest.mark.parametrize("seed", range(12))
def test_sides_never_change_and_nothing_folds(seed):
    """From left to right in the crop is from left to right in the body, everywhere."""
    organ = EXTENT / 2 + np.random.default_rng(seed).normal(0, 14, (64, 3))
    places = nodes(seed, organs=[organ])
    steps = [places[:, 1:, :-1, :-1], places[:, :-1, 1:, :-1], places[:, :-1, :-1, 1:]]
    start = places[:, :-1, :-1, :-1]
    jacobian = torch.stack([(s - start) for s in steps], 0).permute(2, 3, 4, 1, 0)
    assert (torch.linalg.det(jacobian) > 0).all()
    for axis in range(3):
        assert (places[axis].diff(dim=axis) > 0).float().mean() > 0.99


def test_seeds_decide():
    assert torch.equal(nodes(3), nodes(3))
    assert not torch.equal(nodes(3), nodes(4))


def test_places_find_the_voxels_of_a_map():
    """A map of its own coordinates gives back the places."""
    lines = [(torch.arange(round(e / 1.5)) + 0.5) * 1.5 for e in EXTENT]
    grid = torch.stack(torch.meshgrid(*lines, indexing="ij"))
    places = nodes(0)
    inside = places.clone()
    for axis in range(3):
        inside[axis].clamp_(20, EXTENT[axis] - 20)
    size = tuple(places.shape[1:])
    found = look_up(grid, spread(inside, EXTENT, size), "bilinear")
    assert torch.allclose(found, inside, atol=0.02)


def test_planes_that_reach_out_of_the_map_are_no_scan():
    places = torch.zeros(3, 2, 2, 5)
    places[2] = torch.linspace(-40, 120, 5)
    first, end = planes_within(places, 90.0, 41)  # 4 mm apart
    assert (first, end) == (8, 35)
    assert planes_within(places + 500, 90.0, 41) == (0, 0)


def test_without_variety_and_bending_nothing_changes():
    organ = EXTENT / 2 + np.random.default_rng(0).normal(0, 14, (64, 3))
    size = (48, 48, 48)
    still = draw_places(np.random.default_rng(1), EXTENT / 2, size, 1.5, [organ], 0.0, 0.0)
    line = torch.linspace(-23.5, 23.5, still.shape[1]) * 1.5 + 75
    assert torch.allclose(still[0], line[:, None, None].expand_as(still[0]), atol=1e-3)
    moved = draw_places(np.random.default_rng(1), EXTENT / 2, size, 1.5, [organ], 0.0, 0.5)
    farther = draw_places(np.random.default_rng(1), EXTENT / 2, size, 1.5, [organ], 0.0, 1.0)
    assert 0.1 < (moved - still).abs().mean() < 0.8 * (farther - still).abs().mean()
