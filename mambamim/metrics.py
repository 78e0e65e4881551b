"""How well a label map agrees with another."""

from __future__ import annotations

import numpy as np


def dice_per_label(found: np.ndarray, truth: np.ndarray) -> dict[int, float]:
    """Dice, 2 |A and B| / (|A| + |B|), of every class that is in `truth`.

    Args:
        found: (D, H, W) integer.
        truth: (D, H, W) integer, 0 is background.

    Returns:
        Class value -> Dice, 0..1; a class that `truth` does not have is not listed.
    """
    found, truth = found.astype(np.int64).ravel(), truth.astype(np.int64).ravel()
    classes = int(max(found.max(), truth.max())) + 1
    in_found = np.bincount(found, minlength=classes)
    in_truth = np.bincount(truth, minlength=classes)
    in_both = np.bincount(truth[found == truth], minlength=classes)
    return {
        value: float(2 * in_both[value] / (in_found[value] + in_truth[value]))
        for value in range(1, classes)
        if in_truth[value]
    }
