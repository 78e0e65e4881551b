"""Files of a task: whether they can be written, found out early, and none left when it fails."""

from __future__ import annotations

import contextlib
import importlib.util
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mambamim.errors import BadInputError, Cancelled, MissingDependencyError
from mambamim.inference.report import Cancel


def check_writable(place: Path) -> None:
    """Find out before the long work whether a file can be written at `place`.

    Raises:
        BadInputError: `place` is a folder, or its folder cannot be made or written to.
    """
    if place.is_dir():
        raise BadInputError(f"{place.name} is a folder; a file is to be written there.")
    folder = next(parent for parent in place.absolute().parents if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        raise BadInputError(
            f"{place.name} cannot be written: {error.strerror or type(error).__name__}.",
            "Choose another place with --output.",
        ) from error


def check_pictures() -> None:
    """Find out before the long work whether pictures can be drawn.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingDependencyError(
            "Pictures need matplotlib, which is not installed.",
            'Install it with: pip install "mambamim[pictures]"',
        )


def stop_if(stop: Cancel) -> None:
    """Raise Cancelled if `stop` says so."""
    if stop():
        raise Cancelled()


@contextlib.contextmanager
def nothing_left(
    places: Sequence[Path], beside: Callable[[Path], Sequence[Path]] = lambda place: ()
) -> Iterator[list[Path]]:
    """Collect what is written; on any failure remove what was not there before.

    Args:
        places: every file that may be written.
        beside: other files that come with one.
    """
    there = {place for place in places if place.exists()}
    parents = {parent for place in places for parent in place.absolute().parents}
    missing = sorted((p for p in parents if not p.exists()), key=lambda p: -len(p.parts))
    written: list[Path] = []
    try:
        yield written
    except BaseException:  # Ctrl-C included
        for place in written:
            if place not in there:
                for file in (place, *beside(place)):
                    file.unlink(missing_ok=True)
        for folder in missing:  # the innermost first; one that somebody else uses stays
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
