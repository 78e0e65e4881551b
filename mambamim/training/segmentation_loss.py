"""The losses of fine-tuning: of classes that exclude each other, and of regions that overlap."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from monai.losses import DiceLoss
from torch import Tensor, nn

from mambamim.data.class_sets import UNKNOWN, ClassSets
from mambamim.data.regions import Regions
from mambamim.training.turned_crops import turn_crops


class SegmentationLoss(nn.Module):
    """Dice + cross-entropy of a network over exclusive classes (the paper's fine-tuning loss).

    Cross-entropy is of the probability that a label allows: where it may be one of several
    classes, their probabilities add up; where it may be any, the voxel counts for nothing. Dice is
    of the voxels whose class is known.

    Args:
        network: (B, C, D, H, W) -> logits.
        sets: what label values mean.

    Attributes:
        network: the same.
    """

    _allowed: Tensor

    def __init__(self, network: nn.Module, sets: ClassSets) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("_allowed", torch.from_numpy(sets.table()), persistent=False)
        self._dice = DiceLoss(include_background=False, batch=True)

    def forward(self, image: Tensor, label: Tensor, turn: Tensor | None = None) -> Tensor:
        """(B, C, D, H, W) float and (B, 1, D, H, W) integers, values of the sets -> scalar.

        With `turn` (B, 3, 3) both are turned before, see `turn_crops`.
        """
        if turn is not None:
            image, label = turn_crops(image, label, turn)
        logits = self.network(image)
        with torch.autocast(logits.device.type, enabled=False):
            return self._loss(logits.float(), label[:, 0].long())

    def _loss(self, logits: Tensor, label: Tensor) -> Tensor:
        classes = logits.shape[1]
        allowed = self._allowed[label].movedim(-1, 1)
        log_shares = logits.log_softmax(1)
        inside = log_shares.masked_fill(~allowed, -torch.inf).logsumexp(1)
        number = allowed.sum(1)
        counts = (number < classes).float()
        entropy = -(inside * counts).sum() / counts.sum().clamp(min=1)
        known = (number == 1)[:, None]
        dice: Tensor = self._dice(log_shares.exp() * known, (allowed & known).float())
        return entropy + dice


class RegionLoss(nn.Module):
    """Dice + binary cross-entropy of a network over regions that overlap, a sigmoid each.

    Both are means over regions; voxels of which nothing is known count in neither.

    Args:
        network: (B, C, D, H, W) -> logits, one a region.
        regions: what label values mean.

    Attributes:
        network: the same.
    """

    _inside: Tensor

    def __init__(self, network: nn.Module, regions: Regions) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("_inside", torch.from_numpy(regions.table()), persistent=False)
        self._dice = DiceLoss(batch=True)  # no background among the channels

    def forward(self, image: Tensor, label: Tensor, turn: Tensor | None = None) -> Tensor:
        """(B, C, D, H, W) float and (B, 1, D, H, W) integers, values of the regions -> scalar.

        With `turn` (B, 3, 3) both are turned before, see `turn_crops`.
        """
        if turn is not None:
            image, label = turn_crops(image, label, turn)
        logits = self.network(image)
        with torch.autocast(logits.device.type, enabled=False):
            return self._loss(logits.float(), label.long())

    def _loss(self, logits: Tensor, label: Tensor) -> Tensor:
        inside = self._inside[label[:, 0]].movedim(-1, 1).float()
        known = (label != UNKNOWN).float()
        by_voxel = F.binary_cross_entropy_with_logits(logits, inside, reduction="none")
        entropy = (by_voxel * known).sum() / (known.sum() * logits.shape[1]).clamp(min=1)
        dice: Tensor = self._dice(logits.sigmoid() * known, inside * known)
        return entropy + dice
