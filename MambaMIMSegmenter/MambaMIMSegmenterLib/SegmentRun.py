"""One volume on its way to a segmentation: exported, given to the worker, shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import slicer
from slicer.i18n import tr as _

from mambamim.errors import BadInputError, plain_error
from MambaMIMLib import Log
from MambaMIMLib.SegmentationResult import SegmentationResult
from MambaMIMLib.Signal import Signal
from MambaMIMLib.StatisticsTable import makeStatisticsTable
from MambaMIMLib.Steps import Steps
from MambaMIMLib.VolumeExport import VolumeFiles, checkVolume, exportSteps
from MambaMIMLib.WorkerJob import JobFailure, WorkerJob
from MambaMIMSegmenterLib.RunFolder import makeRunFolder, removeRunFolder
from MambaMIMSegmenterLib.SegmentOptions import SegmentOptions

_EXPORTED = 0.03  # of the bar; the rest is the worker's


class WorkerLike(Protocol):
    """What is needed of a `WorkerProcess`."""

    def submit(self, job: str, parameters: dict[str, Any], run: str = "") -> WorkerJob:
        """Give it a job."""


@dataclass(frozen=True)
class SegmentOutcome:
    """What a run has left in the scene.

    Attributes:
        node: the segmentation; None if nothing was found.
        tableNode: its statistics, None where none were asked for.
        rows: the worker's statistics, a row an organ.
        found: names of the classes that were found.
        missing: names of the classes that were not.
        seconds: of the worker's work.
        device: that did it.
    """

    node: Any
    tableNode: Any
    rows: list[dict[str, Any]]
    found: tuple[str, ...]
    missing: tuple[str, ...]
    seconds: float
    device: str
    attributes: dict[str, Any] = field(default_factory=dict)


class SegmentRun:
    """Segments one volume; watched like a `WorkerJob`. Nothing is told before it has returned.

    Args:
        worker: does the work.
        volumeNode: only read.
        options: of the run.
        makeFolder: gives a folder for the run's files, which goes with the run.
    """

    def __init__(
        self,
        worker: WorkerLike,
        volumeNode: Any,
        options: SegmentOptions,
        makeFolder: Callable[[], Path] = makeRunFolder,
    ) -> None:
        self.progressed = Signal()  # (fraction 0..1, message, seconds left or None)
        self.logged = Signal()  # (level, message)
        self.shown = Signal()  # (segmentation node, whether it is the coarse one)
        self.succeeded = Signal()  # (SegmentOutcome)
        self.failed = Signal()  # (JobFailure)
        self.ended = Signal()  # (), after either
        self.active = True
        self.volumeNode, self.options = volumeNode, options
        self._worker, self._makeFolder = worker, makeFolder
        self._result: SegmentationResult | None = None
        self._folder: Path | None = None
        self._job: WorkerJob | None = None
        self._steps: Steps | None = Steps(self._prepared(), self._submit, self._giveUp)

    def cancel(self) -> None:
        """Stop it wherever it is; a coarse result that is shown stays."""
        if not self.active:
            return
        if self._job is not None and self._job.active:
            self._job.cancel()  # its failure ends the run
        else:
            self._fail(JobFailure("cancelled", _("Cancelled.")))

    @property
    def node(self) -> Any:
        """The segmentation as far as there is one."""
        return self._result.node if self._result else None

    def _prepared(self) -> Iterator[VolumeFiles | None]:
        self.options.check()
        checkVolume(self.volumeNode)
        self.progressed(0.0, _("Handing the volume over"), None)
        self._result = SegmentationResult(self.volumeNode, self.options.model.labels)
        self._folder = self._makeFolder()
        yield from exportSteps(self.volumeNode, self._folder)

    def _submit(self, files: VolumeFiles) -> None:
        self._steps = None
        self.progressed(_EXPORTED, _("Waiting for the worker"), None)
        parameters = {**self.options.parameters(), "input": files.array, "affine": files.affine}
        parameters["output"] = str(self._folder / "labels.npy")
        if self.options.quality == "full":
            parameters["preview"] = str(self._folder / "preview.npy")
        try:
            job = self._job = self._worker.submit("segment", parameters)
        except BadInputError as error:
            self._giveUp(error)
            return
        job.progressed.connect(self._onProgress)
        job.logged.connect(self.logged)
        job.previewed.connect(self._onPreview)
        job.succeeded.connect(self._onResult)
        job.failed.connect(self._fail)

    def _onProgress(self, fraction: float, message: str, left: float | None) -> None:
        self.progressed(_EXPORTED + (0.99 - _EXPORTED) * fraction, message, left)

    def _onPreview(self, path: str) -> None:
        self._show(path, True, self._onCoarseShown, self._onCoarseFailed)

    def _onCoarseShown(self, found: dict[int, int]) -> None:
        self._steps = None
        if found:
            self._result.record({**self.options.attributes(), "Quality": "coarse"})
            self.shown(self._result.node, True)

    def _onCoarseFailed(self, error: Exception) -> None:
        self._steps = None
        if self._volumeThere():
            self.logged("warning", plain_error(error, quote=False).message)

    def _onResult(self, result: dict[str, Any]) -> None:
        self._job = None
        coarse = self.options.quality == "coarse"
        self.progressed(0.99, _("Showing the segmentation"), None)
        self._show(
            result.get("output", ""),
            coarse,
            lambda found: self._finish(result, found),
            self._giveUp,
        )

    def _show(
        self,
        path: str,
        coarse: bool,
        done: Callable[[dict[int, int]], None],
        failed: Callable[[Exception], None],
    ) -> None:
        if self._steps is not None:  # the coarse result is not up yet, and the full one is here
            self._steps.stop()
        self._steps = Steps(self._shownIfThere(path, coarse), done, failed)

    def _shownIfThere(self, path: str, coarse: bool) -> Iterator[dict[int, int] | None]:
        self._checkVolumeThere()
        for found in self._result.showSteps(path, coarse):
            yield found
            self._checkVolumeThere()

    def _checkVolumeThere(self) -> None:
        if not self._volumeThere():
            raise BadInputError(
                _("The volume was removed while it was being segmented."),
                _("Load it again and run it again."),
            )

    def _volumeThere(self) -> bool:
        return bool(slicer.mrmlScene.IsNodePresent(self.volumeNode))

    def _finish(self, result: dict[str, Any], found: dict[int, int]) -> None:
        self._steps = None
        rows = list(result.get("statistics") or ())
        runtime = dict(result.get("runtime") or {})
        kept = self._attributes(result, runtime)
        names = self.options.model.labels
        wanted = self.options.organs or tuple(names.values())
        there = tuple(names.get(value, str(value)) for value in sorted(found))
        table = None
        if self._result.volumeChanged:
            self.logged("warning", _("The volume was changed meanwhile: this is of how it was."))
        if found:
            self._result.record(kept)
            self.shown(self._result.node, self.options.quality == "coarse")
            if self.options.statistics:
                unit = "HU" if self.options.model.modality == "CT" else ""
                table = makeStatisticsTable(rows, self.volumeNode, unit)
        missing = tuple(name for name in wanted if name not in there)
        seconds = float(result.get("seconds") or 0)
        self._succeed(
            SegmentOutcome(
                self._result.node if found else None, table, rows, there, missing, seconds,
                str(runtime.get("device", "")), kept,
            )
        )  # fmt: skip

    def _attributes(self, result: dict[str, Any], runtime: dict[str, Any]) -> dict[str, Any]:
        kept = self.options.attributes()
        for name, key in (("SHA256", "sha256"), ("Device", "device"), ("Runtime", "runtime")):
            if runtime.get(key):
                kept[name] = str(runtime[key])
        kept["Seconds"] = str(result.get("seconds", ""))
        return kept

    def _succeed(self, outcome: SegmentOutcome) -> None:
        self._close()
        self.succeeded(outcome)
        self.ended()

    def _giveUp(self, error: Exception) -> None:
        plain = plain_error(error, quote=False)
        if plain is not error:
            Log.exception(error)
        self._fail(JobFailure(plain.kind, plain.message, plain.hint))

    def _fail(self, failure: JobFailure) -> None:
        if not self.active:
            return
        self._close()
        self.failed(failure)
        self.ended()

    def _close(self) -> None:
        self.active = False
        if self._steps is not None:
            self._steps.stop()
            self._steps = None
        if self._folder is not None:
            removeRunFolder(self._folder)
