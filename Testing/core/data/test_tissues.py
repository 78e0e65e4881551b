"""Tissues and labels say the same."""

import numpy as np

from mambamim.catalogue.terminology import ABDOMEN_LABELS
from mambamim.data.tissues import TARGETS, Tissue, labels_of


def test_every_label_has_its_tissue_and_the_rest_is_background():
    assert sorted(TARGETS.values()) == sorted(ABDOMEN_LABELS)
    everything = np.array([int(t) for t in Tissue], np.uint8)
    labels = labels_of(everything)
    assert labels.dtype == np.uint8
    for tissue, value in zip(Tissue, labels, strict=True):
        assert value == TARGETS.get(tissue, 0)
    assert ABDOMEN_LABELS[int(labels_of(np.uint8(Tissue.LIVER)))] == "liver"
