"""The loss of fine-tuning: Dice and cross-entropy, also where labels leave a class open."""

from __future__ import annotations

import torch
from monai.losses import DiceLoss
from torch import Tensor, nn

from mambamim.data.class_sets import ClassSets


class SegmentationLoss(nn.Module):
    """Dice + cross-entropy of a network over exclusive classes (the paper's fine-tuning loss).

    Cross-entropy is of the probability that a label allows: where it may be one of several
    classes, their probabilities add up; where it may be any, the voxel counts for nothing. Dice is
    of the voxels whose class is known.

    Args:
        network: (B, 1, D, H, W) -> logits.
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

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        """(B, 1, D, H, W) float and int64, values of the sets -> scalar."""
        logits = self.network(image)
        with torch.autocast(logits.device.type, enabled=False):
            return self._loss(logits.float(), label[:, 0])

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
