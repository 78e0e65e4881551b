"""Distances: negative inside, in mm, and hulls bridge hollows."""

import numpy as np

from mambamim.data.synthetic.hulls import distances_of
from mambamim.data.tissues import Tissue


def test_depths_have_signs_and_units():
    paint = np.zeros((30, 30, 10), np.uint8)
    paint[10:20, 10:20] = Tissue.LIVER
    paint[8:22, 20:22] = Tissue.MUSCLE
    belly, trunk, bone = distances_of(paint, 3.0)
    assert belly[15, 15, 5] < -6
    assert trunk[14, 21, 5] <= 0 < belly[14, 22, 5], "muscle is of the trunk, not of the belly"
    assert 25 <= trunk[0, 15, 5] <= 35, "8 to 10 voxels of 3 mm"
    assert (bone > 90).all(), "there is none"


def test_a_hull_has_no_dents():
    paint = np.zeros((30, 30, 4), np.uint8)
    paint[5:25, 5:10] = paint[5:10, 5:25] = paint[20:25, 5:25] = Tissue.LIVER
    assert distances_of(paint, 3.0)[0][15, 18, 2] < 0


def test_an_empty_map_is_all_outside():
    assert (distances_of(np.zeros((6, 6, 4), np.uint8), 3.0) > 90).all()
