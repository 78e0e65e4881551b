"""Which Python does the work: Slicer's own, or another one that the user has chosen."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from slicer.i18n import tr as _

import mambamim
from mambamim.errors import MissingDependencyError

SETTING = "MambaMIM/Python"
# What Slicer's launcher sets for its own Python and what would lead another one astray.
_SLICERS = ("PYTHONHOME", "PYTHONPATH", "PYTHONNOUSERSITE", "PYTHONSTARTUP", "PYTHONEXECUTABLE")
_PACKAGES = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class PythonChoice:
    """A Python and what it is started with.

    Attributes:
        program: path of the interpreter, or of Slicer's launcher of it.
        environment: all variables of the process.
        own: whether it is Slicer's.
    """

    program: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    own: bool = True

    def describe(self) -> str:
        """For a person: which Python it is."""
        return _("Slicer's Python") if self.own else self.program


def choosePython() -> PythonChoice:
    """The Python of the settings, else Slicer's.

    Raises:
        MissingDependencyError: Slicer's own is not there.
    """
    program = chosenProgram()
    return otherPython(program) if program else slicerPython()


def slicerPython() -> PythonChoice:
    """PythonSlicer, as Slicer's own tools start it.

    Raises:
        MissingDependencyError: it is not there.
    """
    program = shutil.which("PythonSlicer")
    if program is None:
        raise MissingDependencyError(
            _("Slicer's Python (PythonSlicer) was not found."),
            _("Start Slicer by its launcher, or choose another Python."),
        )
    environment = dict(os.environ)
    return PythonChoice(program, _prepared(environment, environment.get("PYTHONPATH", "")))


def otherPython(program: str) -> PythonChoice:
    """An interpreter outside of Slicer, in the environment from before Slicer was started."""
    import slicer

    environment = {str(k): str(v) for k, v in slicer.util.startupEnvironment().items()}
    for name in _SLICERS:
        environment.pop(name, None)
    return PythonChoice(program, _prepared(environment, ""), own=False)


def chosenProgram() -> str:
    """The interpreter of the settings, "" for Slicer's own."""
    import slicer

    return str(slicer.app.settings().value(SETTING, "") or "")


def setChosenProgram(program: str) -> None:
    """Keep the interpreter to use in the settings; "" for Slicer's own."""
    import slicer

    slicer.app.settings().setValue(SETTING, program)


def coreFolder() -> Path:
    """The folder that holds the package mambamim which this side uses."""
    return Path(mambamim.__file__).resolve().parents[1]


def _prepared(environment: dict[str, str], path: str) -> dict[str, str]:
    folder = coreFolder()
    # Packages installed for one Python are not to be found by another.
    if folder.name not in _PACKAGES:
        path = os.pathsep.join(filter(None, (str(folder), path)))
    if path:
        environment["PYTHONPATH"] = path
    environment["PYTHONIOENCODING"] = "utf-8"
    environment["PYTHONSAFEPATH"] = "1"  # what lies in the working folder is not to be imported
    return environment
