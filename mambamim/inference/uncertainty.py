"""How sure a network is of what it finds in a scan."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_NOTHING = 1.0  # found where something is looked for: nothing is less certain


def mean_entropy(scores: Tensor, exclusive: bool = True) -> float:
    """The mean entropy of the classes over the voxels of what was found.

    Args:
        scores: (C, D, H, W) logits; the first class is background where classes exclude each other.
        exclusive: whether they do; else each is found above 0 by itself.

    Returns:
        0 (certain) to 1 (all classes alike); 1 where nothing was found.
    """
    if exclusive:
        logits = scores.flatten(1)[:, scores.flatten(1).argmax(0) > 0]
        if not logits.shape[1]:
            return _NOTHING
        logs = torch.log_softmax(logits.float(), 0)
        return float(-(logs.exp() * logs).sum(0).mean() / math.log(len(scores)))
    flat = scores.flatten(1).float()
    flat = flat[:, (flat > 0).any(0)]
    if not flat.shape[1]:
        return _NOTHING
    share = torch.sigmoid(flat)
    entropy = torch.special.entr(share) + torch.special.entr(1 - share)
    return float(entropy.mean() / math.log(2))
