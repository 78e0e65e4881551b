"""One training at a time in a run folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from mambamim.errors import BadInputError


@contextmanager
def only_training(run: Path) -> Iterator[None]:
    """Hold the run folder while the block runs; a process that is killed lets go of it.

    Raises:
        BadInputError: another training holds it.
    """
    try:
        lock = FileLock(run / ".lock", timeout=0).acquire()
    except Timeout:
        raise BadInputError(
            f"Another training is at work in {run.name}.",
            "Wait for it, stop it with a file named STOP there, or take another folder.",
        ) from None
    with lock:
        yield
