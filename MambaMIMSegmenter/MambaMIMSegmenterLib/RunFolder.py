"""A folder of one run's files. Nothing in its name tells whose scan it is."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import slicer

from MambaMIMLib import Log
from MambaMIMLib.VolumeExport import plainDiskError


def makeRunFolder() -> Path:
    """A new folder below Slicer's for temporary files.

    Raises:
        BadInputError: it cannot be made; says what to do.
    """
    place = temporaryPath()
    try:
        place.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="mambamim-", dir=place))
    except OSError as error:
        raise plainDiskError(error, place) from error


def removeRunFolder(folder: Path) -> None:
    """Take it away with all that it holds; a file that is still held open is left and logged."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        Log.warning(f"A run's temporary files were not removed ({type(error).__name__}).")


def temporaryPath() -> Path:
    """Where Slicer keeps temporary files."""
    return Path(slicer.app.temporaryPath)
