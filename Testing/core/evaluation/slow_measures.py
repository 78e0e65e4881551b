"""The measures by their definitions, slow and obvious."""

import math
from itertools import product

import numpy as np


def voxels(mask: np.ndarray) -> set[tuple[int, ...]]:
    return {tuple(place) for place in np.argwhere(mask).tolist()}


def dice(one: np.ndarray, other: np.ndarray) -> float:
    a, b = voxels(one), voxels(other)
    return 2 * len(a & b) / (len(a) + len(b))


def rim(mask: np.ndarray) -> list[tuple[int, ...]]:
    """Voxels with one of the six neighbours outside."""
    inside = voxels(mask)
    steps = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    return [
        p for p in inside if any(tuple(np.add(p, s).tolist()) not in inside for s in steps)
    ]  # fmt: skip


def nearest(places: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.array([np.sqrt(((others - place) ** 2).sum(axis=1)).min() for place in places])


def hd95(one: np.ndarray, other: np.ndarray, mm: tuple[float, ...]) -> float:
    a, b = (np.array(rim(mask)) * mm for mask in (one, other))
    return max(np.percentile(nearest(a, b), 95), np.percentile(nearest(b, a), 95))


def corners(mask: np.ndarray, mm: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Places (mm) and areas (mm^2) of a cuboid's surface where eight voxels meet.

    The surface runs through the middle between inside and outside: a rectangle on a side, a
    chamfer along an edge, a triangle at a corner.
    """
    inside, places, areas = voxels(mask), [], []
    for place in {tuple(np.add(p, d).tolist()) for p in inside for d in product((0, 1), repeat=3)}:
        here = [d for d in product((0, 1), repeat=3)
                if tuple(np.subtract(place, d).tolist()) in inside]  # fmt: skip
        if len(here) < 8:
            places.append((np.array(place) - 0.5) * mm)
            areas.append(_cut(here, mm))
    return np.array(places), np.array(areas)


def _cut(here: list[tuple[int, ...]], mm: tuple[float, ...]) -> float:
    varies = [len({d[axis] for d in here}) > 1 for axis in range(3)]
    along = math.prod(side for side, free in zip(mm, varies, strict=True) if free)
    across = [side for side, free in zip(mm, varies, strict=True) if not free]
    if len(here) == 4:
        return along
    if len(here) == 2:
        return along * math.hypot(*across) / 2
    assert len(here) == 1
    a, b, c = across
    return math.sqrt((a * b) ** 2 + (b * c) ** 2 + (c * a) ** 2) / 8


def nsd(one: np.ndarray, other: np.ndarray, mm: tuple[float, ...], tolerance: float) -> float:
    """Of two cuboids."""
    (a, area_a), (b, area_b) = corners(one, mm), corners(other, mm)
    near = area_a[nearest(a, b) <= tolerance].sum() + area_b[nearest(b, a) <= tolerance].sum()
    return near / (area_a.sum() + area_b.sum())
