"""Label maps and scans on a grid of cubes; what is coarse becomes smooth again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter

_ALIKE = 0.05  # of the spacing: closer ones need no resampling


def resample_labels(labels: np.ndarray, spacing_mm: Sequence[float], mm: float) -> np.ndarray:
    """Each voxel takes the value with the largest share, so steps between slices become slopes.

    Args:
        labels: (D, H, W) uint8.
        spacing_mm: of its voxels.
        mm: of the result's.

    Returns:
        uint8 that covers the same extent.
    """
    if all(abs(side / mm - 1) < _ALIKE for side in spacing_mm):
        return labels.copy()
    places = _places(labels.shape, spacing_mm, mm)
    shape = tuple(len(line) for line in places)
    best, result = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    for value in np.unique(labels):
        member = labels == value
        box = _box(member)
        soft = gaussian_filter(member[box].astype(np.float32), 0.55, mode="nearest")
        inner = tuple(_within(line, part) for line, part in zip(places, box, strict=True))
        moved = [line[i] - part.start for line, i, part in zip(places, inner, box, strict=True)]
        share = _interpolate(soft, moved)
        better = share > best[inner]
        best[inner] = np.where(better, share, best[inner])
        result[inner] = np.where(better, value, result[inner])
    return result


def resample_scan(
    hu: np.ndarray, spacing_mm: Sequence[float], mm: float | Sequence[float]
) -> np.ndarray:
    """A scan at `mm`, (D, H, W) float32; what is finer is averaged first."""
    wanted = np.broadcast_to(mm, 3)
    sigma = [0.4 * w / s if w > 1.2 * s else 0.0 for w, s in zip(wanted, spacing_mm, strict=True)]
    smooth = gaussian_filter(hu.astype(np.float32), sigma)
    return _interpolate(smooth, _places(hu.shape, spacing_mm, mm))


def _places(
    shape: Sequence[int], spacing_mm: Sequence[float], mm: float | Sequence[float]
) -> list[np.ndarray]:
    """Along each axis, where the new voxels' centres lie among the old ones."""
    return [
        np.clip((np.arange(round(n * side / new)) + 0.5) * new / side - 0.5, 0, n - 1)
        for n, side, new in zip(shape, spacing_mm, np.broadcast_to(mm, 3), strict=True)
    ]


def _interpolate(volume: np.ndarray, places: Sequence[np.ndarray]) -> np.ndarray:
    """Linear, axis by axis."""
    for axis, line in enumerate(places):
        low = np.clip(np.floor(line).astype(int), 0, max(0, volume.shape[axis] - 2))
        high = np.minimum(low + 1, volume.shape[axis] - 1)
        weight = (line - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        volume = volume.take(low, axis) * (1 - weight) + volume.take(high, axis) * weight
    return volume


def _box(member: np.ndarray, margin: int = 3) -> tuple[slice, ...]:
    """The part of a mask that holds it, and some around."""
    box = []
    for axis in range(3):
        line = np.flatnonzero(member.any(tuple(a for a in range(3) if a != axis)))
        box.append(slice(max(0, line[0] - margin), min(member.shape[axis], line[-1] + margin + 1)))
    return tuple(box)


def _within(line: np.ndarray, part: slice) -> slice:
    """The new voxels whose places lie in a part of the old ones."""
    inside = np.flatnonzero((line >= part.start) & (line <= part.stop - 1))
    return slice(int(inside[0]), int(inside[-1]) + 1) if len(inside) else slice(0, 0)
