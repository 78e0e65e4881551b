"""Starts a training and keeps an eye on it, whoever started it and when."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from mambamim.errors import MambaMIMError
from MambaMIMLib import Log
from MambaMIMLib.Signal import Signal
from MambaMIMLib.Steps import Steps
from MambaMIMTrainerLib import Background
from MambaMIMTrainerLib.TrainingCurves import TrainingCurves
from MambaMIMTrainerLib.TrainingRun import TrainingRun
from MambaMIMTrainerLib.WatchPanel import WatchPanel

# Ends after which the same run makes sense again; others need another choice first.
_RESUMED = ("cancelled", "run_died", "out_of_memory")


@dataclass(frozen=True)
class AskedRun:
    """A run's folder, and what it is asked for."""

    folder: Path
    parameters: dict[str, Any]


class TrainDesk:
    """One run at a time.

    Args:
        runs: a `Runs`.
        panel: shows how it goes on.
        job: "finetune" or "pretrain".

    Attributes:
        run: that is watched, None for none.
        resumable: a run that was paused or has crashed, None for none.
        changed: Signal(), a run has begun, ended, or can be resumed.
        previewed: Signal(path).
        succeeded: Signal(result), of the run that was watched or, found again, of the last one.
    """

    def __init__(self, runs: Any, panel: WatchPanel, job: str) -> None:
        self.changed, self.previewed, self.succeeded = Signal(), Signal(), Signal()
        self.run: TrainingRun | None = None
        self.resumable: AskedRun | None = None
        self.curves = TrainingCurves()
        self._runs, self._panel, self._job = runs, panel, job
        self._finding: Steps | None = None
        panel.stopAsked.connect(self.stop)
        panel.curvesAsked.connect(self.curves.show)

    @property
    def busy(self) -> bool:
        """Whether a run goes on and is watched."""
        return self.run is not None and self.run.active

    def start(self, parameters: dict[str, Any], folder: Path) -> None:
        """Start a run; what is in the way is said in the panel."""
        self._launch(AskedRun(folder, dict(parameters)))

    def resume(self, **more: Any) -> None:
        """Go on with the paused or crashed run; `more`: parameters that its folder has not kept."""
        known = self.resumable
        if known is not None:
            self._launch(AskedRun(known.folder, {**known.parameters, **more}))

    def find(self, folder: Path | None) -> None:
        """Look which runs a folder has: what runs is watched, what can be resumed is offered."""
        self.leave()
        if folder is not None:
            self._finding = Background.run(
                lambda: self._runs.find(folder), self._onFound, self._onNotFound
            )
        self.changed()

    def stop(self) -> None:
        """End it and keep the best; one that is paused goes on for as long as that takes."""
        if not self.busy:
            self.resume()
        if self.busy:
            self.run.stop()

    def leave(self) -> None:
        """Watch no more; what runs goes on."""
        if self._finding is not None:
            self._finding.stop()
        if self.run is not None:
            self.run.leave()
        self.run = self.resumable = self._finding = None
        self.curves.clear()
        if self._panel.job.busy:
            self._panel.job.end()
        self._panel.job.showMessage("")
        self._panel.clear()
        self._panel.setStoppable(False)

    def _onFound(self, states: list[Any]) -> None:
        self._finding = None
        states = [state for state in states if state.job == self._job]
        running = next((state for state in states if state.state == "running"), None)
        last = running or next(iter(states), None)
        if last is None:
            return
        known = AskedRun(Path(last.run), dict(last.parameters))
        if last.state == "running":
            self._watch(known)
        elif last.state in ("finished", "stopped"):
            self.succeeded(dict(last.result))
        elif last.state == "failed" and last.error.get("kind") not in _RESUMED:
            error = last.error
            text = _("The last training failed: {why}").format(why=error.get("message") or "")
            self._panel.job.showMessage(text, str(error.get("hint") or ""), "warning")
        else:
            self._offer(known, last.state == "paused")
        self.changed()

    def _onNotFound(self, error: Exception) -> None:
        self._finding = None
        Log.exception(error)

    def _launch(self, asked: AskedRun) -> None:
        try:
            self._runs.start(self._job, asked.parameters, asked.folder)
            self._watch(asked)
        except MambaMIMError as error:
            self._panel.job.showMessage(error.message, error.hint, "error")
        self.changed()

    def _watch(self, asked: AskedRun) -> None:
        if self.run is not None:
            self.run.leave()
        self.curves.clear()
        self._panel.clear()
        self.resumable = None
        run = self.run = TrainingRun(asked.folder, self._runs.attach)
        self._panel.job.watch(run)
        self._panel.setStoppable(True)
        run.measured.connect(self._panel.add)
        run.measured.connect(self.curves.add)
        run.previewed.connect(self.previewed)
        run.succeeded.connect(self._onSuccess)
        run.failed.connect(lambda failure: self._onFailure(asked, failure))
        run.ended.connect(self.changed)

    def _onSuccess(self, result: dict[str, Any]) -> None:
        self._panel.setStoppable(False)
        self.succeeded(result)

    def _onFailure(self, asked: AskedRun, failure: Any) -> None:
        self._panel.setStoppable(False)
        if failure.isStop:
            self._offer(asked, True)
        elif failure.kind in _RESUMED:
            self.resumable = asked
            self._panel.setStoppable(True)

    def _offer(self, asked: AskedRun, paused: bool) -> None:
        self.resumable = asked
        self._panel.setStoppable(True)
        if paused:
            text = _("The training is paused.")
            hint = _("Resume it at any time, after a restart of Slicer too; or keep its best.")
            self._panel.job.showMessage(text, hint)
        else:
            text = _("The training was interrupted.")
            hint = _("Resume it: it goes on from its last saved state.")
            self._panel.job.showMessage(text, hint, "warning")
