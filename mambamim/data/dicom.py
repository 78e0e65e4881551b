"""A folder of DICOM slices to one volume, by SimpleITK's GDCM."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813 (the name its own documentation uses)

from mambamim.data.grid import Grid, check_affine, check_shape
from mambamim.data.itk_files import check_components, from_itk, quiet_itk, voxel_bytes
from mambamim.data.scan_files import is_dicom
from mambamim.errors import BadInputError

_POSITION = "0020|0032"
_THICKNESS = ("0018|0050", "0018|0088")  # slice thickness, spacing between slices
_UNEVEN = 0.1  # of the spacing: beyond, slices are missing
_NOTABLE = 0.01  # of the spacing: beyond, it is said
_TILTED_DEGREES = 0.5
_LOG = logging.getLogger(__name__)


def read_dicom(folder: Path) -> tuple[np.ndarray, Grid]:
    """Read the series with the most slices in a folder and the folders in it.

    The rescale slope and intercept are applied. The slices' own positions give the third axis, so a
    tilted gantry is kept as it is, as an oblique axis.

    Returns:
        The array (I, J, K) and its grid.

    Raises:
        BadInputError: no DICOM in the folder, a damaged file, slices missing, several images at
            one place, or not one 3D volume.
    """
    with quiet_itk():
        files = _longest_series(folder)
        image, positions = _read(files, folder.name)
    check_shape(image.GetSize(), folder.name)
    array, grid = from_itk(image)
    if positions is not None:
        grid = _place(image, positions, folder.name)
    check_affine(grid.affine, folder.name)
    return array, grid


def guess_dicom_header(folder: Path) -> tuple[Grid, int]:
    """About the grid of the series in a folder, and the bytes of a voxel, from one slice's header.

    All DICOM files in the folder and the folders in it count as slices of that one's size and
    thickness, so the guess is rather too large than too small.

    Raises:
        BadInputError: no DICOM in the folder, or the slice cannot be read.
    """
    places = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    files = sorted(path for path in places if is_dicom(path))
    if not files:
        raise _no_images(folder)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(files[0]))
    try:
        with quiet_itk():
            reader.ReadImageInformation()
    except RuntimeError as error:
        raise _damaged(folder.name) from error
    mm = [float(reader.GetMetaData(tag)) for tag in _THICKNESS if reader.HasMetaDataKey(tag)]
    shape = (*reader.GetSize()[:2], len(files) * reader.GetSize()[2])
    sides = (*reader.GetSpacing()[:2], max(reader.GetSpacing()[2], *mm, 0.0))
    grid = Grid.from_lps((reader.GetOrigin(), sides, reader.GetDirection()), shape)
    return grid, voxel_bytes(reader)


def _longest_series(folder: Path) -> list[str]:
    """File names of the series with the most files, sorted along its normal."""
    found: dict[tuple[str, str], list[str]] = {}
    for place, folders, names in os.walk(folder):
        folders.sort()
        for series in sitk.ImageSeriesReader.GetGDCMSeriesIDs(place) if names else ():
            found[place, series] = list(
                sitk.ImageSeriesReader.GetGDCMSeriesFileNames(place, series)
            )
    if not found:
        raise _no_images(folder)
    longest = max(found.values(), key=len)
    if len(found) > 1:
        _LOG.warning(
            "The folder holds %d series; the one with the most files (%d) is read.",
            len(found),
            len(longest),
        )
    return longest


def _read(files: list[str], where: str) -> tuple[sitk.Image, np.ndarray | None]:
    """The image, and the slices' positions (n, 3) in LPS mm; None for one file with all slices."""
    try:
        if len(files) == 1:
            image = sitk.ReadImage(files[0], imageIO="GDCMImageIO")
            check_components(image.GetNumberOfComponentsPerPixel(), image.GetPixelID(), where)
            return image, None
        reader = sitk.ImageSeriesReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileNames(files)
        reader.MetaDataDictionaryArrayUpdateOn()
        image = reader.Execute()
    except RuntimeError as error:
        raise _damaged(where) from error
    check_components(image.GetNumberOfComponentsPerPixel(), image.GetPixelID(), where)
    if not all(reader.HasMetaDataKey(index, _POSITION) for index in range(len(files))):
        raise BadInputError(
            f"The slices in the folder {where} do not say where they lie.",
            "Give an axial CT series, not screenshots or reports.",
        )
    texts = [reader.GetMetaData(index, _POSITION).split("\\") for index in range(len(files))]
    return image, np.array(texts, np.float64)


def _place(image: sitk.Image, positions: np.ndarray, where: str) -> Grid:
    """The grid whose third axis is the mean step from slice to slice."""
    steps = np.diff(positions, axis=0)
    step = steps.mean(axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    spacing = float(np.linalg.norm(step))
    if lengths.min() < 1e-3 or spacing < 1e-3:
        raise BadInputError(
            f"The series in {where} has several images at one place (time points or phases).",
            "Export one phase alone.",
        )
    unevenness = np.linalg.norm(steps - step, axis=1).max() / spacing
    if unevenness > _UNEVEN:
        raise BadInputError(
            f"The slices in {where} are {lengths.min():.4g} to {lengths.max():.4g} mm apart:"
            " some are missing.",
            "Export the whole series, or resample it to even slices first.",
        )
    if unevenness > _NOTABLE:
        _LOG.warning("The slices are not quite evenly spaced (%.1f %%).", 100 * unevenness)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    normal = np.cross(direction[:, 0], direction[:, 1])
    tilt = float(np.degrees(np.arccos(min(1.0, abs(step @ normal) / spacing))))
    if tilt > _TILTED_DEGREES:
        _LOG.warning("The gantry was tilted by %.1f degrees; the axes are kept oblique.", tilt)
    direction[:, 2] = step / spacing
    sides = (*image.GetSpacing()[:2], spacing)
    frame = (tuple(image.GetOrigin()), sides, tuple(direction.ravel().tolist()))
    return Grid.from_lps(frame, image.GetSize())


def _no_images(folder: Path) -> BadInputError:
    return BadInputError(
        f"The folder {folder.name} holds no DICOM images.",
        "Give the folder that holds the slices of one CT series.",
    )


def _damaged(where: str) -> BadInputError:
    return BadInputError(
        f"A slice in the folder {where} is damaged or does not fit the others.",
        "Export the series again, alone in its folder.",
    )
