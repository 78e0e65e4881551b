"""Tissues and labels say the same."""

from mambamim.catalogue.terminology import ABDOMEN_LABELS
from mambamim.data.tissues import TARGETS, Tissue


def test_every_label_has_its_tissue():
    assert sorted(TARGETS.values()) == sorted(ABDOMEN_LABELS)
    for tissue, value in TARGETS.items():
        assert ABDOMEN_LABELS[value] == tissue.name.lower()
    assert ABDOMEN_LABELS[TARGETS[Tissue.LIVER]] == "liver"
