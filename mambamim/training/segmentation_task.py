"""Whole prepared scans segmented and scored, and crops with jittered intensities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from torch import nn
from torch.utils.data import Dataset

from mambamim.data.crops import CropDataset, CropSource
from mambamim.metrics import dice_per_label

_JITTER = (3,)  # sets the intensities apart from what else is drawn from seed and number
OVERLAP = 0.5


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


def segment_case(network: nn.Module, case: CropSource, size: Sequence[int]) -> np.ndarray:
    """Labels of a whole prepared scan by overlapping windows, (D, H, W) uint8.

    Args:
        network: in evaluation mode.
        case: the scan.
        size: of a window, voxels.
    """
    whole = tuple(slice(0, side) for side in case.shape)
    return segment_values(network, case.image((whole[0], whole[1], whole[2])), size)


def segment_values(network: nn.Module, values: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Labels of a whole scan by overlapping windows, (D, H, W) uint8.

    Args:
        network: in evaluation mode.
        values: (D, H, W) float32 in 0..1, or (C, D, H, W) of several channels.
        size: of a window, voxels.
    """
    logits = window_logits(network, values, size)
    return logits.argmax(0).to(torch.uint8).cpu().numpy()


@torch.no_grad()
def window_logits(network: nn.Module, values: np.ndarray, size: Sequence[int]) -> torch.Tensor:
    """As `segment_values`: (classes, D, H, W) on the network's device."""
    image = torch.from_numpy(values).reshape(1, -1, *values.shape[-3:])
    image = image.to(next(network.parameters()).device)
    logits = sliding_window_inference(
        image, tuple(size), 4, network, overlap=OVERLAP, mode="gaussian", sigma_scale=0.125
    )
    assert isinstance(logits, torch.Tensor)  # the network gives one
    return logits[0]


def score_case(network: nn.Module, case: CropSource, size: Sequence[int]) -> dict[int, float]:
    """Dice of every class that the scan's own labels have."""
    whole = tuple(slice(0, side) for side in case.shape)
    truth = case.label((whole[0], whole[1], whole[2]))
    return dice_per_label(segment_case(network, case, size), truth)
