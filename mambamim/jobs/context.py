"""What a job sees of the worker: whom to tell, whether to stop, and models kept warm."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mambamim.errors import MambaMIMError
from mambamim.jobs.channel import Channel
from mambamim.jobs.progress import SecondsLeft
from mambamim.jobs.protocol import LAST, JobRequest

_PROGRESS_PAUSE = 0.1  # seconds between progress events: a screen shows no more


class JobContext:
    """One job's voice and ears. Exactly one last event (`result` or `error`) is told.

    Args:
        request: the job.
        channel: where its events go.
        warm: things kept between jobs, such as segmenters.
        clock: seconds, growing.
    """

    def __init__(
        self,
        request: JobRequest,
        channel: Channel,
        warm: dict[Any, Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.request, self.warm = request, warm
        self._channel, self._clock = channel, clock
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._closed = False
        self._seconds_left = SecondsLeft(clock)
        self._last_progress = float("-inf")

    def progress(self, fraction: float, message: str) -> None:
        """Tell how far the job is, 0..1; reports in quick succession are thinned out."""
        now = self._clock()
        left = self._seconds_left(fraction)
        if fraction >= 1 or now - self._last_progress >= _PROGRESS_PAUSE:
            self._last_progress = now
            self.tell("progress", fraction=round(fraction, 4), message=message, seconds_left=left)

    def log(self, level: str, message: str) -> None:
        """Tell a person something on the way."""
        self.tell("log", level=level, message=message)

    def preview(self, path: Path) -> None:
        """Tell that a first result can be read."""
        self.tell("preview", path=str(path))

    def metric(self, step: int, name: str, value: float) -> None:
        """Tell a measured value of a training."""
        self.tell("metric", step=step, name=name, value=value)

    def result(self, result: dict[str, Any]) -> None:
        """The job is done."""
        self.tell("result", result=result)

    def error(self, error: MambaMIMError, where: BaseException | None = None) -> None:
        """The job has failed or was stopped; `where` is an exception whose places are told.

        Places only: an exception's own text may hold a patient's file name.
        """
        detail = "".join(traceback.format_tb(where.__traceback__)) if where else ""
        self.tell("error", kind=error.kind, message=error.message, hint=error.hint, detail=detail)

    def tell(self, event: str, **content: Any) -> None:
        """Tell an event; after the last one nothing more is told."""
        with self._lock:
            if self._closed:
                return
            self._closed = event in LAST
            self._channel.tell(event, self.request.id, self.request.run, **content)

    @property
    def closed(self) -> bool:
        """Whether the last event has been told."""
        return self._closed

    def stop(self) -> None:
        """Ask the job to stop."""
        self._stop.set()

    def cancelled(self) -> bool:
        """Whether to stop: the client said so, or nobody can hear of the result any more."""
        return self._stop.is_set() or (self.request.run is None and not self._channel.heard)
