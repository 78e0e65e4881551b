"""A whole scan: one number one person, labels where they show, the map's own planes alone."""

import numpy as np
import pytest

from mambamim.data.phases import Phase
from mambamim.data.synthetic.whole_scan import paint_whole
from mambamim.data.tissues import TARGETS, Tissue

SHAPE, MM = (72, 64, 24), 2.0
SPLEEN, LIVER, SPINE = (TARGETS[t] for t in (Tissue.SPLEEN, Tissue.LIVER, Tissue.VERTEBRAE))


@pytest.fixture(scope="module")
def scan(anatomy):
    return paint_whole(anatomy, 4, SHAPE, MM, Phase.ARTERIAL)


def test_a_scan_is_as_promised(scan):
    ct, labels, phase = scan
    assert phase is Phase.ARTERIAL
    assert ct.dtype == np.int16
    assert labels.dtype == np.uint8
    assert ct.shape == labels.shape == SHAPE
    assert ct.min() >= -1024


def test_a_number_is_a_person(anatomy, scan):
    again = paint_whole(anatomy, 4, SHAPE, MM, Phase.ARTERIAL)
    assert all(np.array_equal(a, b) for a, b in zip(scan[:2], again[:2], strict=True))
    other = paint_whole(anatomy, 5, SHAPE, MM, Phase.ARTERIAL)
    assert not np.array_equal(scan[1], other[1])
    phases = {paint_whole(anatomy, seed, (24, 24, 8), 6.0)[2] for seed in range(12)}
    assert len(phases) >= 3


def test_organs_are_under_their_labels_and_on_their_side(scan):
    ct, labels, _ = scan
    assert np.median(ct[labels == SPINE]) > 120
    assert np.median(ct[labels == SPLEEN]) > np.median(ct[labels == LIVER]) + 5
    middle = {value: np.argwhere(labels == value)[:, 0].mean() for value in (SPLEEN, LIVER, SPINE)}
    assert middle[SPLEEN] < middle[SPINE] < middle[LIVER]
    assert (ct[labels > 0] > -600).mean() > 0.95


def test_a_scan_ends_where_the_map_does(anatomy):
    """And begins at its top, whatever was asked for."""
    height = anatomy.extent_mm[2]
    for seed in range(6):
        ct, labels, _ = paint_whole(anatomy, seed, (*SHAPE[:2], 90), MM)
        assert 0.6 * height < ct.shape[2] * MM < 1.6 * height
        assert (labels[:, :, 0] == SPINE).any()
        assert (labels[:, :, -1] == SPINE).any()


def test_the_patient_lies_on_a_couch_and_nothing_lies_on_the_patient(anatomy):
    ct, labels, _ = paint_whole(anatomy, 5, (72, 90, 24), MM)
    rows = np.flatnonzero((labels > 0).any((0, 2)))
    dense = ct[36] > -650
    surfaces = (np.diff(dense[: rows[0]].astype(int), axis=0) == 1).sum(0)
    assert (surfaces >= 2).all(), "there is no couch behind the skin"
    assert (ct[36, rows[-1] + 22 :] < -700).all()
