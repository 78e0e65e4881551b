import numpy as np
import pytest

from mambamim.metrics import dice_per_label


def test_dice_counts_what_overlaps():
    truth = np.array([[0, 1, 1, 2], [3, 1, 1, 0]], np.uint8)
    found = np.array([[0, 1, 1, 0], [3, 1, 4, 4]], np.uint8)
    dice = dice_per_label(found, truth)
    assert dice == {1: pytest.approx(6 / 7), 2: 0.0, 3: 1.0}
