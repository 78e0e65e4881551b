"""Largest components."""

import numpy as np

from mambamim.inference.cleanup import keep_largest_components


def test_keeps_the_largest_piece_of_each_organ_but_lungs():
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[2:8, 2:8, 2:8] = 1
    labels[12:14, 12:14, 12:14] = 1
    labels[15:18, 2:5, 2:5] = 2
    labels[15:18, 10:12, 2:5] = 2
    before = labels.copy()
    cleaned = keep_largest_components(labels, {1: "liver", 2: "lungs"})
    assert np.array_equal(labels, before)
    assert not cleaned[12:14, 12:14, 12:14].any()
    assert (cleaned == 1).sum() == 216
    assert (cleaned == 2).sum() == (before == 2).sum()
