"""One job of a worker, as its owner sees it: signals while it goes on, and a way to stop it."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from mambamim.errors import BadInputError
from mambamim.jobs.protocol import job_line
from MambaMIMLib.Signal import Signal

_numbers = itertools.count(1)


@dataclass(frozen=True)
class JobFailure:
    """Why a job gave no result.

    Attributes:
        kind: as the job protocol names it ("bad_input", "cancelled", "out_of_memory",
            "missing_dependency", ...), or "worker_died", "worker_not_started" or "stopped".
        message: what is wrong, for a person.
        hint: what to do about it; may be empty.
        detail: for a report; may be empty. Names nobody.
    """

    kind: str
    message: str
    hint: str = ""
    detail: str = ""

    @property
    def isStop(self) -> bool:
        """Whether somebody wanted it: nothing is wrong then."""
        return self.kind in ("cancelled", "stopped")


class WorkerJob:
    """A job of a `WorkerProcess`. Connect to it right after it was submitted: nothing comes before.

    Args:
        request: the protocol's line that asks for the job, made from its id.
        cancel: called with this job where its owner does not want it any more.
    """

    def __init__(
        self, request: Callable[[str], str], cancel: Callable[["WorkerJob"], None]
    ) -> None:
        self.progressed = Signal()  # (fraction 0..1, message, seconds left or None)
        self.previewed = Signal()  # (path)
        self.metric = Signal()  # (step, name, value)
        self.logged = Signal()  # (level, message)
        self.succeeded = Signal()  # (result)
        self.failed = Signal()  # (JobFailure); a cancelled job also ends this way
        self.ended = Signal()  # (), after either
        self.id = f"slicer-{next(_numbers)}"
        self.active = True
        self.line = request(self.id)
        self._cancel = cancel

    @classmethod
    def asking(
        cls,
        job: str,
        parameters: dict[str, Any],
        run: str,
        cancel: Callable[["WorkerJob"], None],
    ) -> "WorkerJob":
        """A job by its kind and parameters; see `WorkerProcess.submit`.

        Raises:
            BadInputError: the parameters are not JSON-able.
        """
        try:
            return cls(lambda id_: job_line(id_, job, parameters, run or None), cancel)
        except (TypeError, ValueError) as error:
            raise BadInputError(
                f"The job {job} cannot be sent: {error}.", "This is a mistake in the extension."
            ) from None

    def cancel(self) -> None:
        """Stop it. `failed` tells the end with the kind "cancelled", within a few seconds."""
        if self.active:
            self._cancel(self)

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take an event of the worker's, not an error; what is missing in it is left empty."""
        if not self.active:
            return
        kind = event["event"]
        if kind == "progress":
            fraction, left = _number(event.get("fraction")), _number(event.get("seconds_left"))
            self.progressed(min(max(fraction or 0.0, 0.0), 1.0), _text(event, "message"), left)
        elif kind == "preview":
            self.previewed(_text(event, "path"))
        elif kind == "metric":
            self.metric(event.get("step"), _text(event, "name"), _number(event.get("value")))
        elif kind == "log":
            self.logged(_text(event, "level") or "info", _text(event, "message"))
        elif kind == "result":
            result = event.get("result")
            self._end(self.succeeded, dict(result) if isinstance(result, Mapping) else {})

    def fail(self, failure: JobFailure) -> None:
        """End it without a result."""
        if self.active:
            self._end(self.failed, failure)

    def _end(self, signal: Signal, value: Any) -> None:
        self.active = False
        signal(value)
        self.ended()


class WorkerLike(Protocol):
    """What is needed of a `WorkerProcess`."""

    def submit(self, job: str, parameters: dict[str, Any], run: str = "") -> WorkerJob:
        """Give it a job; see `WorkerProcess.submit`."""


def _text(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name)
    return "" if value is None else str(value)


def _number(value: Any) -> float | None:
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if numeric else None
