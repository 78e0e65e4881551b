"""A region of interest: a box in RAS mm, on the scan's grid and on the network's."""

from __future__ import annotations

import numpy as np

from mambamim.errors import BadInputError
from mambamim.inference.body import Box
from mambamim.inference.network_grid import NetworkGrid

CONTEXT_MM = 36.0  # around the region, for the network to look at


def roi_box(
    grid: NetworkGrid, affine_ras: np.ndarray, roi: np.ndarray, spacing: list[float]
) -> Box:
    """The box on the network's grid around a region, with context.

    Args:
        grid: both grids.
        affine_ras: of the RAS-oriented scan.
        roi: two opposite corners in RAS mm, (2, 3).
        spacing: of the network's grid, mm.

    Raises:
        BadInputError: no box, or outside of the scan.
    """
    corners = _roi_corners(affine_ras, roi)
    ends = [axis.from_scan(corners[:, a]) for a, axis in enumerate(grid.axes)]
    outside = any(e[1] < 0 or e[0] > n - 1 for e, n in zip(ends, grid.shape, strict=True))
    if outside:
        raise BadInputError(
            "The region of interest lies outside of the volume.", "Move the box onto the scan."
        )
    return region_box(ends, grid.shape, round(CONTEXT_MM / min(spacing)))


def outside_removed(
    labels: np.ndarray, affine_ras: np.ndarray, roi: np.ndarray | None
) -> np.ndarray:
    """Zero where the voxel's centre is outside of the region of interest."""
    if roi is None:
        return labels
    box = np.sort(np.asarray(roi, np.float64), 0)
    for plane, array in enumerate(labels):  # plane by plane: no coordinates of the whole volume
        j, k = np.indices(array.shape, dtype=np.float32)
        inside = np.ones(array.shape, bool)
        for axis in range(3):
            row = affine_ras[axis]
            mm = row[0] * plane + row[1] * j + row[2] * k + row[3]
            inside &= (mm >= box[0, axis]) & (mm <= box[1, axis])
        array[~inside] = 0
    return labels


def region_box(grid_from_scan: list[np.ndarray], shape: tuple[int, ...], margin: int) -> Box:
    """The box on the network grid around the (lowest, highest) indices of each axis, plus a margin.

    The margin is context for the network, which needs to see what is around the region.
    """
    box = []
    for (low, high), size in zip(grid_from_scan, shape, strict=True):
        start = int(np.clip(np.floor(low) - margin, 0, size - 1))
        stop = int(np.clip(np.ceil(high) + 1 + margin, start + 1, size))
        box.append(slice(start, stop))
    return (box[0], box[1], box[2])


def intersect(first: Box, second: Box) -> Box | None:
    """What two boxes share, or None."""
    both = [
        slice(max(a.start, b.start), min(a.stop, b.stop))
        for a, b in zip(first, second, strict=True)
    ]
    if any(s.start >= s.stop for s in both):
        return None
    return (both[0], both[1], both[2])


def _roi_corners(affine_ras: np.ndarray, roi: np.ndarray) -> np.ndarray:
    """Lowest and highest scan index (fractional) of a box in RAS mm, (2, 3)."""
    box = np.asarray(roi, np.float64)
    if box.shape != (2, 3) or not np.isfinite(box).all() or (box[0] == box[1]).any():
        raise BadInputError("The region of interest must be two opposite corners in RAS mm.")
    ends = np.stack(np.meshgrid(*box.T, indexing="ij"), -1).reshape(-1, 3)
    inverse = np.linalg.inv(affine_ras)
    index = ends @ inverse[:3, :3].T + inverse[:3, 3]
    return np.stack([index.min(0), index.max(0)])
