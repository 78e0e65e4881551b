"""A scan in memory, and the one function that reads it from any supported file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mambamim.data.arrays import read_array, write_array
from mambamim.data.dicom import read_dicom
from mambamim.data.grid import Grid
from mambamim.data.itk_files import read_itk
from mambamim.data.label_map import write_label_map
from mambamim.data.nifti import read_nifti, write_nifti
from mambamim.errors import BadInputError, OutOfMemoryError
from mambamim.files import atomic_path

__all__ = ["AIR_HU", "Volume", "read_volume", "write_label_map", "write_volume"]

AIR_HU = -1024.0
_NIFTI = (".nii", ".nii.gz")
_ITK = (".nrrd", ".nhdr", ".mha", ".mhd")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Volume:
    """A scan.

    Attributes:
        array: (I, J, K), HU after slope and intercept: integers as stored, or float32.
        affine: (4, 4) float64, voxel (i, j, k) to RAS mm; column c belongs to array axis c.
        source: the grid of the file, which `write_label_map` needs.
    """

    array: np.ndarray
    affine: np.ndarray
    source: Grid


def read_volume(path: str | Path, affine: np.ndarray | None = None) -> Volume:
    """Read one CT.

    Args:
        path: .nii, .nii.gz, .nrrd, .nhdr, .mha, .mhd, or a folder with DICOM slices (of several
            series the one with the most slices). Voxels that are not finite become air.
        affine: of a .npy array, which carries none: (4, 4), voxel (i, j, k) to RAS mm.

    Raises:
        BadInputError: absent, empty, of another kind, damaged, cut short, a folder without DICOM,
            uneven slices, 2D, 4D, colours or complex numbers, no finite voxel, singular affine.
        OutOfMemoryError: it does not fit into memory.
    """
    path = Path(path)
    with reading(path):
        array, grid = _read(path, affine)
        array = plain_voxels(array, path.name)
    return Volume(array, grid.affine, grid)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """What can go wrong with any file, told as this package tells it.

    Raises:
        BadInputError: the system does not let it be read.
        OutOfMemoryError: it does not fit into memory.
    """
    try:
        yield
    except MemoryError as error:
        raise OutOfMemoryError(
            f"{path.name} does not fit into memory.", "Close other programs, or crop the scan."
        ) from error
    except OSError as error:
        raise BadInputError(
            f"{path.name} cannot be read: {error.strerror or type(error).__name__}.",
            "Check the path and your rights to it.",
        ) from error


def write_volume(path: Path, array: np.ndarray, like: Volume) -> None:
    """Write intensities on the grid of a scan, whole or not at all.

    Args:
        path: .nii.gz or .nii; .npy is the bare array.
        array: (I, J, K), the shape of `like.array`, written in its own type.
        like: the scan, as `read_volume` gave it.

    Raises:
        BadInputError: the place cannot be written to.
    """
    if path.suffix == ".npy":
        write_array(path, array)
        return
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        write_nifti(stream, array, like.source, path.suffix == ".gz", intent="none")


def _read(path: Path, affine: np.ndarray | None) -> tuple[np.ndarray, Grid]:
    name = path.name.lower()
    if path.is_dir():
        return read_dicom(path)
    if not path.exists():
        raise BadInputError(f"There is no file {path.name}.", "Check the path.")
    if not path.is_file():
        raise BadInputError(f"{path.name} is not a file.", "Give a scan or a DICOM folder.")
    if path.stat().st_size == 0:
        raise BadInputError(f"{path.name} is empty.", "Copy, download or export the file again.")
    if affine is not None:
        return read_array(path, affine)
    if name.endswith(_NIFTI):
        return read_nifti(path)
    if name.endswith(_ITK):
        return read_itk(path)
    raise BadInputError(
        f"{path.name} is of an unknown kind.",
        "Give a .nii.gz, .nii, .nrrd or .mha file, or the folder of a DICOM series.",
    )


def plain_voxels(array: np.ndarray, where: str) -> np.ndarray:
    """In this machine's byte order, floats as float32, all finite, no longer than needed.

    Args:
        array: (I, J, K), as a file has it.
        where: the file's name, for the message.

    Raises:
        BadInputError: no voxel is finite.
    """
    kind, width = array.dtype.kind, array.dtype.itemsize
    if kind == "f" and width != 4:
        with np.errstate(over="ignore"):  # what overflows becomes infinite, and air below
            array = array.astype(np.float32)
    elif kind in "iu" and width > 2:
        array = array.astype(_narrowest(array))
    elif not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind != "f":
        return array
    finite = np.isfinite(array)
    count = array.size - int(np.count_nonzero(finite))
    if count == array.size:
        raise BadInputError(
            f"{where} holds no numbers: every voxel is NaN or infinite.", "Export the scan again."
        )
    if count:
        _LOG.warning("%d voxels are not finite numbers; they are taken for air.", count)
        array = np.where(finite, array, np.float32(AIR_HU))
    return array


def _narrowest(array: np.ndarray) -> type[np.generic]:
    """The type that holds these integers: HU fit into int16, which halves the memory."""
    low, high = int(array.min()), int(array.max())
    for kind in (np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return kind
    return np.float32
