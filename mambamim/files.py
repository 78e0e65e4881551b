"""Files that come to be whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mambamim.errors import BadInputError

_STALE = 3600.0  # seconds after which an unfinished file is taken for a killed process's
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its place when the block ends well.

    The folder is made if it is missing. The temporary name ends as `path` does. On any failure the
    temporary file, and the folders made for it, are removed, and what was at `path` stays.

    Raises:
        BadInputError: the place cannot be written to, or the disk is full.
    """
    temporary = path.with_name(f".{secrets.token_hex(4)}-{path.name}")
    made: list[Path] = []
    done = False
    try:
        made = _make_folder(path.parent)
        _sweep(path)
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
        done = True
    except OSError as error:
        full = error.errno in _FULL
        raise BadInputError(
            f"{path.name} cannot be written: {error.strerror or type(error).__name__}.",
            "Free some space on the disk." if full else "Choose another place to write to.",
        ) from error
    finally:
        if not done:
            _remove(temporary, made)


def _sweep(path: Path) -> None:
    """Remove what processes that were killed while they wrote `path` have left beside it."""
    left = re.compile(r"\.[0-9a-f]{8}-" + re.escape(path.name))
    for sibling in path.parent.iterdir():
        if left.fullmatch(sibling.name) and time.time() - sibling.stat().st_mtime > _STALE:
            sibling.unlink(missing_ok=True)


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder and its parents; those that were made, the innermost first."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _remove(temporary: Path, folders: list[Path]) -> None:
    try:
        temporary.unlink(missing_ok=True)
        for folder in folders:
            folder.rmdir()
    except OSError:  # not there, or somebody else has begun to use the folder: theirs now
        return
