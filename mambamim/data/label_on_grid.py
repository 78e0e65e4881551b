"""A label map of a scan, on the scan's network grid."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np

from mambamim.data.orientation import to_ras
from mambamim.data.volume import read_volume
from mambamim.errors import BadInputError
from mambamim.inference.network_grid import NetworkGrid

_OFF = 0.1  # of the smallest voxel side: more is no rounding


def read_label_on(path: Path, scan: str, grid: NetworkGrid, affine_ras: np.ndarray) -> np.ndarray:
    """Read a label map and take the label nearest to each voxel of a network grid.

    Args:
        path: of the label map, any orientation.
        scan: the scan's name, for the message.
        grid: of the RAS-oriented scan.
        affine_ras: (4, 4), of that scan, mm.

    Returns:
        (D, H, W) uint8.

    Raises:
        BadInputError: it cannot be read, does not lie on the scan's grid, or holds other values
            than the whole numbers 0..255.
    """
    volume = read_volume(path)
    array, affine = to_ras(volume.array, volume.affine)
    shape = tuple(axis.scan_size for axis in grid.axes)
    if array.shape != shape:
        raise BadInputError(
            f"{path.name} has {_by(array.shape)} voxels and {scan} {_by(shape)}"
            " (along right, front and up).",
            "A label map must have its scan's grid.",
        )
    off = _distance(affine, affine_ras, shape)
    if off > _OFF * min(axis.scan_mm for axis in grid.axes):
        raise BadInputError(
            f"{path.name} lies up to {off:.3g} mm beside {scan}.",
            "A label map must have its scan's grid.",
        )
    low, high = array.min(), array.max()
    if low < 0 or high > 255 or (array.dtype.kind == "f" and not (array == np.rint(array)).all()):
        raise BadInputError(
            f"{path.name} holds values from {low:g} to {high:g}.",
            "Labels must be whole numbers from 0 to 255; 0 is background.",
        )
    # The middle between two voxels always goes up; rounding to even would go up and down in turns.
    nearest = [np.floor(axis.to_scan(np.arange(axis.size)) + 0.5) for axis in grid.axes]
    index = [
        np.clip(n, 0, size - 1).astype(np.intp) for n, size in zip(nearest, shape, strict=True)
    ]
    return array[np.ix_(*index)].astype(np.uint8)


def _distance(one: np.ndarray, other: np.ndarray, shape: tuple[int, ...]) -> float:
    """How far apart two affines place the corner that they differ most in, mm."""
    corners = np.array([[*corner, 1] for corner in product(*((0, size - 1) for size in shape))])
    return float(np.linalg.norm(corners @ (one - other).T, axis=1).max())


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
