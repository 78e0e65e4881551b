import pytest
import slicer
from model_files import write_model

from mambamim.catalogue.terminology import ABDOMEN_LABELS, term
from MambaMIMLib import Terminology


def test_a_segment_carries_slicers_own_terms(app):
    segment = slicer.vtkSegment()
    Terminology.apply(segment, term("kidney_right"))
    assert segment.HasTag(slicer.vtkSegment.GetTerminologyEntryTagName())
    assert segment.GetTerminology() == (
        "Segmentation category and type - 3D Slicer General Anatomy list"
        "~SCT^123037004^Anatomical Structure~SCT^64033007^Kidney~SCT^24028007^Right"
        "~Anatomic codes - DICOM master list~^^~^^"
    )
    assert segment.GetName() == "Right kidney"
    assert segment.GetColor() == pytest.approx((180 / 255, 88 / 255, 96 / 255))


@pytest.mark.parametrize("name", ABDOMEN_LABELS.values())
def test_slicers_terminology_logic_reads_every_entry(app, name):
    logic = slicer.modules.terminologies.logic()
    entry = slicer.vtkSlicerTerminologyEntry()
    assert logic.DeserializeTerminologyEntry(term(name).entry(), entry)
    meaning = term(name)
    assert entry.GetCategoryObject().GetCodeValue() == meaning.category[0]
    assert entry.GetTypeObject().GetCodeMeaning() == meaning.type[1]
    modifier = entry.GetTypeModifierObject().GetCodeValue() or None
    assert modifier == (meaning.modifier and meaning.modifier[0])


def test_left_and_right_differ_in_their_modifier_and_colour_alone(app):
    right, left = term("kidney_right"), term("kidney_left")
    assert right.type == left.type
    assert (right.modifier[1], left.modifier[1]) == ("Right", "Left")
    assert right.colour != left.colour


def test_classes_that_only_the_model_knows(tmp_path):
    lesion = {
        "name": "cyst",
        "title": "Cyst",
        "colour": [1, 2, 3],
        "category": ["49755003", "Morphologically Altered Structure"],
        "type": ["367643001", "Cyst"],
        "modifier": None,
    }
    path = write_model(
        tmp_path / "m.safetensors", labels={"1": "liver", "2": "cyst"}, terms={"cyst": lesion}
    )
    terms = Terminology.termsOf(["liver", "cyst", "a_new_one"], path)
    assert terms["liver"] == term("liver")
    assert (terms["cyst"].title, terms["cyst"].colour) == ("Cyst", (1, 2, 3))
    assert "SCT^49755003^Morphologically Altered Structure~SCT^367643001^Cyst~^^~" in (
        terms["cyst"].entry()
    )
    assert terms["a_new_one"].title == "A new one"


def test_a_model_file_that_is_gone_leaves_unspecified_tissue(tmp_path):
    terms = Terminology.termsOf(["cyst"], tmp_path / "gone.safetensors")
    assert terms["cyst"].type == ("85756007", "Tissue")
