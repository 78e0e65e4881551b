"""Crops with their masks, and the module that makes a loss of both."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mambamim.data.crops import CropDataset
from mambamim.models.hymamba import STRIDE
from mambamim.pretraining.mambamim import MambaMIM
from mambamim.pretraining.masking import draw_visible

_MASKS = (2,)  # sets the masks apart from what else is drawn from seed and number


class MaskedCrops(Dataset[dict[str, Any]]):
    """Crops, each with a mask that depends on the seed and the crop's number alone.

    Args:
        crops: of sides that are multiples of 16.
        mask_ratio: share of the patches that is masked.
    """

    def __init__(self, crops: CropDataset, mask_ratio: float) -> None:
        self.crops, self.mask_ratio = crops, mask_ratio

    def __getitem__(self, number: int) -> dict[str, Any]:
        """What `CropDataset` gives, and "visible", (d, h, w) bool."""
        crop = self.crops[number]
        seeds = np.random.SeedSequence([self.crops.seed, number], spawn_key=_MASKS)
        generator = torch.Generator().manual_seed(int(seeds.generate_state(1, np.uint64)[0] >> 1))
        grid = [side // STRIDE for side in self.crops.size]
        crop["visible"] = draw_visible(1, grid, self.mask_ratio, generator)[0]
        return crop


class ReconstructionLoss(nn.Module):
    """What a training loop minimises: the error of a MambaMIM over the masked patches.

    Attributes:
        mim: the network.
    """

    def __init__(self, mim: MambaMIM) -> None:
        super().__init__()
        self.mim = mim

    def forward(self, image: Tensor, visible: Tensor) -> Tensor:
        """(B, 1, D, H, W) and (B, d, h, w) bool, of the network's own mask ratio -> scalar."""
        count = self.mim.count(visible.shape[1:])
        return self.mim(image, visible, count=count).loss
