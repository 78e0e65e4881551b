"""A run that goes on beside Slicer and without it: watched, paused, stopped, taken up again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from mambamim.errors import MambaMIMError
from MambaMIMLib import Timer
from MambaMIMLib.Signal import Signal
from MambaMIMLib.Steps import Steps
from MambaMIMLib.WorkerJob import JobFailure
from MambaMIMTrainerLib import Background

_EVERY = 0.5  # seconds between two looks
_GRACE = 3  # looks at the events of a run that is gone, before it counts as crashed


class TrainingRun:
    """Tells what a detached run writes into its folder; the same signals as a `WorkerJob`.

    Nothing is told before control is back in Qt's event loop. Ending this object ends no run.

    Args:
        run: the run's folder.
        attach: gives what `mambamim.jobs.detached.attach` gives.
        after: calls something in so many seconds.
    """

    def __init__(
        self,
        run: Path,
        attach: Callable[[Path], Any],
        after: Callable[[float, Callable[[], None]], Timer.TimerLike] = Timer.after,
    ) -> None:
        self.progressed = Signal()  # (fraction 0..1, message, seconds left or None)
        self.logged = Signal()  # (level, message)
        self.measured = Signal()  # (list of (step, name, value)): all that came in one look
        self.previewed = Signal()  # (path)
        self.succeeded = Signal()  # (result)
        self.failed = Signal()  # (JobFailure)
        self.ended = Signal()  # (), after either
        self.active, self.run = True, Path(run)
        self._tail, self._after = attach(self.run), after
        self._silent = 0
        self._timer: Timer.TimerLike | None = None
        self._reading: Steps | None = None
        self._look()

    def cancel(self) -> None:
        """Pause: the state is kept and the process ends; `failed` tells it with "cancelled"."""
        self._tell(self._tail.pause)

    def stop(self) -> None:
        """End it and keep the best network so far; `succeeded` tells it."""
        self._tell(self._tail.stop)

    def kill(self) -> None:
        """End the process at once; it can be resumed from its last state."""
        self._tail.kill()

    def leave(self) -> None:
        """Look no more; the run goes on."""
        self.active = False
        if self._timer is not None:
            self._timer.stop()
        if self._reading is not None:
            self._reading.stop()

    def _tell(self, do: Callable[[], Any]) -> None:
        try:
            do()
        except (MambaMIMError, OSError) as error:
            text = getattr(error, "message", None) or getattr(error, "strerror", "")
            self.logged("warning", _("The run could not be told: {why}").format(why=text))

    def _look(self) -> None:
        """A run that was left for days has many events: they are read in a thread."""
        self._reading = Background.run(self._read, self._onRead, self._onUnreadable)

    def _read(self) -> tuple[list[dict[str, Any]], bool]:
        alive = bool(self._tail.alive)  # before its last events are read
        return self._tail.poll(), alive

    def _onRead(self, read: tuple[list[dict[str, Any]], bool]) -> None:
        self._reading = None
        events, alive = read
        last = self._hear(events)
        if not self.active:
            return
        if last is not None:
            self._finish(last)
            return
        self._silent = 0 if alive or events else self._silent + 1
        if self._silent >= _GRACE:
            self._fail(crashed())
            return
        self._timer = self._after(_EVERY, self._look)

    def _hear(self, events: list[dict[str, Any]]) -> Mapping[str, Any] | None:
        """Tell events; the last one of the run is returned.

        A run that was taken up again has told an end before: only what follows counts.
        """
        metrics, progress, preview, last = [], None, "", None
        for event in events:
            kind = event["event"]
            if kind == "metric" and event.get("value") is not None:
                metrics.append((event["step"], str(event["name"]), float(event["value"])))
            elif kind == "progress":
                progress = event
            elif kind == "preview":
                preview = str(event["path"])
            elif kind == "log":
                self.logged(str(event.get("level") or "info"), str(event.get("message") or ""))
            elif kind in ("result", "error"):
                last = event
            elif kind == "started":
                last = None
        if metrics:
            self.measured(metrics)
        if progress is not None:
            self.progressed(
                float(progress.get("fraction") or 0.0),
                str(progress.get("message") or ""),
                progress.get("seconds_left"),
            )
        if preview:
            self.previewed(preview)
        return last

    def _finish(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "error":
            words = (str(event.get(name) or "") for name in ("kind", "message", "hint", "detail"))
            self._fail(JobFailure(*words))
            return
        self.active = False
        self.succeeded(dict(event.get("result") or {}))
        self.ended()

    def _fail(self, failure: JobFailure) -> None:
        self.active = False
        self.failed(failure)
        self.ended()

    def _onUnreadable(self, error: Exception) -> None:
        self._reading = None
        self._fail(
            JobFailure(
                "bad_input",
                _("The run's events cannot be read ({reason}).").format(
                    reason=getattr(error, "strerror", None) or type(error).__name__
                ),
                _("Is the training set's folder still there?"),
            )
        )


def crashed() -> JobFailure:
    """The process is gone and has not said why."""
    return JobFailure(
        "run_died",
        _("The training ended without a word: the computer was switched off or ran out of memory."),
        _("Resume it: it goes on from its last saved state."),
    )
