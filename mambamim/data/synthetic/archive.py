"""Arrays in one small file: numpy's .npz, packed by LZMA, which halves label maps once more."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from mambamim.errors import BadInputError
from mambamim.files import atomic_path


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write named arrays, whole or not at all; `np.load` reads them, too."""
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_LZMA) as packed,
    ):
        for name, array in arrays.items():
            with packed.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)


def read_arrays(path: Path, *names: str) -> list[np.ndarray]:
    """Read some of them; nothing is unpickled.

    Raises:
        BadInputError: the file is absent, damaged, or lacks one of them.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return [stored[name] for name in names]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BadInputError(
            f"{path.name} is not of a bank, or is damaged.", "Prepare the bank again."
        ) from error
