"""Names that mean the same find each other; what is not clear is not guessed."""

import pytest

from mambamim.catalogue.terminology import TERMS
from mambamim.project import propose_class

KNOWN = ["liver", "spleen", "kidney_left", "kidney_right", "aorta", "inferior_vena_cava", "tumour"]


@pytest.mark.parametrize(
    ("name", "code", "found"),
    [
        ("liver", "", "liver"), ("Liver", "", "liver"), ("hepar", "", "liver"),
        ("liver_1", "", "liver"), ("Segment Liver 2", "", "liver"), ("Leber", "", "liver"),
        ("L kidney", "", "kidney_left"), ("Left Kidney", "", "kidney_left"),
        ("kidney-r", "", "kidney_right"), ("RightKidney", "", "kidney_right"),
        ("IVC", "", "inferior_vena_cava"), ("Vena cava inferior", "", "inferior_vena_cava"),
        ("Tumour", "", "tumour"), ("Segment_1", "", None), ("", "", None), ("1", "", None),
        ("kidney", "", None),  # which one?
        ("Segment_1", "10200004", "liver"), ("Segment_2", "64033007", None),
        ("right one", "64033007", "kidney_right"), ("Segment_3", "999", None),
    ],
)  # fmt: skip
def test_known_names(name, code, found):
    assert propose_class(name, code, KNOWN) == found


def test_a_new_class_gets_its_usual_name():
    assert propose_class("Rechte Niere", "", TERMS) is None
    assert propose_class("Niere rechts", "", TERMS) == "kidney_right"
    assert propose_class("L1 vertebra", "", TERMS) == "vertebrae_L1"
    assert propose_class("vertebrae L2", "", TERMS) == "vertebrae_L2"
    assert propose_class("left rib 7", "", TERMS) == "rib_left_7"
    assert propose_class("kidney", "", TERMS) == "kidney"


def test_every_term_finds_itself():
    for name, term in TERMS.items():
        assert propose_class(name, "", TERMS) == name
        assert propose_class(term.title, "", list(TERMS)) in (name, None), name
        assert propose_class(name.upper(), "", TERMS) == name
