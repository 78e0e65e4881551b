"""One mask for a whole volume, and windows whose borders do not show."""

import itertools

import pytest
import torch

from mambamim.ops.sparse import spread_visible
from mambamim.pretraining.tiles import (
    blend,
    draw_tiled,
    gaussian_weights,
    plan_batches,
    window_places,
)


@pytest.mark.parametrize(("ratio", "masked"), [(0.75, 20), (0.5, 13), (0.25, 7), (0.99, 26)])
def test_every_full_tile_has_exactly_the_asked_share(ratio, masked):
    visible = draw_tiled((7, 6, 4), 3, ratio, seed=0)
    assert visible.shape == (7, 6, 4)
    tiles = visible[:6, :6, :3].unfold(0, 3, 3).unfold(1, 3, 3).unfold(2, 3, 3).reshape(4, 27)
    assert ((~tiles).sum(1) == masked).all()
    assert len({tuple(tile.tolist()) for tile in tiles}) > 1, "each tile has its own"


def test_a_seed_is_a_mask_and_does_not_touch_the_callers_random_numbers():
    before = torch.get_rng_state()
    first, again, other = (draw_tiled((5, 5, 5), 2, 0.5, seed) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_masks_of_one_seed_are_nested():
    masks = [draw_tiled((7, 6, 5), 3, ratio, seed=1) for ratio in (0.25, 0.5, 0.75, 0.9)]
    for low, high in itertools.pairwise(masks):
        assert (low | ~high).all(), "what a higher ratio shows, a lower one shows too"
        assert high.sum() < low.sum()


@pytest.mark.parametrize("grid", [(6, 6, 6), (7, 13, 6), (2, 3, 5)])
def test_windows_cover_the_grid_and_overlap_by_a_third(grid):
    tile = min(6, *grid)
    covered = torch.zeros(grid)
    for place in window_places(grid, tile):
        assert all(part.start >= 0 and part.stop <= n for part, n in zip(place, grid, strict=True))
        covered[place] += 1
    assert (covered > 0).all()
    starts = sorted({place[1].start for place in window_places((6, 13, 6), 6)})
    assert starts == [0, 4, 7]


def test_windows_of_a_batch_have_equally_many_visible_patches():
    visible = draw_tiled((5, 4, 4), 2, 0.5, seed=0)
    visible[:2, :2, :2] = True  # nothing to reconstruct
    visible[3:, 2:, 2:] = False  # nothing to reconstruct from
    batches = plan_batches(visible, 2, most=3)
    for places in batches:
        assert 1 <= len(places) <= 3
        assert len({int(visible[place].sum()) for place in places}) == 1
    planned = [place for places in batches for place in places]
    wanted = [p for p in window_places((5, 4, 4), 2) if 0 < visible[p].sum() < 8]
    assert sorted(map(str, planned)) == sorted(map(str, wanted))
    assert len(wanted) < len(window_places((5, 4, 4), 2))


def test_blending_agrees_with_a_slow_obvious_version():
    visible = draw_tiled((3, 4, 2), 2, 0.5, seed=0)
    image = torch.rand(1, 1, 48, 64, 32, generator=torch.Generator().manual_seed(0))

    def run(windows, seen):
        inside = spread_visible(seen, tuple(windows.shape[2:]))
        return windows * inside + windows.mean((1, 2, 3, 4), keepdim=True)

    done = []
    got = blend(image, visible, plan_batches(visible, 2, 3), run, done.append)
    total, weights = torch.zeros(48, 64, 32), torch.zeros(48, 64, 32)
    weight = gaussian_weights((32, 32, 32))
    count = 0
    for i in range(2):
        for j in range(3):
            patches = visible[i : i + 2, j : j + 2]
            if not 0 < patches.sum() < 8:
                continue
            count += 1
            box = (slice(16 * i, 16 * i + 32), slice(16 * j, 16 * j + 32))
            out = run(image[(0, 0, *box)][None, None], patches[None])[0, 0]
            total[box] += weight * out
            weights[box] += weight
    assert sum(done) == count
    assert torch.allclose(got[0, 0], torch.nan_to_num(total / weights), atol=1e-6)


def test_a_constant_prediction_shows_no_seams():
    visible = draw_tiled((6, 5, 4), 3, 0.5, seed=0)
    batches = plan_batches(visible, 3, 1)
    got = blend(
        torch.zeros(1, 1, 96, 80, 64), visible, batches, lambda x, seen: x + 3.0, lambda n: None
    )
    assert torch.allclose(got, torch.full_like(got, 3.0), atol=1e-5)


def test_where_nothing_is_seen_the_prediction_is_zero():
    visible = torch.zeros(3, 2, 2, dtype=torch.bool)
    assert plan_batches(visible, 2, 1) == []
    assert not blend(torch.ones(1, 1, 48, 32, 32), visible, [], lambda x, s: x, print).any()


def test_weights_are_a_gaussian_that_never_vanishes():
    weight = gaussian_weights((96, 96, 96))
    assert weight.min() > 0
    line = weight[:, 48, 48] / weight[47, 48, 48]
    assert line[48 + 12] == pytest.approx(
        float(torch.exp(torch.tensor(-0.5 * (12.5**2 - 0.5**2) / 12**2))), rel=1e-4
    )
