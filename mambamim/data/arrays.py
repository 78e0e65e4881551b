"""Volumes and label maps as bare .npy arrays: how two processes hand them over.

Nothing is compressed and nothing copied that need not be; the affine travels beside the file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mambamim.data.grid import Grid, check_affine, check_shape
from mambamim.errors import BadInputError
from mambamim.files import atomic_path


def read_array(path: Path, affine: np.ndarray) -> tuple[np.ndarray, Grid]:
    """A mapped array and its grid. Nothing is unpickled.

    Args:
        path: a .npy file with (I, J, K) numbers.
        affine: (4, 4), voxel (i, j, k) to RAS mm.

    Raises:
        BadInputError: no array of numbers of three axes, or a singular affine.
    """
    check_affine(affine, path.name)
    try:
        # Copy on write: torch wants arrays that it could write to, and the file must not change.
        array = np.load(path, mmap_mode="c", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise BadInputError(
            f"{path.name} is not an array in numpy's format, or is cut short.", "Write it again."
        ) from error
    if array.dtype.kind not in "iufb":
        raise BadInputError(f"{path.name} must hold real numbers, not {array.dtype}.")
    check_shape(array.shape, path.name)
    return array, Grid(np.asarray(affine, np.float64), array.shape)


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an array, whole or not at all.

    Raises:
        BadInputError: the place cannot be written to.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, array, allow_pickle=False)
