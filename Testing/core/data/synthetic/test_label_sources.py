"""What the values of public label maps become: the right side stays right."""

import numpy as np

from mambamim.data.synthetic.label_sources import (
    paint_from_atlas,
    paint_from_total,
    paint_from_total_mr,
)
from mambamim.data.synthetic.materials import Material
from mambamim.data.tissues import Tissue


def test_sides_of_total_segmentators_values():
    values = np.array([2, 3, 8, 9]).reshape(1, 1, 4)
    expected = [
        Tissue.KIDNEY_RIGHT,
        Tissue.KIDNEY_LEFT,
        Tissue.ADRENAL_GLAND_RIGHT,
        Tissue.ADRENAL_GLAND_LEFT,
    ]
    assert paint_from_total(values).ravel().tolist() == expected


def test_the_mr_task_numbers_organs_otherwise():
    values = np.array([2, 3, 7, 13, 15, 19, 20, 23, 24]).reshape(1, 1, 9)
    expected = [
        Tissue.KIDNEY_RIGHT,
        Tissue.KIDNEY_LEFT,
        Tissue.PANCREAS,
        Tissue.SMALL_BOWEL,
        Tissue.COLON,
        Tissue.VERTEBRAE,
        Tissue.DISC,
        Tissue.AORTA,
        Tissue.INFERIOR_VENA_CAVA,
    ]
    assert paint_from_total_mr(values).ravel().tolist() == expected


def test_only_vertebrae_are_vertebrae():
    values = np.array([25, 26, 27, 50, 77, 92, 116, 117]).reshape(1, 1, 8)
    is_vertebra = paint_from_total(values).ravel() == Tissue.VERTEBRAE
    assert is_vertebra.tolist() == [False, True, True, True, False, False, False, False]


def atlas(value):
    return paint_from_atlas(np.full((1, 1, 113), value, np.int16)).ravel()


def test_the_atlas_loses_its_incomplete_planes_and_keeps_its_sides():
    for value, tissue in ((51, Tissue.KIDNEY_RIGHT), (52, Tissue.KIDNEY_LEFT)):
        assert atlas(value).tolist() == [tissue] * 99
    assert set(atlas(111)) == {Tissue.ADRENAL_GLAND_RIGHT}
    assert set(atlas(9)) == {Material.BOWEL}


def test_what_the_atlas_names_otherwise_is_left_open():
    vein, sacrum = atlas(12), atlas(600)
    assert vein[0] == Material.MESENTERIC_VEIN
    assert vein[-1] == Tissue.PORTAL_VEIN_AND_SPLENIC_VEIN
    assert (sacrum[0], sacrum[-1]) == (Tissue.BONE, Material.UPPER_SACRUM)
