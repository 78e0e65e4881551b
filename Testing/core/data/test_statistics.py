"""Organ volumes and intensities against the obvious way of computing them."""

import csv
from pathlib import Path

import numpy as np
import pytest

from mambamim.data.statistics import (
    format_statistics,
    organ_statistics,
    voxel_counts,
    write_statistics,
)
from mambamim.errors import BadInputError

RNG = np.random.default_rng(1)
NAMES = {1: "liver", 2: "kidney_right", 7: "spleen"}


@pytest.mark.parametrize("order", ["C", "F"])
def test_agrees_with_the_obvious(order: str) -> None:
    labels = RNG.integers(0, 5, (9, 10, 11)).astype(np.uint8)
    volume = np.asarray(RNG.normal(40, 300, labels.shape), np.float32, order=order)
    angle = np.radians(25)
    affine = np.eye(4)
    affine[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine[:3, :3] = affine[:3, :3] @ np.diag((-0.5, 2.0, 3.0))
    rows = organ_statistics(volume, labels, affine, NAMES)
    assert [row.name for row in rows] == list(NAMES.values())
    for value, row in zip((1, 2), rows, strict=False):
        inside = volume[labels == value].astype(np.float64)
        assert row.voxels == inside.size
        assert row.volume_ml == pytest.approx(inside.size * 3.0 / 1000)
        assert row.mean_hu == pytest.approx(inside.mean())
        assert row.sd_hu == pytest.approx(inside.std())
    assert rows[2].voxels == 0
    assert rows[2].mean_hu is None


def test_counts() -> None:
    labels = RNG.integers(0, 300, (9, 10, 11)).astype(np.uint16)
    assert np.array_equal(voxel_counts(labels), np.bincount(labels.ravel()))


def test_table_for_a_file_and_for_a_person(tmp_path: Path) -> None:
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[:2] = 1
    rows = organ_statistics(np.full(labels.shape, 55, np.int16), labels, np.eye(4), NAMES)
    write_statistics(tmp_path / "new" / "organs.csv", rows)
    with (tmp_path / "new" / "organs.csv").open() as stream:
        table = list(csv.DictReader(stream))
    assert table[0] == {
        "name": "liver",
        "title": "Liver",
        "voxels": "32",
        "volume_mL": "0.032",
        "mean_HU": "55.00",
        "sd_HU": "0.00",
    }
    assert table[2]["mean_HU"] == ""
    text = format_statistics(rows)
    assert "Liver" in text
    assert "Not found: Right kidney, Spleen" in text


def test_other_shapes_are_refused() -> None:
    with pytest.raises(BadInputError):
        organ_statistics(np.zeros((2, 2, 2)), np.zeros((2, 2, 3), np.uint8), np.eye(4), NAMES)
