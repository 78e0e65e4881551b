"""The one place for LPS and RAS, and for turning an array so that its axes run to R, A and S.

SimpleITK and DICOM measure to the patient's left and posterior (LPS), NIfTI, Slicer and this
package to the right and anterior (RAS): the first two coordinates change sign, nothing else.
Affines are 4x4 float64 in mm; column c is the step of one voxel along array axis c.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np

_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


def ras_affine_from_lps(
    origin: Sequence[float], spacing: Sequence[float], direction: Sequence[float]
) -> np.ndarray:
    """The affine of a grid as SimpleITK describes it.

    Args:
        origin: centre of the first voxel, LPS mm, 3 numbers.
        spacing: mm along each axis, 3 numbers.
        direction: 9 numbers row by row; column c is the unit step of axis c in LPS.

    Returns:
        (4, 4) RAS affine, mm.
    """
    affine = np.eye(4)
    steps = np.asarray(direction, np.float64).reshape(3, 3) * np.asarray(spacing, np.float64)
    affine[:3, :3] = _LPS_TO_RAS[:, None] * steps
    affine[:3, 3] = _LPS_TO_RAS * np.asarray(origin, np.float64)
    return affine + 0.0  # no negative zeros


def lps_from_ras_affine(
    affine: np.ndarray,
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """The other way round: (origin, spacing, direction) for SimpleITK of a (4, 4) RAS affine."""
    steps = _LPS_TO_RAS[:, None] * affine[:3, :3]
    spacing = np.linalg.norm(steps, axis=0)
    direction = steps / spacing + 0.0
    origin = _LPS_TO_RAS * affine[:3, 3] + 0.0
    return tuple(origin.tolist()), tuple(spacing.tolist()), tuple(direction.ravel().tolist())


def to_ras(array: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn an array so that its axes run (nearly) to R, A and S. Nothing is resampled.

    Args:
        array: (I, J, K), any orientation, oblique too.
        affine: its (4, 4) RAS affine, mm.

    Returns:
        A view of `array` with axes permuted and flipped, and the (4, 4) affine of that view.
    """
    axes, flipped = _nearest_axes(affine)
    turned = array.transpose(axes)[_slices(flipped)]
    steps = affine[:3, list(axes)]
    last = np.array(
        [size - 1 if flip else 0 for size, flip in zip(turned.shape, flipped, strict=True)]
    )
    turned_affine = np.eye(4)
    turned_affine[:3, :3] = steps * np.where(flipped, -1.0, 1.0)
    turned_affine[:3, 3] = affine[:3, 3] + steps @ last
    return turned, turned_affine


def from_ras(
    array_ras: np.ndarray, affine_original: np.ndarray, shape_original: Sequence[int]
) -> np.ndarray:
    """Undo `to_ras`.

    Args:
        array_ras: an array on the turned grid.
        affine_original: the (4, 4) affine that `to_ras` was given.
        shape_original: the shape that it was given.

    Returns:
        A view of `array_ras` of that shape.

    Raises:
        ValueError: `array_ras` is not on that grid.
    """
    axes, flipped = _nearest_axes(affine_original)
    array = array_ras[_slices(flipped)].transpose(np.argsort(axes))
    if array.shape != tuple(shape_original):
        raise ValueError(f"{array_ras.shape} cannot be turned to {tuple(shape_original)}")
    return array


def _nearest_axes(affine: np.ndarray) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """For R, A, S: the array axis that runs along it best, and if it runs backwards."""
    steps = affine[:3, :3]
    cosines = steps / np.linalg.norm(steps, axis=0)
    axes = max(permutations(range(3)), key=lambda p: sum(abs(cosines[r, p[r]]) for r in range(3)))
    return axes, tuple(bool(cosines[row, axis] < 0) for row, axis in enumerate(axes))


def _slices(flipped: Sequence[bool]) -> tuple[slice, ...]:
    return tuple(slice(None, None, -1 if flip else None) for flip in flipped)
