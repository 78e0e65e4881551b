"""The authors' .pth weights become a model of the catalogue, in a process of their own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from slicer.i18n import tr as _

from mambamim.catalogue import user_models_folder
from mambamim.errors import MambaMIMError
from MambaMIMLib.ChildProcess import ChildProcess, ProcessEnd, ProcessLike
from MambaMIMLib.PythonChoice import PythonChoice
from MambaMIMLib.Signal import Signal
from MambaMIMLib.VolumeExport import plainDiskError
from MambaMIMLib.WorkerJob import JobFailure
from MambaMIMSegmenterLib.RunFolder import makeRunFolder, removeRunFolder

_KINDS = {2: "bad_input", 3: "cancelled", 4: "out_of_memory"}  # exit code -> kind of failure


@dataclass(frozen=True)
class ConversionRequest:
    """What is to be converted, and what only a person knows about it.

    Attributes:
        source: the .pth file.
        name: of the model.
        licence: of the weights, empty if it is not known.
        classes: names of the classes 1, 2, ... of a whole network; empty for an encoder, or for
            class_1, class_2, ...
    """

    source: Path
    name: str
    licence: str = ""
    classes: tuple[str, ...] = ()

    def arguments(self, output: Path, labels: Path | None) -> list[str]:
        """Of the command."""
        told = ["-m", "mambamim", "convert", str(self.source), "--output", str(output)]
        told += ["--name", self.name]
        if self.licence:
            told += ["--licence", self.licence]
        return told if labels is None else [*told, "--labels", str(labels)]


class Conversion:
    """Runs `mambamim convert`; watched like a `WorkerJob`. Nothing is told before it has returned.

    Args:
        request: what to convert.
        python: does it.
        makeProcess: gives a process that is not started yet.
    """

    def __init__(
        self,
        request: ConversionRequest,
        python: PythonChoice,
        makeProcess: Callable[[], ProcessLike] = ChildProcess,
    ) -> None:
        self.progressed = Signal()  # (fraction 0..1, message, seconds left or None)
        self.logged = Signal()  # (level, message)
        self.succeeded = Signal()  # (name of the model in the catalogue)
        self.failed = Signal()  # (JobFailure)
        self.ended = Signal()  # (), after either
        self.active = True
        self._request, self._python = request, python
        self._complaints = b""
        self._folder: Path | None = None
        self._process = makeProcess()
        self._process.said.connect(self._onSaid)
        self._process.complained.connect(self._onComplaint)
        self._process.ended.connect(self._onEnd)

    def begin(self) -> None:
        """Start it; connect before."""
        try:
            self._output = _freePlace(self._request.name)
            labels = self._writeLabels()
        except MambaMIMError as error:
            self._fail(JobFailure(error.kind, error.message, error.hint))
            return
        self.progressed(0.1, _("Converting"), None)
        self._process.start(
            self._python.program,
            self._request.arguments(self._output, labels),
            self._python.environment,
        )

    def cancel(self) -> None:
        """Stop it; no model is left behind."""
        if self.active:
            self._process.kill()
            self._fail(JobFailure("cancelled", _("Cancelled; no model was added.")))

    def _writeLabels(self) -> Path | None:
        if not self._request.classes:
            return None
        self._folder = makeRunFolder()
        place = self._folder / "labels.json"
        names = {str(value): name for value, name in enumerate(self._request.classes, 1)}
        try:
            place.write_text(json.dumps(names), encoding="utf-8")
        except OSError as error:
            raise plainDiskError(error, self._folder) from error
        return place

    def _onSaid(self, data: bytes) -> None:
        for line in data.decode("utf-8", "replace").splitlines():
            if " tensors " in line:  # the counts; the tensors' own names fill pages
                self.logged("info", line.strip())

    def _onComplaint(self, data: bytes) -> None:
        self._complaints += data

    def _onEnd(self, end: ProcessEnd) -> None:
        if end.code == 0 and not end.crashed and end.started:
            self._close()
            self.succeeded(self._output.stem)
            self.ended()
            return
        said = self._complaints.decode("utf-8", "replace").strip()
        if not end.started:
            message = _("The Python that is to convert the file could not be started.")
        else:
            message = _lastWords(said) or _("The conversion ended unexpectedly.")
        hint = _("Nothing was added. Give the weights as the MambaMIM authors publish them.")
        self._fail(JobFailure(_KINDS.get(end.code, "error"), message, hint))

    def _fail(self, failure: JobFailure) -> None:
        self._close()
        self.failed(failure)
        self.ended()

    def _close(self) -> None:
        self.active = False
        if self._folder is not None:
            removeRunFolder(self._folder)
            self._folder = None


def classesOf(text: str) -> tuple[str, ...]:
    """Names that a person has typed, one a line or between commas, as the catalogue spells them."""
    names = (
        re.sub(r"\W+", "_", part.strip().lower()).strip("_") for part in re.split(r"[\n,;]", text)
    )
    return tuple(name for name in names if name)


def _freePlace(name: str) -> Path:
    """A file in the user's folder of models that is not there yet.

    Raises:
        BadInputError: the folder cannot be made.
    """
    folder = user_models_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise plainDiskError(error, folder) from error
    stem = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "converted"
    number, place = 1, folder / f"{stem}.safetensors"
    while place.exists():
        number += 1
        place = folder / f"{stem}-{number}.safetensors"
    return place


def _lastWords(said: str) -> str:
    """The sentence that the command ends with."""
    lines: Sequence[str] = [line for line in said.splitlines() if line.strip()]
    return re.sub(r"^(mambamim( \w+)?|error):\s*", "", lines[-1].strip()) if lines else ""
