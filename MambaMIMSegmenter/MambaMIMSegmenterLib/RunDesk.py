"""Starts what the panel is asked for, one thing at a time, and tells how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slicer.i18n import tr as _

from mambamim.errors import MambaMIMError
from MambaMIMLib.Signal import Signal
from MambaMIMSegmenterLib import SegmentBatch, SegmenterWords, Views
from MambaMIMSegmenterLib.Conversion import Conversion, ConversionRequest
from MambaMIMSegmenterLib.SampleRun import SampleRun
from MambaMIMSegmenterLib.Scans import Scan
from MambaMIMSegmenterLib.SegmentLogic import SegmentLogic
from MambaMIMSegmenterLib.SegmentOptions import SegmentOptions
from MambaMIMSegmenterLib.SegmentRun import SegmentOutcome


class RunDesk:
    """One run at a time: a volume, a batch, the conversion of a file or the sample CT.

    Args:
        logic: starts runs.
        worker: its process.
        models: a `ModelSelector`.
        job: a `JobPanel`, which shows how a run goes on.
        result: a `ResultView`.
        batchList: a `BatchList`.

    Attributes:
        run: the last one: a SegmentRun, a SegmentBatch, a Conversion or a SampleRun; None at first.
    """

    def __init__(
        self, logic: SegmentLogic, worker: Any, models: Any, job: Any, result: Any, batchList: Any
    ) -> None:
        self.changed = Signal()  # (), a run has begun or ended
        self.sampleLoaded = Signal()  # (volume node)
        self._logic, self._worker = logic, worker
        self._models, self._job, self._result, self._batchList = models, job, result, batchList
        self._surfaces = Views.SurfaceShow()  # of a batch; those of one scan are the result's
        self.run: Any = None

    def segment(self, volumeNode: Any, options: SegmentOptions) -> None:
        """Segment one volume."""
        run = self._logic.start(volumeNode, options)
        run.shown.connect(lambda node, coarse: self._onShown(node, coarse, volumeNode, options))
        run.succeeded.connect(lambda outcome: self._onOutcome(outcome, volumeNode, options))
        self._watch(run)

    def segmentBatch(self, scans: Sequence[Scan], options: SegmentOptions) -> None:
        """Segment several."""
        batch = self._logic.startBatch(scans, options)
        self._batchList.watch(batch)
        batch.shown.connect(lambda node, coarse: self._onBatchShown(node, coarse, options))
        batch.succeeded.connect(self._onBatchDone)
        self._watch(batch)
        batch.begin()

    def convert(self, request: ConversionRequest) -> None:
        """Convert a .pth file."""
        try:
            python = self._worker.python
        except MambaMIMError as error:
            self._job.showMessage(error.message, error.hint, "error")
            return
        conversion = Conversion(request, python)
        conversion.succeeded.connect(self._onConverted)
        self._watch(conversion)
        conversion.begin()

    def loadSample(self) -> None:
        """Load the sample CT, painted first where it is not kept yet."""
        run = SampleRun(self._worker)
        run.succeeded.connect(self.sampleLoaded)
        self._watch(run)

    def stop(self) -> None:
        """End what runs, and the worker."""
        self._surfaces.stop()
        if self.run is not None and self.run.active:
            self.run.cancel()
        self._worker.stop()

    def _watch(self, run: Any) -> None:
        self.run = run
        self._result.clear()
        self._job.watch(run)
        run.ended.connect(self.changed)
        self.changed()

    def _onShown(self, node: Any, coarse: bool, volume: Any, options: SegmentOptions) -> None:
        first = self._result.node is not node
        self._result.showNode(node, volume, coarse and options.quality == "full")
        if first:
            Views.showInSlices(volume, node)
        if options.show3D and not Views.isIn3D(node):
            self._result.show3D()

    def _onOutcome(self, outcome: SegmentOutcome, volume: Any, options: SegmentOptions) -> None:
        assert options.model is not None
        modality = options.model.modality
        if outcome.node is None:
            self._job.showMessage(
                _("None of the structures was found in this scan."),
                _(
                    "Does the scan ({modality}) show this part of the body, and is the region of"
                    " interest in the right place?"
                ).format(modality=modality),
                "warning",
            )
        self._result.showOutcome(outcome, volume, "HU" if modality == "CT" else "")
        self._models.refresh()  # the time that it took is told beside the model

    def _onBatchShown(self, node: Any, coarse: bool, options: SegmentOptions) -> None:
        if options.show3D and coarse == (options.quality == "coarse"):  # not the preview's
            self._surfaces.show(node)

    def _onBatchDone(self, states: list[str]) -> None:
        done, count = states.count(SegmentBatch.DONE), len(states)
        text = _("{done} of {scans} done.").format(done=done, scans=SegmenterWords.scans(count))
        if done == count:
            self._job.showMessage(text)
        else:
            hint = _("The list and the log say what went wrong with the others.")
            self._job.showMessage(text, hint, "warning")

    def _onConverted(self, name: str) -> None:
        self._models.refresh()
        if self._models.select(name):
            self._job.showMessage(_("{name} is one of your models now.").format(name=name))
            return
        self._job.showMessage(
            _("{name} holds an encoder only: it finds no structures yet.").format(name=name),
            _("It is kept with your models. Train it further first."),
            "warning",
        )
