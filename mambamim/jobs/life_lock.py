"""A lock that tells whether a process lives: the system lets go of it however the process ends."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

_FAR = 1 << 30  # on Windows a locked byte cannot be read by others: one beyond the content


def hold(path: Path, text: str) -> IO[str]:
    """Write a file and hold it until the process ends; the stream must be kept.

    Raises:
        OSError: another process holds it, or it cannot be written.
    """
    stream = path.open("a+", encoding="utf-8")
    try:
        _lock(stream)
    except OSError:
        stream.close()
        raise
    stream.truncate(0)
    stream.write(text)
    stream.flush()
    return stream


def is_held(path: Path) -> bool:
    """Whether a process holds the file; one that is not there is not held."""
    try:
        stream = path.open("r+", encoding="utf-8")
    except OSError:
        return False
    with stream:
        try:
            _lock(stream)
        except OSError:
            return True
        _unlock(stream)
    return False


if os.name == "nt":
    import msvcrt

    def _lock(stream: IO[str]) -> None:
        stream.seek(_FAR)
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        stream.seek(0)

    def _unlock(stream: IO[str]) -> None:
        stream.seek(_FAR)
        msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined]

else:
    import fcntl

    def _lock(stream: IO[str]) -> None:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(stream: IO[str]) -> None:
        fcntl.flock(stream, fcntl.LOCK_UN)
