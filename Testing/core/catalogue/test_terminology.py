"""The terms are complete, told apart, and need no torch."""

import re
import subprocess
import sys

from mambamim.catalogue.terminology import ABDOMEN_LABELS, LEFT, RIGHT, TERMS, TISSUE, term


def test_every_class_of_the_abdomen_has_a_term() -> None:
    assert sorted(ABDOMEN_LABELS) == list(range(1, 21))
    for name in ABDOMEN_LABELS.values():
        assert TERMS[name].type != TISSUE
    colours = [TERMS[name].colour for name in ABDOMEN_LABELS.values()]
    for index, one in enumerate(colours):
        for other in colours[index + 1 :]:
            assert sum(abs(a - b) for a, b in zip(one, other, strict=True)) > 20


def test_codes_and_colours_are_well_formed() -> None:
    for name, item in TERMS.items():
        assert item.name == name
        for code in (item.category, item.type, item.modifier):
            assert code is None or re.fullmatch(r"\d{6,18}", code[0])
            assert code is None or checked_by_verhoeff(code[0]), (name, code)
        assert all(0 <= part <= 255 for part in item.colour)


def test_sides() -> None:
    assert term("kidney_right").modifier == RIGHT
    assert term("rib_left_7").modifier == LEFT
    assert term("rib_left_7").title == "Left rib 7"
    assert term("kidney_right").title == "Right kidney"
    right, left = term("adrenal_gland_right"), term("adrenal_gland_left")
    assert right.type == left.type
    assert right.colour != left.colour


def test_an_unknown_name_keeps_its_colour() -> None:
    strange = term("my_new_organ")
    assert strange == term("my_new_organ")
    assert strange.title == "My new organ"
    assert strange.type == TISSUE
    assert strange.colour != term("another_organ").colour
    assert term("").title == "Segment"


def test_the_line_for_slicer() -> None:
    assert term("kidney_right").entry() == (
        "Segmentation category and type - 3D Slicer General Anatomy list"
        "~SCT^123037004^Anatomical Structure~SCT^64033007^Kidney~SCT^24028007^Right"
        "~Anatomic codes - DICOM master list~^^~^^"
    )


def test_needs_no_torch() -> None:
    code = "import sys, mambamim.catalogue.terminology; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def checked_by_verhoeff(code: str) -> bool:
    """SNOMED CT identifiers end in a Verhoeff check digit: a mistyped code fails."""
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = _multiply(check, _permute(place, int(digit)))
    return check == 0


def _permute(times: int, digit: int) -> int:
    for _ in range(times % 8):
        digit = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)[digit]
    return digit


def _multiply(a: int, b: int) -> int:
    """In the dihedral group of order 10."""
    if a < 5:
        return (a + b) % 5 + (5 if b >= 5 else 0)
    return (a - b) % 5 + (5 if b < 5 else 0)
