"""Several scans, one after another: one that fails does not keep the others from their turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from slicer.i18n import tr as _

from MambaMIMLib.Signal import Signal
from MambaMIMLib.WorkerJob import JobFailure
from MambaMIMSegmenterLib import SegmenterWords
from MambaMIMSegmenterLib.Scans import FrameVolume, Scan
from MambaMIMSegmenterLib.SegmentationSequence import SegmentationSequence
from MambaMIMSegmenterLib.SegmentOptions import SegmentOptions
from MambaMIMSegmenterLib.SegmentRun import SegmentOutcome, SegmentRun

WAITING, RUNNING, DONE, FAILED, STOPPED = "waiting", "running", "done", "failed", "stopped"


class SegmentBatch:
    """Watched like a `WorkerJob`; a stop ends the one at work and leaves the rest.

    Args:
        scans: in the order in which they are to be done.
        options: of all.
        start: gives the run of one volume.
    """

    def __init__(
        self,
        scans: Sequence[Scan],
        options: SegmentOptions,
        start: Callable[[Any, SegmentOptions], SegmentRun],
    ) -> None:
        self.progressed = Signal()  # (fraction 0..1, message, seconds left or None)
        self.logged = Signal()  # (level, message)
        self.shown = Signal()  # (segmentation node, whether it is the coarse one)
        self.stateChanged = Signal()  # (index of the scan, state, text)
        self.finished = Signal()  # (index, SegmentOutcome), one scan is done
        self.succeeded = Signal()  # (list of states), all had their turn
        self.failed = Signal()  # (JobFailure), it was stopped
        self.ended = Signal()  # (), after either
        self.active = True
        self.scans, self.options = list(scans), options
        self.states = [WAITING] * len(self.scans)
        self._start, self._index = start, -1
        self._run: SegmentRun | None = None
        self._frame: FrameVolume | None = None
        self._sequences: dict[str, SegmentationSequence] = {}

    def begin(self) -> None:
        """Start with the first; connect before."""
        self._next()

    def cancel(self) -> None:
        """Stop the one at work, and all that wait."""
        if self._run is not None:
            self._run.cancel()

    def _next(self) -> None:
        self._index += 1
        if self._index >= len(self.scans):
            self._finish(lambda: self.succeeded(list(self.states)))
            return
        scan = self.scans[self._index]
        if not scan.isThere():
            self._state(FAILED, _("It was removed from the scene."))
            self._next()
            return
        self._state(RUNNING)
        self._frame = None if scan.sequenceNode is None else FrameVolume(scan)
        volume = scan.volumeNode if self._frame is None else self._frame.node
        run = self._run = self._start(volume, self.options)
        run.progressed.connect(self._onProgress)
        run.logged.connect(self.logged)
        if self._frame is None:
            run.shown.connect(self.shown)
        run.succeeded.connect(self._onDone)
        run.failed.connect(self._onFailed)

    def _onProgress(self, fraction: float, message: str, left: float | None) -> None:
        count = len(self.scans)
        place = _("{number} of {count}: {message}").format(
            number=self._index + 1, count=count, message=message
        )
        whole = None
        if left is not None and fraction > 0:  # the others are taken to need as long as this one
            whole = left + (count - self._index - 1) * left / max(1 - fraction, 1e-3)
        self.progressed((self._index + fraction) / count, place, whole)

    def _onDone(self, outcome: SegmentOutcome) -> None:
        scan = self.scans[self._index]
        if self._frame is not None and outcome.node is not None:
            sequence = self._sequences.setdefault(
                scan.sequenceNode.GetID(), SegmentationSequence(scan.sequenceNode)
            )
            shown = sequence.add(outcome.node, scan.frame)
            if shown is not None:
                self.shown(shown, False)
        text = SegmenterWords.structures(len(outcome.found))
        self._state(DONE, text if outcome.found else _("Nothing was found."))
        self._leaveFrame()
        self.finished(self._index, outcome)
        self._next()

    def _onFailed(self, failure: JobFailure) -> None:
        self._leaveFrame()
        if failure.isStop:
            self._state(STOPPED)
            self._finish(lambda: self.failed(failure))
            return
        self._state(FAILED, failure.message)
        self.logged("error", f"{failure.message} {failure.hint}".strip())
        self._next()

    def _leaveFrame(self) -> None:
        if self._frame is not None:
            self._frame.remove()
            self._frame = None

    def _state(self, state: str, text: str = "") -> None:
        self.states[self._index] = state
        self.stateChanged(self._index, state, text)

    def _finish(self, tell: Callable[[], None]) -> None:
        self.active, self._run = False, None
        tell()
        self.ended()
