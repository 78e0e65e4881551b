"""The worker's label map, read piece by piece into an image that all segments share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from vtkmodules.util.numpy_support import numpy_to_vtk

from mambamim.errors import BadInputError

_STEP_VOXELS = 512 * 1024


@dataclass(frozen=True)
class VolumeGrid:
    """Where a volume's voxels lay when it was handed to the worker.

    Attributes:
        size: voxels along I, J, K.
        matrix: vtkMatrix4x4, voxel to RAS mm in the volume's own coordinates, without the
            transforms above it.
    """

    size: tuple[int, int, int]
    matrix: Any

    @classmethod
    def of(cls, volumeNode: Any) -> VolumeGrid:
        """The grid that a volume has now."""
        matrix = vtk.vtkMatrix4x4()
        volumeNode.GetIJKToRASMatrix(matrix)
        return cls(tuple(volumeNode.GetImageData().GetDimensions()), matrix)

    def image(self) -> Any:
        """A vtkOrientedImageData that lies there and has no voxels."""
        image = slicer.vtkOrientedImageData()
        image.SetExtent(0, self.size[0] - 1, 0, self.size[1] - 1, 0, self.size[2] - 1)
        image.SetImageToWorldMatrix(self.matrix)
        return image


@dataclass(frozen=True)
class LabelImage:
    """Labels on the grid of a volume, cut to what is not empty.

    Attributes:
        image: vtkOrientedImageData in the volume's own coordinates, None if nothing was found.
        voxels: label value -> number of its voxels, those found only.
    """

    image: Any
    voxels: dict[int, int]


def labelSteps(path: str, grid: VolumeGrid) -> Iterator[LabelImage | None]:
    """Read in steps of some milliseconds; the last one gives the image, those before None.

    Args:
        path: a .npy file, (I, J, K) unsigned integers.
        grid: where they lie.

    Raises:
        BadInputError: the file is not there, is cut short, or has another size than the grid.
    """
    labels = _opened(path, grid.size)
    counts = np.zeros(np.iinfo(labels.dtype).max + 1, np.int64)
    filled = [np.zeros(side, bool) for side in grid.size]
    for slab in _slabs(labels, [(0, side) for side in grid.size]):
        piece = labels[slab]
        counts += np.bincount(piece.ravel(order="K"), minlength=len(counts))
        plane = piece.any(axis=2)
        filled[0][slab[0]] |= plane.any(axis=1)
        filled[1][slab[1]] |= plane.any(axis=0)
        filled[2][slab[2]] |= piece.any(axis=(0, 1))
        yield None
    found = {int(value): int(counts[value]) for value in np.flatnonzero(counts) if value}
    if not found:
        yield LabelImage(None, {})
        return
    box = [(int(np.flatnonzero(side)[0]), int(np.flatnonzero(side)[-1]) + 1) for side in filled]
    # VTK's order in memory: I runs fastest.
    cut = np.empty([end - start for start, end in box], labels.dtype, order="F")
    for slab in _slabs(labels, box):
        place = tuple(
            slice(part.start - start, part.stop - start)
            for part, (start, _end) in zip(slab, box, strict=True)
        )
        cut[place] = labels[slab]
        yield None
    yield LabelImage(_image(cut, box, grid.matrix), found)


def _opened(path: str, size: tuple[int, int, int]) -> np.ndarray:
    try:
        labels = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BadInputError(
            _("The result of the worker cannot be read ({reason}).").format(
                reason=type(error).__name__
            ),
            _("Check that there is room on the disk for temporary files, and run it again."),
        ) from error
    if labels.shape != size or labels.dtype.kind != "u" or labels.dtype.itemsize > 2:
        raise BadInputError(
            _("The result of the worker does not fit the volume."), _("Run it again.")
        )
    return labels


def _slabs(labels: np.ndarray, box: list[tuple[int, int]]) -> Iterator[tuple[slice, slice, slice]]:
    """Pieces of a box of an array, each of some megabytes that lie together in the file."""
    across = 2 if labels.flags.f_contiguous else 0
    sides = [end - start for start, end in box]
    thick = max(1, _STEP_VOXELS * sides[across] // int(np.prod(sides)))
    start, end = box[across]
    for first in range(start, end, thick):
        slab = [slice(*side) for side in box]
        slab[across] = slice(first, min(first + thick, end))
        yield (slab[0], slab[1], slab[2])


def _image(labels: np.ndarray, box: list[tuple[int, int]], matrix: Any) -> Any:
    """A vtkOrientedImageData with these labels (I, J, K), which fill that box of the grid."""
    image = slicer.vtkOrientedImageData()
    image.SetExtent(*(index for start, end in box for index in (start, end - 1)))
    image.GetPointData().SetScalars(numpy_to_vtk(labels.ravel(order="F"), deep=False))
    image.SetImageToWorldMatrix(matrix)
    return image
