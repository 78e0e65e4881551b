"""NRRD and MetaImage writers for label maps.

Written here and not by SimpleITK: numbers keep every digit, nothing but the grid and the given
fields enters the header, equal labels give equal bytes, and a full disk is told when it happens.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping
from typing import IO

import numpy as np

from mambamim.data.grid import LpsFrame

_LEVEL = 5


def write_nrrd(
    stream: IO[bytes],
    labels: np.ndarray,
    frame: LpsFrame,
    fields: Mapping[str, str] | None = None,
) -> None:
    """Write labels as one packed NRRD.

    Args:
        stream: open for writing bytes.
        labels: (I, J, K) uint8 or uint16.
        frame: (origin, spacing, direction), LPS mm.
        fields: key/value pairs for the header; keys without ":=", values on one line.
    """
    origin, spacing, direction = frame
    steps = np.array(direction).reshape(3, 3) * np.array(spacing)
    lines = [
        "NRRD0005",
        f"type: {labels.dtype.name}",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {_numbers(labels.shape)}",
        f"space directions: {' '.join(_vector(step) for step in steps.T.tolist())}",
        "kinds: domain domain domain",
        "endian: little",
        "encoding: gzip",
        f"space origin: {_vector(origin)}",
        *(f"{key}:={value}" for key, value in (fields or {}).items()),
    ]
    stream.write(("\n".join(lines) + "\n\n").encode())
    with gzip.GzipFile("", "wb", compresslevel=_LEVEL, fileobj=stream, mtime=0) as packed:
        for block in _slices(labels):
            packed.write(block)


def write_mha(stream: IO[bytes], labels: np.ndarray, frame: LpsFrame) -> None:
    """Write labels as one packed MetaImage; arguments as for `write_nrrd`."""
    origin, spacing, direction = frame
    columns = np.array(direction).reshape(3, 3).T.ravel().tolist()
    packer = zlib.compressobj(_LEVEL)
    packed = [packer.compress(block) for block in _slices(labels)]
    packed.append(packer.flush())
    lines = [
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CompressedData = True",
        f"CompressedDataSize = {sum(map(len, packed))}",
        f"TransformMatrix = {_numbers(columns)}",
        f"Offset = {_numbers(origin)}",
        "CenterOfRotation = 0 0 0",
        f"ElementSpacing = {_numbers(spacing)}",
        f"DimSize = {_numbers(labels.shape)}",
        f"ElementType = {'MET_UCHAR' if labels.dtype == np.uint8 else 'MET_USHORT'}",
        "ElementDataFile = LOCAL",
    ]
    stream.write(("\n".join(lines) + "\n").encode())
    stream.writelines(packed)


def _slices(labels: np.ndarray) -> Iterator[bytes]:
    """The voxels, first axis fastest, a slice at a time."""
    little = labels.dtype.newbyteorder("<")
    for index in range(labels.shape[2]):
        yield labels[:, :, index].astype(little, copy=False).tobytes(order="F")


def _numbers(values: tuple[float, ...] | list[float]) -> str:
    return " ".join(repr(value) for value in values)


def _vector(values: tuple[float, ...] | list[float]) -> str:
    return f"({','.join(repr(value) for value in values)})"
