"""The smooth surface of an organ, out of its voxels: fit to be seen from any side."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mambamim.data.orientation import to_ras

THREADS = min(os.cpu_count() or 1, 4)
STEP_MM = 1.6  # grid of a surface: about this, whatever the scan's
LEVEL = 0.5  # of `Surface.field`, where the surface lies
_SMOOTH = 0.035  # of an organ's size, the side of a cube of its volume
_SMOOTH_MM = (1.0, 2.4)
_MARGIN_MM = 5.0  # around an organ: the smoothed field falls to 0, also where the scan ends
_EVERY = 3  # voxel along each axis is a sample
_REACH_MM = 25.0  # distances between thick slices are known up to here


@dataclass(frozen=True, eq=False)
class Surface:
    """Where an organ is, as a smooth field.

    Attributes:
        field: (I, J, K) float32, 1 within and 0 outside.
        affine: (4, 4) from its voxels to RAS mm.
    """

    field: np.ndarray
    affine: np.ndarray

    @property
    def corners(self) -> np.ndarray:
        """The eight corners of its box, (8, 3) RAS mm."""
        ends = [(0, side - 1) for side in self.field.shape]
        indices = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(8, 3)
        return indices @ self.affine[:3, :3].T + self.affine[:3, 3]

    @property
    def samples(self) -> np.ndarray:
        """Some of the places within, (n, 3) RAS mm: enough to tell how far the organ reaches."""
        indices = _EVERY * np.argwhere(self.field[::_EVERY, ::_EVERY, ::_EVERY] > LEVEL)
        return indices @ self.affine[:3, :3].T + self.affine[:3, 3]


def organ_surfaces(labels: np.ndarray, affine: np.ndarray, values: list[int]) -> dict[int, Surface]:
    """The surfaces of some classes.

    Args:
        labels: (I, J, K) class values, 0 is background; any orientation, oblique too.
        affine: (4, 4) RAS mm.
        values: the classes.

    Returns:
        value -> surface, of those that are there.
    """
    labels, affine = to_ras(labels, affine)  # the same surfaces, however a scan is stored
    boxes = ndimage.find_objects(labels, max(values, default=0))
    found = {value: boxes[value - 1] for value in values if boxes[value - 1] is not None}
    with ThreadPoolExecutor(THREADS) as pool:
        made = pool.map(lambda part: _surface(labels[part[1]] == part[0], affine, part[1]),
                        found.items())  # fmt: skip
        return dict(zip(found, made, strict=True))


def _surface(inside: np.ndarray, affine: np.ndarray, box: tuple[slice, ...]) -> Surface:
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    margin = [int(_MARGIN_MM / mm) + 1 for mm in spacing]
    field = np.pad(inside, [(side, side) for side in margin]).astype(np.float32)
    # Index of the grid at hand -> index of the scan: `scale * index + first`, for each axis.
    scale = np.ones(3)
    first = np.array([part.start - side for part, side in zip(box, margin, strict=True)], float)
    fold = [max(1, int(STEP_MM / mm + 0.25)) for mm in spacing]
    field = _mean(field, fold)
    scale, first = scale * fold, first + (np.array(fold) - 1) / 2
    coarse = spacing * fold
    thick = int(np.argmax(coarse))
    if coarse[thick] > 1.5 * STEP_MM and coarse[thick] > 1.3 * np.median(coarse):
        field = _signed(field, coarse, thick)
    split = [max(1, round(float(mm) / STEP_MM)) for mm in coarse]
    if max(split) > 1:
        field = ndimage.zoom(field, split, order=1, grid_mode=True, mode="nearest")
    field = np.clip(field, 0, 1)
    scale, first = scale / split, first + scale * (1 / np.array(split) - 1) / 2
    size = float(np.cbrt(field.sum(dtype=np.float64) * np.prod(spacing * scale)))
    sigma = np.clip(_SMOOTH * size, *_SMOOTH_MM) / (spacing * scale)
    field = ndimage.gaussian_filter(field, sigma, mode="constant", truncate=2.5)
    own = affine.copy()
    own[:3, :3] = affine[:3, :3] * scale
    own[:3, 3] = affine[:3, 3] + affine[:3, :3] @ first
    return Surface(field, own)


def _mean(field: np.ndarray, fold: list[int]) -> np.ndarray:
    """The mean of blocks of voxels; what is missing at the far end is outside."""
    if max(fold) == 1:
        return field
    short = [-side % by for side, by in zip(field.shape, fold, strict=True)]
    field = np.pad(field, [(0, part) for part in short])
    blocks = [part for side, by in zip(field.shape, fold, strict=True) for part in (side // by, by)]
    return field.reshape(blocks).mean(axis=(1, 3, 5))


def _signed(field: np.ndarray, spacing: np.ndarray, thick: int) -> np.ndarray:
    """Distances to the outline of each slice, in steps, from 1/2: positive within.

    Interpolated between two slices, the outline moves from the one to the other without a stair
    (Raya and Udupa, "Shape-based interpolation of multidimensional objects", 1990).
    """
    inside = np.moveaxis(field > LEVEL, thick, 0)
    plane = np.delete(spacing, thick).tolist()
    signed = np.empty(inside.shape, np.float32)
    for index, part in enumerate(inside):
        if not part.any():
            signed[index] = -_REACH_MM
            continue
        within = ndimage.distance_transform_edt(part, plane)
        beyond = ndimage.distance_transform_edt(~part, plane)
        # From voxel centre to voxel centre: the outline lies half a voxel nearer.
        half = 0.5 * min(plane)
        signed[index] = np.where(part, within - half, half - beyond)
    there = [bool(part.any()) for part in inside]
    for index in (index for index, here in enumerate(there) if not here):
        # The ends of an organ are flat: they lie half-way between two slices everywhere.
        beside = [other for other in (index - 1, index + 1) if 0 <= other < len(there)]
        signed[index] = min(
            (-np.abs(signed[other]) for other in beside if there[other]),
            key=lambda part: float(part.sum()),
            default=signed[index],
        )
    signed = np.clip(signed, -_REACH_MM, _REACH_MM) / STEP_MM + LEVEL
    return np.ascontiguousarray(np.moveaxis(signed, 0, thick))
