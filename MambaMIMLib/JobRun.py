"""A job of the worker with what Slicer does before and after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from slicer.i18n import tr as _

from mambamim.errors import BadInputError, plain_error
from MambaMIMLib import Log
from MambaMIMLib.Signal import Signal
from MambaMIMLib.Steps import Steps
from MambaMIMLib.WorkerJob import JobFailure, WorkerJob, WorkerLike


class JobRun:
    """Prepares, asks the worker, and takes what it gives; watched like a `WorkerJob`.

    Nothing is told before the constructor has returned. A subclass says what is done before the job
    and after it.

    Args:
        worker: does the work.
        job: kind of work, as the worker knows it.
    """

    BAR = (0.0, 1.0)  # the part of the bar that is the worker's

    def __init__(self, worker: WorkerLike, job: str) -> None:
        self.progressed = Signal()  # (fraction 0..1, message, seconds left or None)
        self.logged = Signal()  # (level, message)
        self.succeeded = Signal()  # (what the run was for)
        self.failed = Signal()  # (JobFailure)
        self.ended = Signal()  # (), after either
        self.active = True
        self._worker, self._kind = worker, job
        self._job: WorkerJob | None = None
        self._steps: Steps | None = None
        self._do(self._before(), self._submit)

    def cancel(self) -> None:
        """Stop it wherever it is; what is shown already stays."""
        if not self.active:
            return
        if self._job is not None and self._job.active:
            self._job.cancel()  # its failure ends the run
        else:
            self._fail(JobFailure("cancelled", _("Cancelled.")))

    def _before(self) -> Iterator[dict[str, Any] | None]:
        """Work before the job, in short steps; the last one gives the job's parameters.

        None at the end: there is nothing to do for the worker.
        """
        raise NotImplementedError

    def _after(self, result: dict[str, Any]) -> None:
        """The worker is done; ends in `_succeed` or `_giveUp`.

        Args:
            result: of the job, empty where there was none.
        """
        raise NotImplementedError

    def _listen(self, job: WorkerJob) -> None:
        """Connect to more of the job's signals."""

    def _close(self) -> None:
        """The run ends: nothing of it goes on."""
        self.active = False
        self._stopSteps()

    def _do(
        self,
        steps: Iterator[Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Do this between the application's events, instead of what is being done so."""
        self._stopSteps()

        def after(then: Callable[[Any], None]) -> Callable[[Any], None]:
            def call(value: Any) -> None:
                self._steps = None
                then(value)

            return call

        self._steps = Steps(steps, after(done), after(failed or self._giveUp))

    def _submit(self, parameters: dict[str, Any] | None) -> None:
        if parameters is None:
            self._onResult({})
            return
        try:
            job = self._job = self._worker.submit(self._kind, parameters)
        except BadInputError as error:
            self._giveUp(error)
            return
        job.progressed.connect(self._onProgress)
        job.logged.connect(self.logged)
        self._listen(job)
        job.succeeded.connect(self._onResult)
        job.failed.connect(self._fail)

    def _onProgress(self, fraction: float, message: str, left: float | None) -> None:
        first, last = self.BAR
        self.progressed(first + (last - first) * fraction, message, left)

    def _onResult(self, result: dict[str, Any]) -> None:
        self._job = None
        self._after(result)

    def _succeed(self, value: Any) -> None:
        self._close()
        self.succeeded(value)
        self.ended()

    def _giveUp(self, error: Exception) -> None:
        plain = plain_error(error, quote=False)
        if plain is not error:
            Log.exception(error)
        self._fail(JobFailure(plain.kind, plain.message, plain.hint))

    def _fail(self, failure: JobFailure) -> None:
        if self.active:
            self._close()
            self.failed(failure)
            self.ended()

    def _stopSteps(self) -> None:
        if self._steps is not None:
            self._steps.stop()
            self._steps = None
