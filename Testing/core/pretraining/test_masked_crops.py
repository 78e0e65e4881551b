"""Masks are a function of the seed and the crop's number, and mask exactly their share."""

import pytest
import torch
from tiny_networks import TINY

from mambamim.models import build_model
from mambamim.pretraining import MambaMIM, draw_visible
from mambamim.pretraining.masked_crops import MaskedCrops, ReconstructionLoss

SIZE = (64, 32, 48)


class Crops:
    """As `CropDataset`, of a value that tells the number."""

    size = SIZE

    def __init__(self, seed):
        self.seed = seed

    def __getitem__(self, number):
        return {"number": number, "image": torch.full((1, *SIZE), float(number))}


def test_a_mask_depends_on_seed_and_number_alone():
    crops = MaskedCrops(Crops(3), 0.75)
    wanted = [crops[number] for number in range(20)]
    torch.manual_seed(1)
    again = MaskedCrops(Crops(3), 0.75)
    for number in (7, 0, 19, 7, 10):
        assert torch.equal(again[number]["visible"], wanted[number]["visible"])
        assert again[number]["image"].mean() == number
    other = MaskedCrops(Crops(4), 0.75)
    assert sum(torch.equal(other[n]["visible"], wanted[n]["visible"]) for n in range(20)) == 0
    assert len({tuple(crop["visible"].flatten().tolist()) for crop in wanted}) == 20


def test_masks_leave_torchs_own_generator_alone():
    torch.manual_seed(0)
    wanted = torch.rand(1)
    torch.manual_seed(0)
    MaskedCrops(Crops(3), 0.75)[0]
    assert torch.equal(torch.rand(1), wanted)


@pytest.mark.parametrize(("ratio", "kept"), [(0.75, 6), (0.5, 12), (0.25, 18)])
def test_the_share_is_exact_and_every_place_has_its_turn(ratio, kept):
    crops = MaskedCrops(Crops(0), ratio)
    masks = torch.stack([crops[number]["visible"] for number in range(200)])
    assert masks.dtype == torch.bool
    assert masks.shape == (200, 4, 2, 3)
    assert (masks.flatten(1).sum(1) == kept).all()
    assert ((masks.float().mean(0) - (1 - ratio)).abs() < 0.15).all()


def test_the_loss_is_the_networks():
    torch.manual_seed(0)
    network = build_model("hymamba_small", **TINY["hymamba_small"])
    mim = MambaMIM(network, 32, 0.5, width=32)
    visible = draw_visible(2, (2, 2, 3), 0.5, torch.Generator().manual_seed(0))
    image = torch.rand(2, 1, 32, 32, 48)
    with torch.no_grad():
        loss = ReconstructionLoss(mim)(image, visible)
        assert torch.equal(loss, mim(image, visible).loss)
    assert loss.shape == ()
