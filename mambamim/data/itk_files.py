"""NRRD and MetaImage files to arrays and back, by SimpleITK."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813 (the name its own documentation uses)

from mambamim.data.grid import Grid, check_affine, check_shape
from mambamim.errors import BadInputError


def read_itk(path: Path) -> tuple[np.ndarray, Grid]:
    """Read a .nrrd, .nhdr, .mha or .mhd file.

    Returns:
        The array (I, J, K) and its grid.

    Raises:
        BadInputError: unreadable, cut short, not one 3D volume, several components a voxel, or
            without a usable affine.
    """
    with _reading(path) as reader:
        size = list(reader.GetSize())
        reader.SetExtractSize([*size[:3], *[0] * (len(size) - 3)])
        image = reader.Execute()
    array, grid = from_itk(image)
    check_affine(grid.affine, path.name)
    return array, grid


def read_itk_header(path: Path) -> tuple[Grid, int]:
    """The grid of a file that ITK reads, and the bytes of a voxel in it; no voxel is read.

    Raises:
        BadInputError: unreadable, not one 3D volume, or several components a voxel.
    """
    with _reading(path) as reader:
        frame = (reader.GetOrigin(), reader.GetSpacing(), reader.GetDirection())
        size, bytes_a_voxel = tuple(reader.GetSize()), voxel_bytes(reader)
    axes = len(size)  # beyond three they are of length 1
    direction = np.reshape(frame[2], (axes, axes))[:3, :3].ravel().tolist()
    return Grid.from_lps((frame[0][:3], frame[1][:3], tuple(direction)), size[:3]), bytes_a_voxel


def voxel_bytes(reader: sitk.ImageFileReader) -> int:
    """Bytes of a voxel of the file whose header `reader` has read."""
    return int(sitk.Image([1, 1, 1], reader.GetPixelID()).GetSizeOfPixelComponent())


@contextmanager
def _reading(path: Path) -> Iterator[sitk.ImageFileReader]:
    """A reader that knows the file's header, of one 3D volume with a real number a voxel."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        with quiet_itk():
            reader.ReadImageInformation()
            check_shape(tuple(reader.GetSize()), path.name)
            check_components(reader.GetNumberOfComponents(), reader.GetPixelID(), path.name)
            yield reader
    except RuntimeError as error:
        raise BadInputError(
            f"{path.name} cannot be read: it is damaged, cut short or of another kind.",
            "Copy, download or export the file again.",
        ) from error


def from_itk(image: sitk.Image) -> tuple[np.ndarray, Grid]:
    """Array (I, J, K) and grid of a 3D image: SimpleITK's arrays run z, y, x and are turned."""
    array = sitk.GetArrayFromImage(image).T
    frame = (tuple(image.GetOrigin()), tuple(image.GetSpacing()), tuple(image.GetDirection()))
    return array, Grid.from_lps(frame, array.shape)


def check_components(components: int, pixel_id: int, where: str) -> None:
    """Refuse what is not one real number a voxel.

    Raises:
        BadInputError: colours, vectors or complex numbers.
    """
    if components != 1 or pixel_id in (sitk.sitkComplexFloat32, sitk.sitkComplexFloat64):
        raise BadInputError(
            f"{where} holds colours, vectors or complex numbers, not HU.",
            "Give a CT with one real number a voxel.",
        )


class quiet_itk:  # noqa: N801, a context manager reads like a verb
    """While it lasts ITK prints no warnings; errors are raised all the same."""

    def __enter__(self) -> None:
        self._before = sitk.ProcessObject.GetGlobalWarningDisplay()
        sitk.ProcessObject.GlobalWarningDisplayOff()

    def __exit__(self, *_: object) -> None:
        sitk.ProcessObject.SetGlobalWarningDisplay(self._before)
