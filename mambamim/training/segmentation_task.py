"""Segmentation as a task of the training loop: labelled crops, Dice and cross-entropy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from monai.losses import DiceCELoss
from torch import Tensor, nn
from torch.utils.data import Dataset

from mambamim.data.crops import CropDataset
from mambamim.data.prepared_case import PreparedCase
from mambamim.metrics import dice_per_label

_JITTER = (3,)  # sets the intensities apart from what else is drawn from seed and number
_OVERLAP = 0.5


class JitteredCrops(Dataset[dict[str, Any]]):
    """Labelled crops with intensities scaled and shifted, as in Swin UNETR's recipe.

    Args:
        crops: labelled.
        amount: factors lie in 1 - amount .. 1 + amount, offsets in -amount .. amount.
    """

    def __init__(self, crops: CropDataset, amount: float = 0.1) -> None:
        self.crops, self.amount = crops, amount

    def __getitem__(self, number: int) -> dict[str, Any]:
        """What `CropDataset` gives; depends on the seed and the number alone."""
        crop = self.crops[number]
        seeds = np.random.SeedSequence([self.crops.seed, number], spawn_key=_JITTER)
        factor, offset = np.random.default_rng(seeds).uniform(-self.amount, self.amount, 2)
        crop["image"] = crop["image"] * (1 + factor) + offset
        return crop


class SegmentationLoss(nn.Module):
    """Dice + cross-entropy of a network over exclusive classes (the paper's fine-tuning loss).

    Attributes:
        network: (B, 1, D, H, W) -> logits.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._loss = DiceCELoss(
            to_onehot_y=True, softmax=True, include_background=False, batch=True
        )

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        """(B, 1, D, H, W) float and int64 -> scalar."""
        logits = self.network(image)
        with torch.autocast(logits.device.type, enabled=False):
            return self._loss(logits.float(), label)


@torch.no_grad()
def segment_case(network: nn.Module, case: PreparedCase, size: Sequence[int]) -> np.ndarray:
    """Labels of a whole prepared scan by overlapping windows, (D, H, W) uint8.

    Args:
        network: in evaluation mode.
        case: the scan.
        size: of a window, voxels.
    """
    device = next(network.parameters()).device
    whole = tuple(slice(0, side) for side in case.shape)
    image = torch.from_numpy(case.image((whole[0], whole[1], whole[2])))[None, None].to(device)
    logits = sliding_window_inference(
        image, tuple(size), 4, network, overlap=_OVERLAP, mode="gaussian", sigma_scale=0.125
    )
    return logits[0].argmax(0).to(torch.uint8).cpu().numpy()


def score_case(network: nn.Module, case: PreparedCase, size: Sequence[int]) -> dict[int, float]:
    """Dice of every class that the scan's own labels have."""
    whole = tuple(slice(0, side) for side in case.shape)
    truth = case.label((whole[0], whole[1], whole[2]))
    return dice_per_label(segment_case(network, case, size), truth)
