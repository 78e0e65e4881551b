"""A .nii.gz file written slice by slice with numpy alone; its header has a grid and no text."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Generator, Iterable
from pathlib import Path

import numpy as np

from mambamim.files import atomic_path
from mambamim.project.case import StoredFile

# Of the NIfTI-1 standard: type -> its code.
_CODES = {"uint8": 2, "int16": 4, "int32": 8, "float32": 16}
_HEADER = 348
_OFFSET = 352.0  # of the first voxel: the header and four bytes that say nothing follows it
_MM, _SCANNER = 2, 1
_LEVEL = 3  # of compression: twice as fast as the usual one, a tenth larger
_GZIP = 31  # zlib's window bits for gzip; its header then has no time and no name


def write_nifti_steps(
    path: Path, slices: Iterable[np.ndarray], kind: str, shape: tuple[int, ...], affine: np.ndarray
) -> Generator[None, None, StoredFile]:
    """Write a volume, whole or not at all; yields after every slice.

    Args:
        path: a .nii.gz file.
        slices: (I, J) each, K of them, of the type `kind`.
        kind: "uint8", "int16", "int32" or "float32".
        shape: (I, J, K).
        affine: (4, 4), voxel to RAS mm.

    Returns:
        The file as it was written.

    Raises:
        BadInputError: the place cannot be written to, or the disk is full.
    """
    digest, size = hashlib.sha256(), 0
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    little = np.dtype(kind).newbyteorder("<")
    with atomic_path(path) as temporary:
        with temporary.open("wb") as stream:
            packed = packer.compress(_header(kind, shape, affine))
            for part in slices:
                packed += packer.compress(part.astype(little, copy=False).tobytes(order="F"))
                stream.write(packed)
                digest.update(packed)
                size += len(packed)
                packed = b""
                yield
            packed = packer.flush()
            stream.write(packed)
        digest.update(packed)
    return StoredFile(size + len(packed), digest.hexdigest())


def _header(kind: str, shape: tuple[int, ...], affine: np.ndarray) -> bytes:
    header = bytearray(_HEADER + 4)
    spacing = np.linalg.norm(affine[:3, :3], axis=0).tolist()
    struct.pack_into("<i", header, 0, _HEADER)
    struct.pack_into("<8h", header, 40, 3, *shape, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, _CODES[kind], 8 * np.dtype(kind).itemsize)
    struct.pack_into("<8f", header, 76, 1, *spacing, 0, 0, 0, 0)
    struct.pack_into("<3f", header, 108, _OFFSET, 1, 0)  # and slope and intercept
    struct.pack_into("<B", header, 123, _MM)
    struct.pack_into("<2h", header, 252, 0, _SCANNER)  # qform, sform
    struct.pack_into("<12f", header, 280, *affine[:3].ravel().tolist())
    header[344:348] = b"n+1\0"
    return bytes(header)
