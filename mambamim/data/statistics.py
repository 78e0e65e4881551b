"""Volume and intensity of every organ."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mambamim.catalogue.terminology import term
from mambamim.errors import BadInputError
from mambamim.files import atomic_path

_COLUMNS = ("name", "title", "voxels", "volume_mL", "mean_HU", "sd_HU")


@dataclass(frozen=True)
class OrganStatistics:
    """One organ in one scan.

    Attributes:
        name: the class.
        voxels: how many it has.
        volume_ml: their volume, mL.
        mean_hu: mean intensity, HU; None where there is no voxel.
        sd_hu: standard deviation over its voxels (population, divided by n), HU; None likewise.
    """

    name: str
    voxels: int
    volume_ml: float
    mean_hu: float | None
    sd_hu: float | None


def voxel_counts(labels: np.ndarray) -> np.ndarray:
    """How often each value occurs.

    Args:
        labels: (I, J, K) integers from 0.

    Returns:
        int64 (largest value + 1,): the count of each value.
    """
    size = int(labels.max(initial=0)) + 1
    counts = np.zeros(size, np.int64)
    # A slice at a time: bincount turns its input into 8-byte integers.
    for part in np.moveaxis(labels, _outer_axis(labels), 0):
        counts += np.bincount(part.ravel(order="K"), minlength=size)
    return counts


def organ_statistics(
    volume: np.ndarray, labels: np.ndarray, affine: np.ndarray, names: dict[int, str]
) -> list[OrganStatistics]:
    """Measure every organ.

    Args:
        volume: (I, J, K) HU.
        labels: (I, J, K) integers, 0 is background.
        affine: (4, 4), voxel to mm; a voxel has the volume |det| of its steps.
        names: value -> class name; other values are left out.

    Returns:
        A row for each of `names`, in their order; an organ that is not there has 0 voxels.

    Raises:
        BadInputError: the shapes differ.
    """
    if volume.shape != labels.shape:
        raise BadInputError(f"The scan has {volume.shape} voxels and the labels {labels.shape}.")
    size = max(int(labels.max(initial=0)), *names, 0) + 1
    counts, sums, squares = np.zeros(size, np.int64), np.zeros(size), np.zeros(size)
    axis = _outer_axis(volume)
    for part, values in zip(
        np.moveaxis(labels, axis, 0), np.moveaxis(volume, axis, 0), strict=True
    ):
        inside = np.flatnonzero(part)
        if not inside.size:
            continue
        label = part.ravel()[inside]
        hu = values.ravel()[inside].astype(np.float64)
        counts += np.bincount(label, minlength=size)
        sums += np.bincount(label, hu, minlength=size)
        squares += np.bincount(label, hu * hu, minlength=size)
    voxel_ml = abs(float(np.linalg.det(affine[:3, :3]))) / 1000.0
    return [
        _row(name, int(counts[value]), voxel_ml, float(sums[value]), float(squares[value]))
        for value, name in names.items()
    ]


def write_statistics(path: str | Path, rows: Sequence[OrganStatistics]) -> None:
    """Write a .csv: name, title, voxels, volume_mL, mean_HU, sd_HU; empty where nothing was found.

    Raises:
        BadInputError: the place cannot be written to.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for row in rows:
        numbers = ("" if value is None else f"{value:.2f}" for value in (row.mean_hu, row.sd_hu))
        title = term(row.name).title
        table.writerow((row.name, title, row.voxels, f"{row.volume_ml:.3f}", *numbers))
    with atomic_path(Path(path)) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")


def format_statistics(rows: Sequence[OrganStatistics]) -> str:
    """A table for a terminal; organs that were not found are named in the last line."""
    found = [row for row in rows if row.voxels]
    titles = [term(row.name).title for row in found]
    width = max(map(len, [*titles, "Organ"]))
    lines = [f"{'Organ':<{width}}  {'Volume mL':>10}  {'Mean HU':>8}  {'SD HU':>7}"]
    for title, row in zip(titles, found, strict=True):
        intensity = f"{row.mean_hu:>8.1f}  {row.sd_hu:>7.1f}"
        lines.append(f"{title:<{width}}  {row.volume_ml:>10.1f}  {intensity}")
    missing = [term(row.name).title for row in rows if not row.voxels]
    if missing:
        lines.append(f"Not found: {', '.join(missing)}")
    return "\n".join(lines)


def _row(name: str, count: int, voxel_ml: float, total: float, squares: float) -> OrganStatistics:
    if count == 0:
        return OrganStatistics(name, 0, 0.0, None, None)
    mean = total / count
    variance = max(0.0, squares / count - mean * mean)
    return OrganStatistics(name, count, count * voxel_ml, mean, variance**0.5)


def _outer_axis(array: np.ndarray) -> int:
    """The axis whose slices lie the most apart in memory."""
    return int(np.argmax(np.abs(array.strides)))
