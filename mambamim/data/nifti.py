"""NIfTI files to arrays and back."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from pathlib import Path
from typing import IO, Any, cast

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from mambamim.data.grid import Grid, check_affine, check_shape
from mambamim.errors import BadInputError

_GZIP_MAGIC = b"\x1f\x8b"
_NIFTI2_SIZE = 540
_BEST_DEFLATE = 1100  # no gzip file holds more than this many bytes a byte
_BLOCK = 1 << 20
_MOST_CHANNELS = 64  # what a network may take


def read_nifti(path: Path) -> tuple[np.ndarray, Grid]:
    """Read a .nii or .nii.gz file to its end.

    Returns:
        The array (I, J, K), slope and intercept applied (integers stay integers where there are
        none, otherwise float32), and its grid.

    Raises:
        BadInputError: not a NIfTI file, cut short, damaged, not one 3D volume, complex or RGB,
            or without a usable affine.
    """
    with _open(path) as stream:
        image, grid = _image(stream, path)
        check_shape(grid.shape, path.name)
        array = _read_whole(stream, image, grid, path)
    return array.reshape(array.shape[:3]), grid


def read_nifti_channels(path: Path) -> tuple[list[np.ndarray], Grid]:
    """Read a .nii or .nii.gz file whose fourth axis, if it has one, is the channel.

    Returns:
        The channels (I, J, K), as of `read_nifti`, and the grid of one.

    Raises:
        BadInputError: as `read_nifti`; five axes, or more than 64 channels.
    """
    with _open(path) as stream:
        image, grid = _image(stream, path)
        if not _has_channels(grid.shape):
            check_shape(grid.shape, path.name)
        array = _read_whole(stream, image, grid, path)
    if not _has_channels(grid.shape):
        return [array.reshape(array.shape[:3])], grid
    count = grid.shape[3]
    return (
        [
            np.ascontiguousarray(array.reshape(*array.shape[:3], count)[..., c])
            for c in range(count)
        ],
        Grid.from_nifti(cast(nib.Nifti1Header, grid.nifti), grid.shape[:3]),
    )


def is_nifti(path: Path) -> bool:
    """Whether a file's name is that of a NIfTI file."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def read_nifti_header(path: Path, channels: bool = False) -> tuple[Grid, int]:
    """The grid of a .nii or .nii.gz file and the bytes of a voxel in it; no voxel is read.

    Args:
        path: the file.
        channels: whether a fourth axis, of channels, is let through.

    Raises:
        BadInputError: not a NIfTI file, cut short so that it shows, not one 3D volume, or without a
            usable affine.
    """
    with _open(path) as stream:
        image, grid = _image(stream, path)
    if not (channels and _has_channels(grid.shape)):
        check_shape(grid.shape, path.name)
    check_affine(grid.affine, path.name)
    _check_size(path, cast(nib.Nifti1Header, image.header))
    return grid, image.get_data_dtype().itemsize


def write_nifti(
    stream: IO[bytes], array: np.ndarray, grid: Grid, compress: bool, intent: str = "label"
) -> None:
    """Write an array (I, J, K) on a grid, as NIfTI-2 if the grid came from there.

    Args:
        stream: open for writing bytes.
        array: written in its own type without scaling.
        grid: where they lie.
        compress: with gzip; no time and no name is stored, so equal arrays give equal bytes.
        intent: what the values are: "label", or "none" for intensities.
    """
    header = grid.nifti_header()
    header.set_data_dtype(array.dtype)
    header.set_intent(intent)
    kind = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
    shape = grid.shape if grid.nifti is not None else array.shape
    image = kind(array.reshape(shape, order="A"), None, header=header)
    if not compress:
        image.to_stream(cast(io.IOBase, stream))
        return
    with gzip.GzipFile("", "wb", compresslevel=5, fileobj=stream, mtime=0) as packed:
        image.to_stream(packed)


def _has_channels(shape: tuple[int, ...]) -> bool:
    """Whether a fourth axis is one of channels and no other one is there."""
    several = len(shape) > 3 and 1 < shape[3] <= _MOST_CHANNELS and min(shape[:3]) > 1
    return several and all(size == 1 for size in shape[4:])


def _read_whole(stream: IO[bytes], image: nib.Nifti1Image, grid: Grid, path: Path) -> np.ndarray:
    """The voxels, after what can be told of them by the header."""
    check_affine(grid.affine, path.name)
    _check_size(path, cast(nib.Nifti1Header, image.header))
    try:
        array = _pixels(image, path.name)
        while stream.read(_BLOCK):  # to the end: gzip compares its checksum only there
            pass
    except (EOFError, OSError, ValueError, zlib.error, struct.error) as error:
        raise _cut(path) from error
    return array


def _open(path: Path) -> IO[bytes]:
    """Open by content, not by name: a .nii that is packed is read all the same."""
    with path.open("rb") as stream:
        packed = stream.read(2) == _GZIP_MAGIC
    return cast(IO[bytes], gzip.open(path, "rb")) if packed else path.open("rb")


def _image(stream: IO[bytes], path: Path) -> tuple[nib.Nifti1Image, Grid]:
    """The image, whose voxels are still in the stream, and its grid."""
    try:
        image = _image_class(stream).from_file_map(
            {"image": nib.FileHolder(fileobj=cast(io.IOBase, stream))}, mmap=False
        )
        header = cast(nib.Nifti1Header, image.header)
        shape = tuple(int(size) for size in header.get_data_shape())
        return image, Grid.from_nifti(header, shape)
    except (ImageFileError, HeaderDataError, WrapStructError, ValueError) as error:
        raise BadInputError(
            f"{path.name} is not a NIfTI file.",
            "Give a NIfTI, NRRD or MHA file or a DICOM folder.",
        ) from error
    except (EOFError, OSError, zlib.error, struct.error) as error:
        raise _cut(path) from error


def _image_class(stream: IO[bytes]) -> type[nib.Nifti1Image]:
    start = stream.read(4)
    stream.seek(0)
    sizes = {int.from_bytes(start, "little"), int.from_bytes(start, "big")}
    return nib.Nifti2Image if _NIFTI2_SIZE in sizes else nib.Nifti1Image


def _check_size(path: Path, header: nib.Nifti1Header) -> None:
    """Refuse a header that promises more than the file can hold, before memory is asked for."""
    shape = [int(size) for size in header.get_data_shape()]
    promised = int(np.prod(shape, dtype=object)) * header.get_data_dtype().itemsize
    if promised > _BEST_DEFLATE * path.stat().st_size:
        raise _cut(path)


def _pixels(image: nib.Nifti1Image, where: str) -> np.ndarray:
    proxy: Any = image.dataobj
    stored = proxy.dtype
    if stored.kind not in "biuf":
        what = "complex numbers" if stored.kind == "c" else "colours"
        raise BadInputError(
            f"{where} holds {what}, not HU.", "Give a CT with one real number a voxel."
        )
    array = proxy.get_unscaled()
    if (proxy.slope, proxy.inter) == (1.0, 0.0):
        return array
    scaled = array.astype(np.float32)
    scaled *= np.float32(proxy.slope)
    scaled += np.float32(proxy.inter)
    return scaled


def _cut(path: Path) -> BadInputError:
    return BadInputError(
        f"{path.name} is damaged or cut short.", "Copy, download or export the file again."
    )
