"""Values to 0..1: HU by a window, MR by percentiles above its background."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from mambamim.data.intensity import IntensityRule, guess_modality, is_label_map, rule_for
from mambamim.errors import BadInputError

RNG = np.random.default_rng(0)


def test_hu_go_through_a_fixed_window():
    hu = np.array([-1000, -175, 37.5, 250, 3000], np.float32)
    result = rule_for("CT").apply(hu)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, [0, 0, 0.5, 1, 1], atol=1e-6)
    np.testing.assert_array_equal(rule_for("CT").apply(hu.astype(np.int16))[[0, 4]], [0, 1])
    assert hu[0] == -1000  # the scan is left as it was


def test_mr_goes_by_its_own_tissue_whatever_its_scale_and_background():
    tissue = np.arange(1000.0)
    for scale, offset in ((1.0, 0.0), (7.0, -50.0), (0.001, 3.0)):
        background = np.full(9000, -100.0)  # far more than tissue; it must not count
        scan = (np.concatenate([tissue, background]) * scale + offset).astype(np.float32)
        result = rule_for("MR").apply(scan)
        low, high = np.percentile(tissue, (0.5, 99.5))
        expected = np.clip((tissue - low) / (high - low), 0, 1)
        np.testing.assert_allclose(result[:1000], expected, atol=1e-4)
        assert not result[1000:].any()


def test_a_resampled_scan_keeps_the_limits_of_the_scan():
    scan = RNG.normal(500, 100, 4000).astype(np.float32)
    rule = rule_for("MR")
    part = scan[:10]
    np.testing.assert_array_equal(rule.apply(part, rule.limits(scan)), rule.apply(scan)[:10])


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_a_constant_scan_is_an_error(modality):
    with pytest.raises(BadInputError, match=r"a\.nii holds one value only \(7\)"):
        rule_for(modality).limits(np.full((4, 4, 4), 7, np.int16), "a.nii")


def test_a_ct_outside_of_the_window_is_an_error_and_a_mask_as_mr_is_none():
    with pytest.raises(BadInputError, match="holds nothing between -175 and 250 HU"):
        rule_for("CT").apply(np.array([300, 4000], np.int16))
    np.testing.assert_array_equal(rule_for("MR").apply(np.array([0, 1, 1])), [0, 1, 1])


def test_the_modality_shows_in_the_values():
    soft = RNG.integers(-100, 100, 1000)
    assert guess_modality(np.append(soft, -1000)) == "CT"
    assert guess_modality(np.append(soft, [-300] * 100)) == "CT"  # air of a clamped scan
    assert guess_modality(np.append(soft, [-300] * 3)) == "MR"
    assert guess_modality(RNG.integers(0, 800, 1000).astype(np.uint16)) == "MR"


def test_rules_are_json():
    for modality in ("CT", "MR"):
        rule = rule_for(modality)
        assert IntensityRule(**json.loads(json.dumps(asdict(rule)))) == rule
    with pytest.raises(BadInputError, match="no modality PET"):
        rule_for("PET")


def test_a_label_map_is_known_from_scans():
    rng = np.random.default_rng(0)
    labels = np.zeros((30, 30, 30), np.int16)
    labels[4:14, 5:25, 6:20] = 3
    labels[14:25, 5:25, 6:20] = 7
    assert is_label_map(labels)
    assert is_label_map(labels.astype(np.float32))
    assert not is_label_map(rng.integers(-1000, 400, labels.shape).astype(np.int16))
    assert not is_label_map(rng.integers(0, 6, labels.shape).astype(np.uint8)), "few values alone"
    assert not is_label_map(labels + np.float32(0.5)), "labels are whole numbers"
    stripes = np.broadcast_to(rng.integers(1, 400, (30, 1, 1)), labels.shape)
    assert not is_label_map(stripes), "alike along two axes only"
