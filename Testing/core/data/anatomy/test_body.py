"""Drawn bodies: all organs, plausible sizes, the right side, one piece where life has one."""

import numpy as np
import pytest
from scipy import ndimage

from mambamim.catalogue.terminology import ABDOMEN_LABELS
from mambamim.data.anatomy import draw_body
from mambamim.data.tissues import Tissue, labels_of

MM = 3.0
SHAPE = (120, 100, 120)
# mL, generous: small voxels lose thin parts, and people differ.
PLAUSIBLE = {
    "spleen": (40, 400),
    "kidney_right": (70, 260),
    "kidney_left": (70, 260),
    "gallbladder": (5, 80),
    "esophagus": (3, 40),
    "liver": (700, 2200),
    "stomach": (120, 900),
    "aorta": (50, 250),
    "inferior_vena_cava": (40, 220),
    "portal_vein_and_splenic_vein": (8, 70),
    "pancreas": (25, 150),
    "adrenal_gland_right": (0.8, 10),
    "adrenal_gland_left": (0.8, 10),
    "duodenum": (30, 170),
    "small_bowel": (300, 1800),
    "colon": (200, 1400),
    "urinary_bladder": (50, 500),
    "lungs": (900, 4500),
    "heart": (150, 900),
    "vertebrae": (200, 700),
}


@pytest.fixture(scope="module", params=[11, 12, 13])
def body(request):
    return draw_body(request.param, SHAPE, (MM,) * 3)


def middle(labels, name):
    value = {name: value for value, name in ABDOMEN_LABELS.items()}[name]
    return np.argwhere(labels == value).mean(0)


def test_every_organ_has_a_plausible_volume(body):
    counts = np.bincount(labels_of(body).ravel(), minlength=21)
    volumes = {name: counts[value] * MM**3 / 1000 for value, name in ABDOMEN_LABELS.items()}
    wrong = {
        name: round(ml, 1)
        for name, ml in volumes.items()
        if not PLAUSIBLE[name][0] <= ml <= PLAUSIBLE[name][1]
    }
    assert not wrong


def test_organs_lie_where_they_do_in_life(body):
    labels = labels_of(body)
    centre = SHAPE[0] / 2
    for name in ("liver", "gallbladder", "kidney_right", "adrenal_gland_right", "duodenum"):
        assert middle(labels, name)[0] > centre, f"{name} is not on the right"
    for name in ("spleen", "stomach", "kidney_left", "adrenal_gland_left", "heart"):
        assert middle(labels, name)[0] < centre, f"{name} is not on the left"
    assert middle(labels, "vertebrae")[1] < middle(labels, "aorta")[1]
    assert middle(labels, "aorta")[1] < middle(labels, "pancreas")[1]
    assert middle(labels, "urinary_bladder")[2] < middle(labels, "kidney_left")[2]
    assert middle(labels, "liver")[2] < middle(labels, "lungs")[2]


def test_solid_organs_are_one_piece(body):
    labels = labels_of(body)
    for value in (1, 2, 3, 6):
        parts, count = ndimage.label(labels == value, structure=np.ones((3, 3, 3)))
        largest = np.bincount(parts.ravel())[1:].max()
        assert largest > 0.97 * (labels == value).sum(), (ABDOMEN_LABELS[value], count)


def test_the_skin_closes_the_body(body):
    """From outside no organ and no bone can be touched."""
    inside = body[:, :, 1:-1]
    air = inside == Tissue.AIR
    touching = ndimage.binary_dilation(air, structure=np.ones((3, 3, 1))) & ~air
    assert (inside[touching] <= Tissue.MUSCLE).mean() > 0.998


def test_the_body_reaches_the_ends_of_the_scan(body):
    """The bend looks beyond the first and last plane: what it finds there is no air."""
    area = (body != Tissue.AIR).sum((0, 1))
    assert min(area[0] / area[8], area[-1] / area[-9]) > 0.9


def test_seeds_decide():
    first = draw_body(5, (40, 34, 40), (9.0,) * 3)
    assert np.array_equal(first, draw_body(5, (40, 34, 40), (9.0,) * 3))
    assert not np.array_equal(first, draw_body(6, (40, 34, 40), (9.0,) * 3))
