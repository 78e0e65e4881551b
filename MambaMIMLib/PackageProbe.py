"""What a Python has, asked in a process of its own: Slicer's must not import torch."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from MambaMIMLib import Timer
from MambaMIMLib.ChildProcess import ChildProcess, ProcessEnd, ProcessLike
from MambaMIMLib.Lines import Lines
from MambaMIMLib.Packages import Package
from MambaMIMLib.PythonChoice import PythonChoice

# Seconds; the first import of torch after its installation reads a gigabyte from the disk.
_PATIENCE = 240.0
# For any Python, old ones too. It says what it imports before it does: that may be its last word.
_PROGRAM = """
import importlib, json, sys
try:
    from importlib.metadata import version
except ImportError:
    version = None
asked = json.loads(sys.argv[1])
def tell(**what):
    sys.stdout.write("\\nMAMBAMIM " + json.dumps(what) + "\\n")
    sys.stdout.flush()
tell(python=list(sys.version_info[:3]))
for name, module in asked["packages"]:
    found = error = None
    try:
        found = version(name)
    except Exception:
        pass
    if asked["import"] and (found or name == "mambamim"):
        tell(importing=name)
        try:
            importlib.import_module(module)
        except BaseException as raised:
            error = "%s: %s" % (type(raised).__name__, raised)
    tell(name=name, version=found, error=error)
tell(done=True)
"""
_MARK = "MAMBAMIM "


@dataclass
class Found:
    """What was found.

    Attributes:
        python: its version, such as (3, 12, 10); () if it could not be started.
        versions: package -> installed version, None if it is not there.
        errors: package -> why it cannot be imported, a line.
        complete: whether the program came to its end.
        detail: the last lines of its standard error.
    """

    python: tuple[int, ...] = ()
    versions: dict[str, str | None] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    complete: bool = False
    detail: str = ""


class PackageProbe:
    """Asks once; keep it until it has answered.

    Args:
        makeProcess: see `WorkerProcess`.
        after: see `WorkerProcess`.
    """

    def __init__(
        self,
        makeProcess: Callable[[], ProcessLike] = ChildProcess,
        after: Callable[[float, Callable[[], None]], Timer.TimerLike] = Timer.after,
    ) -> None:
        self._process, self._after = makeProcess(), after
        self._found, self._importing = Found(), ""
        self._output, self._complaints = Lines(), Lines(keep=20)
        self._done: Callable[[Found], None] = lambda found: None
        self._timer: Timer.TimerLike | None = None

    def start(
        self,
        python: PythonChoice,
        packages: Sequence[Package],
        byImport: bool,
        done: Callable[[Found], None],
    ) -> None:
        """Ask, and return at once.

        Args:
            python: which Python.
            packages: what to look for; mambamim itself is looked for as well where it imports.
            byImport: whether to import each, which tells more and takes longer.
            done: called once with the answer.
        """
        self._done = done
        names = [(package.name, package.module) for package in packages]
        if byImport:
            names.append(("mambamim", "mambamim.jobs.worker"))
        asked = json.dumps({"packages": names, "import": byImport})
        self._process.said.connect(self._onOutput)
        self._process.complained.connect(self._complaints.add)
        self._process.ended.connect(self._onEnd)
        self._timer = self._after(_PATIENCE, self._onTimeout)
        self._process.start(python.program, ["-c", _PROGRAM, asked], python.environment)

    def stop(self) -> None:
        """Ask no longer; `done` is not called any more."""
        self._done = lambda found: None
        if self._timer is not None:
            self._timer.stop()
        self._process.kill()

    def _onOutput(self, data: bytes) -> None:
        for line in self._output.add(data):
            if line.startswith(_MARK):
                try:
                    self._take(json.loads(line[len(_MARK) :]))
                except (ValueError, TypeError):  # somebody else's line, by chance or by pieces
                    continue

    def _take(self, told: dict[str, Any]) -> None:
        if "python" in told:
            self._found.python = tuple(told["python"])
        self._importing = told.get("importing", "")
        if "name" in told:
            self._found.versions[told["name"]] = told["version"]
            if told["error"]:
                self._found.errors[told["name"]] = str(told["error"]).splitlines()[0]
        self._found.complete = self._found.complete or "done" in told

    def _onEnd(self, end: ProcessEnd) -> None:
        if self._importing:
            self._found.errors[self._importing] = f"Python ended while importing it ({end.code})"
        self._answer()

    def _onTimeout(self) -> None:
        self._process.kill()
        if self._importing:
            self._found.errors[self._importing] = f"no answer in {_PATIENCE:.0f} s"
        self._answer()

    def _answer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._found.detail = "\n".join(self._complaints.all())
        self._done(self._found)
