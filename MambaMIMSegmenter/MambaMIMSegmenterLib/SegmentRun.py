"""One volume on its way to a segmentation: exported, given to the worker, shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from mambamim.errors import plain_error
from MambaMIMLib.SegmentationResult import SegmentationResult
from MambaMIMLib.Signal import Signal
from MambaMIMLib.StatisticsTable import makeStatisticsTable
from MambaMIMLib.WorkerJob import WorkerJob, WorkerLike
from MambaMIMSegmenterLib.RunFolder import makeRunFolder
from MambaMIMSegmenterLib.SegmentOptions import SegmentOptions
from MambaMIMSegmenterLib.VolumeRun import VolumeRun


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


class SegmentRun(VolumeRun):
    """Segments one volume; `succeeded` gives a `SegmentOutcome`.

    A volume that is removed meanwhile is segmented all the same: the result lies where it lay.

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
        self.shown = Signal()  # (segmentation node, whether it is the coarse one)
        self.options = options
        self._result: SegmentationResult | None = None
        super().__init__(worker, "segment", volumeNode, makeFolder)

    @property
    def node(self) -> Any:
        """The segmentation as far as there is one."""
        return self._result.node if self._result else None

    def _check(self) -> None:
        self.options.check()
        self._result = SegmentationResult(self.volumeNode, self.options.model.labels)

    def _parameters(self, folder: Path) -> dict[str, Any]:
        parameters = {**self.options.parameters(), "output": str(folder / "labels.npy")}
        if self.options.quality == "full":
            parameters["preview"] = str(folder / "preview.npy")
        return parameters

    def _listen(self, job: WorkerJob) -> None:
        job.previewed.connect(self._onPreview)

    def _onPreview(self, path: str) -> None:
        self._do(self._result.showSteps(path, True), self._onCoarseShown, self._onCoarseFailed)

    def _onCoarseShown(self, found: dict[int, int]) -> None:
        if found:
            self._result.record({**self.options.attributes(), "Quality": "coarse"})
            self.shown(self._result.node, True)

    def _onCoarseFailed(self, error: Exception) -> None:
        self.logged("warning", plain_error(error, quote=False).message)

    def _after(self, result: dict[str, Any]) -> None:
        self.progressed(self.BAR[1], _("Showing the segmentation"), None)
        coarse = self.options.quality == "coarse"
        steps = self._result.showSteps(result.get("output", ""), coarse)
        self._do(steps, lambda found: self._finish(result, found))

    def _finish(self, result: dict[str, Any], found: dict[int, int]) -> None:
        rows = list(result.get("statistics") or ())
        runtime = dict(result.get("runtime") or {})
        kept = self._attributes(result, runtime)
        names = self.options.model.labels
        wanted = self.options.organs or tuple(names.values())
        there = tuple(names.get(value, str(value)) for value in sorted(found))
        self._tellOfChanges()
        table = None
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

    def _tellOfChanges(self) -> None:
        if not self._volumeThere():
            text = _("The scan was removed meanwhile: the result lies where the scan was.")
        elif self._result.volumeChanged:
            text = _("The scan was changed meanwhile: the result is of the scan as it was.")
        else:
            return
        self.logged("warning", text)

    def _attributes(self, result: dict[str, Any], runtime: dict[str, Any]) -> dict[str, Any]:
        kept = self.options.attributes()
        for name, key in (("SHA256", "sha256"), ("Device", "device"), ("Runtime", "runtime")):
            if runtime.get(key):
                kept[name] = str(runtime[key])
        kept["Seconds"] = str(result.get("seconds", ""))
        return kept
