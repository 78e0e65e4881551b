"""Starts runs that outlive Slicer, and finds them again."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mambamim.jobs import detached
from mambamim.jobs.detached import DetachedRun, RunState
from MambaMIMLib.PythonChoice import PythonChoice


class Runs:
    """The detached runs of a training set, or of the user.

    Args:
        choosePython: gives the Python that does the work; may raise MambaMIMError.
    """

    def __init__(self, choosePython: Callable[[], PythonChoice]) -> None:
        self._choosePython = choosePython

    def start(self, job: str, parameters: dict[str, Any], folder: Path) -> None:
        """Start a run, or go on with the one that its folder holds.

        Raises:
            MambaMIMError: no Python, or the folder cannot be used.
        """
        python = self._choosePython()
        detached.start_detached(python.program, python.environment, job, parameters, folder)

    def attach(self, folder: Path) -> DetachedRun:
        """See `mambamim.jobs.detached.attach`."""
        return detached.attach(folder)

    def find(self, folder: Path) -> list[RunState]:
        """The runs below a folder, the last one first. Reads files: for a thread."""
        return detached.find_runs(folder)


def newFolder(parent: Path, kind: str) -> Path:
    """Where the next run goes; not made yet. Its name says when, not who."""
    stem = f"{kind}-{time.strftime('%Y%m%d-%H%M%S')}"
    number, folder = 1, parent / stem
    while folder.exists():
        number += 1
        folder = parent / f"{stem}-{number}"
    return folder
