"""Hands a volume of the scene to the worker: its voxels as a bare array, and where they lie."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from mambamim.errors import BadInputError

_STEP_BYTES = 4 * 1024**2  # written between two looks at the event loop
_SPARE = 1.5  # the label map and its preview need room too


@dataclass(frozen=True)
class VolumeFiles:
    """What the worker is told of a volume.

    Attributes:
        array: path of the .npy file, (I, J, K).
        affine: four rows of four numbers, voxel (i, j, k) to RAS mm in the world.
    """

    array: str
    affine: list[list[float]]


def checkVolume(volumeNode: Any) -> None:
    """Refuse what is no three-dimensional scan, or does not lie straight in the world.

    Raises:
        BadInputError: says what is wrong and what to do about it.
    """
    if volumeNode is None:
        raise BadInputError(
            _("No volume is selected."), _("Load a scan and select it, or load the sample CT.")
        )
    image = volumeNode.GetImageData()
    if image is None or image.GetPointData().GetScalars() is None:
        raise BadInputError(
            _("The selected volume has no voxels."), _("Load the scan again, or select another.")
        )
    if image.GetNumberOfScalarComponents() != 1:
        raise BadInputError(
            _("The selected volume has {count} values in each voxel: it is a picture in colour or "
              "a 4D scan.").format(count=image.GetNumberOfScalarComponents()),
            _("Load a 4D scan as a sequence and take one of its volumes, or use Several volumes."),
        )  # fmt: skip
    if volumeNode.IsA("vtkMRMLLabelMapVolumeNode"):
        raise BadInputError(
            _("The selected volume is a label map."), _("Select the scan that it belongs to.")
        )
    if min(image.GetDimensions()) < 2:
        raise BadInputError(
            _("The selected volume is a single slice."),
            _("Organs are found in 3D: load the whole series."),
        )
    if not _isLinear(volumeNode):
        raise BadInputError(
            _("The selected volume is under a transform that bends it."),
            _("Apply it first: right-click the volume in the Data module, Harden transform."),
        )


def exportVolume(volumeNode: Any, folder: str | Path) -> VolumeFiles:
    """The same as `exportSteps` in one go, for scripts and tests."""
    *_steps, files = exportSteps(volumeNode, folder)
    return files


def exportSteps(volumeNode: Any, folder: str | Path) -> Iterator[VolumeFiles | None]:
    """Write a volume for the worker in steps of some milliseconds; the last one gives the files.

    The volume is only read. Its voxels are kept alive between the steps, whatever becomes of it.

    Raises:
        BadInputError: the volume is none that can be used, or there is no room for it.
    """
    checkVolume(volumeNode)
    # A view (K, J, I); for a scan from a file its memory is that of an (I, J, K) array by columns.
    voxels = np.ascontiguousarray(slicer.util.arrayFromVolume(volumeNode))
    affine = affineOf(volumeNode)
    path = Path(folder) / "volume.npy"
    _checkRoom(path.parent, voxels.nbytes)
    try:
        with path.open("wb") as stream:
            np.lib.format.write_array_header_1_0(
                stream,
                {
                    "descr": np.lib.format.dtype_to_descr(voxels.dtype),
                    "fortran_order": True,
                    "shape": voxels.shape[::-1],
                },
            )
            raw = memoryview(voxels.reshape(-1).view(np.uint8))
            for start in range(0, len(raw), _STEP_BYTES):
                stream.write(raw[start : start + _STEP_BYTES])
                yield None
    except OSError as error:
        path.unlink(missing_ok=True)
        raise plainDiskError(error, path.parent, voxels.nbytes) from error
    yield VolumeFiles(str(path), affine)


def affineOf(volumeNode: Any) -> list[list[float]]:
    """Voxel (i, j, k) to RAS mm in the world, the transforms above the volume included."""
    matrix, toWorld = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(matrix)
    parent = volumeNode.GetParentTransformNode()
    if parent is not None:
        parent.GetMatrixTransformToWorld(toWorld)
        vtk.vtkMatrix4x4.Multiply4x4(toWorld, matrix, matrix)
    return [[matrix.GetElement(row, column) for column in range(4)] for row in range(4)]


def plainDiskError(error: OSError, folder: Path, needed: int = 0) -> BadInputError:
    """What a person is told where a file of the run cannot be written or read."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):  # Windows has no quota error
        return _noRoom(folder, needed)
    return BadInputError(
        _("The folder for temporary files cannot be used: {reason}.").format(
            reason=error.strerror or type(error).__name__
        ),
        _("Choose another one in Edit, Application Settings, Modules, Temporary directory."),
    )


def _isLinear(volumeNode: Any) -> bool:
    parent = volumeNode.GetParentTransformNode()
    return parent is None or bool(parent.IsTransformToWorldLinear())


def _checkRoom(folder: Path, needed: int) -> None:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise plainDiskError(error, folder) from error
    if free < needed * _SPARE:
        raise _noRoom(folder, needed)


def _noRoom(folder: Path, needed: int) -> BadInputError:
    megabytes = max(1, round(needed * _SPARE / 1e6))
    return BadInputError(
        _("The disk is full: the scan needs {size} MB for temporary files in {folder}.").format(
            size=megabytes, folder=folder
        ),
        _("Free some space, or choose another temporary directory in Edit, Application Settings."),
    )
