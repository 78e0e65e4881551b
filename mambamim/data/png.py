"""PNG files of arrays, with numpy and zlib alone."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from mambamim.files import atomic_path

_EIGHT_BIT, _RGB = 8, 2


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write a picture, whole or not at all. It holds pixels and nothing else.

    Args:
        path: a .png file.
        pixels: (rows, columns, 3) uint8.

    Raises:
        BadInputError: the place cannot be written to, or the disk is full.
    """
    rows, columns, _ = pixels.shape
    plain = np.zeros((rows, 1 + 3 * columns), np.uint8)  # each row begins with its filter, none
    plain[:, 1:] = pixels.reshape(rows, -1)
    size = struct.pack(">2I5B", columns, rows, _EIGHT_BIT, _RGB, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", size)
    content += _chunk(b"IDAT", zlib.compress(plain.tobytes())) + _chunk(b"IEND", b"")
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))
