import pytest
import torch

from mambamim.errors import BadInputError
from mambamim.pretraining.masking import count_visible, draw_visible


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("ratio", [0.25, 0.5, 0.75, 0.8, 0.9])
@pytest.mark.parametrize("grid", [(6, 6, 6), (2, 3, 4), (1, 1, 2)])
def test_every_sample_keeps_exactly_its_share(ratio, grid):
    visible = draw_visible(5, grid, ratio, generator())
    places = grid[0] * grid[1] * grid[2]
    assert visible.shape == (5, *grid)
    assert visible.dtype == torch.bool
    wanted = min(max(round(places * (1 - ratio)), 1), places - 1)
    assert (visible.flatten(1).sum(1) == wanted).all()


def test_the_papers_mask_keeps_54_of_216():
    assert count_visible(216, 0.75) == 54


def test_samples_differ_and_seeds_decide():
    first = draw_visible(4, (6, 6, 6), 0.75, generator(1))
    assert torch.equal(first, draw_visible(4, (6, 6, 6), 0.75, generator(1)))
    assert not torch.equal(first, draw_visible(4, (6, 6, 6), 0.75, generator(2)))
    assert not torch.equal(first[0], first[1])


def test_every_place_is_as_likely_as_any_other():
    share = draw_visible(4000, (3, 3, 3), 0.75, generator()).float().mean(0)
    assert (share - 7 / 27).abs().max() < 0.04


@pytest.mark.parametrize("ratio", [0.0, 1.0, -0.5, 2.0, float("nan")])
def test_a_ratio_that_masks_nothing_or_all_is_refused(ratio):
    with pytest.raises(BadInputError, match="ratio"):
        draw_visible(1, (6, 6, 6), ratio, generator())


def test_one_patch_cannot_be_masked():
    with pytest.raises(BadInputError, match="one patch"):
        draw_visible(1, (1, 1, 1), 0.5, generator())
