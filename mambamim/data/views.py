"""Which slices of a scan to show, cut the way a radiologist looks at them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mambamim.data.statistics import voxel_counts

_SAMPLES = 160  # along each axis are enough to find where the organs are
_BODY_HU = -400
_LEAST_SHARE = 0.005  # of a plane: what shows less body than this is left out
_MARGIN_MM = 8.0

# axis that is cut -> name, letters at the left, right, top and bottom edge
_PLANES = {2: ("Axial", "RLAP"), 1: ("Coronal", "RLSI"), 0: ("Sagittal", "APSI")}


@dataclass(frozen=True, eq=False)
class View:
    """One slice, rows from top to bottom and columns from left to right as they are seen.

    Attributes:
        name: the plane.
        letters: patient directions at the left, right, top and bottom edge.
        ct: (rows, columns) HU.
        labels: (rows, columns) class values.
        row_mm: height of a pixel.
        column_mm: width of a pixel.
        axis: the axis of the RAS array that was cut.
        index: where it was cut.
    """

    name: str
    letters: str
    ct: np.ndarray
    labels: np.ndarray
    row_mm: float
    column_mm: float
    axis: int
    index: int

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height, mm."""
        return self.ct.shape[1] * self.column_mm, self.ct.shape[0] * self.row_mm


def cut(volume: np.ndarray, labels: np.ndarray, affine: np.ndarray, axis: int, index: int) -> View:
    """Cut one slice in radiological convention: the patient's right, or front, is at the left.

    Args:
        volume: (I, J, K) HU, axes to R, A, S.
        labels: (I, J, K) class values.
        affine: (4, 4) RAS mm.
        axis: 0 sagittal, 1 coronal, 2 axial.
        index: the slice.
    """
    name, letters = _PLANES[axis]
    # R, A and S, where the axes end, are at the left and the top: both are turned round.
    where = tuple(index if part == axis else slice(None, None, -1) for part in range(3))
    ct, organs = (array[where].T for array in (volume, labels))
    across, down = np.delete(np.linalg.norm(affine[:3, :3], axis=0), axis).tolist()
    return View(name, letters, ct, organs, down, across, axis, index)


def body_box(volume: np.ndarray, affine: np.ndarray) -> tuple[slice, slice, slice]:
    """A box around what is not air, with a margin; the whole volume where all is air."""
    strides = _strides(volume)
    body = volume[tuple(slice(None, None, stride) for stride in strides)] > _BODY_HU
    pieces, count = ndimage.label(body)
    if count > 1:  # the table is another piece
        body = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    box = []
    for axis, stride in enumerate(strides):
        others = tuple(other for other in range(3) if other != axis)
        inside = np.flatnonzero(body.mean(axis=others) > _LEAST_SHARE)
        size = volume.shape[axis]
        if inside.size == 0:
            box.append(slice(0, size))
            continue
        margin = int(_MARGIN_MM / spacing[axis]) + 1
        low, high = int(inside[0]) * stride - margin, int(inside[-1]) * stride + margin + 1
        box.append(slice(max(0, low), min(size, high)))
    return box[0], box[1], box[2]


def informative_slices(labels: np.ndarray) -> tuple[list[int], int, int]:
    """Where the organs are seen best.

    A slice is worth the sum over the organs of how much of the organ's largest section it shows,
    as a square root, so that a small gland counts beside the liver.

    Args:
        labels: (I, J, K) class values, axes to R, A, S.

    Returns:
        Two axial indices from the head down, a coronal and a sagittal one.
    """
    strides = _strides(labels)
    sample = labels[tuple(slice(None, None, stride) for stride in strides)]
    worth = [_worth(sample, axis) for axis in range(3)]
    best = [int(np.argmax(part)) if part.any() else part.size // 2 for part in worth]
    axial = [index * strides[2] for index in _spread(worth[2])]
    return axial, best[1] * strides[1], best[0] * strides[0]


def _strides(array: np.ndarray) -> list[int]:
    return [max(1, size // _SAMPLES) for size in array.shape]


def _worth(labels: np.ndarray, axis: int) -> np.ndarray:
    """The worth of every slice along `axis`, (n,)."""
    values = np.flatnonzero(voxel_counts(labels))
    inverse = np.searchsorted(values, np.arange(values[-1] + 1))[labels]
    place = np.arange(labels.shape[axis]).reshape([-1 if a == axis else 1 for a in range(3)])
    cells = inverse * labels.shape[axis] + place
    areas = np.bincount(cells.ravel(), minlength=values.size * labels.shape[axis])
    organs = areas.reshape(values.size, -1)[values != 0].astype(np.float64)
    return np.sqrt(organs / np.maximum(organs.max(axis=1, keepdims=True), 1)).sum(axis=0)


def _spread(worth: np.ndarray) -> list[int]:
    """The best slice in each half of the worth there is, from the last index down."""
    if not worth.any():
        return [worth.size * part // 3 for part in (2, 1)]
    share = np.cumsum(worth) / worth.sum()
    found = []
    for centre in (0.75, 0.25):
        # Towards the middle of its half, so that the two are not neighbours.
        middle = np.exp(-(((share - centre) / 0.25) ** 2))
        found.append(int(np.argmax(worth * middle)))
    return found
