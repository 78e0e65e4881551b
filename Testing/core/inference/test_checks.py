"""What is no CT is refused before a network for CT makes organs of it."""

import numpy as np
import pytest

from mambamim.checkpoint_header import CheckpointHeader
from mambamim.errors import BadInputError
from mambamim.inference.checks import check_hu


def header(modality):
    return CheckpointHeader("some-model", {"num_classes": 2}, {1: "liver"}, modality=modality)


def brain_mr():
    """Values as MR scanners store them, with the ringing that goes a little below zero."""
    return np.random.default_rng(0).integers(-20, 900, (20, 20, 20)).astype(np.int16)


def test_an_mr_scan_is_refused_with_its_range_and_what_to_do():
    scan = brain_mr()
    with pytest.raises(BadInputError, match=f"from {scan.min()} to {scan.max()}") as caught:
        check_hu(scan, header("CT"))
    assert "some-model" in caught.value.hint
    assert "air is -1000" in caught.value.hint


def test_a_ct_stored_without_its_offset_is_refused():
    body = np.full((20, 20, 20), 40, np.int16)
    body[:4] = -1000
    check_hu(body, header("CT"))
    with pytest.raises(BadInputError, match="no CT in Hounsfield units"):
        check_hu(body + 1024, header("CT"))


def test_a_little_fat_is_enough_for_a_ct():
    cut_out = np.full((10, 10, 100), 60, np.float32)
    cut_out.flat[:10] = -100.0
    check_hu(cut_out, header("CT"))
    cut_out.flat[0] = 60.0
    with pytest.raises(BadInputError):
        check_hu(cut_out, header("CT"))


def test_networks_for_mr_take_mr():
    check_hu(brain_mr(), header("MR"))
