"""The lines that a client and a worker exchange: one JSON object each, UTF-8.

Requests: {"id", "job", "parameters", "run"?}, {"id", "cancel": true}, {"shutdown": true}.
Events: {"event", "id", "time", ...}; `EVENTS` tells what else each kind carries.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mambamim.errors import BadInputError

VERSION = 1
# Event -> what it carries besides event, id and time (seconds since 1970).
EVENTS: dict[str, tuple[str, ...]] = {
    "ready": ("protocol", "version", "pid"),  # the worker's first line; its id is null
    "started": (),
    "progress": ("fraction", "message", "seconds_left"),  # 0..1; seconds_left is null at first
    "log": ("level", "message"),
    "preview": ("path",),
    "metric": ("step", "name", "value"),
    "result": ("result",),
    "error": ("kind", "message", "hint", "detail"),
}
LAST = ("result", "error")  # one of these ends every job
_LONGEST_LINE = 1_000_000  # characters; arrays travel as files


@dataclass(frozen=True)
class JobRequest:
    """Work to do.

    Attributes:
        id: the client's name for it, told with every event.
        job: what kind of work, such as "segment".
        parameters: what the kind of work takes.
        run: folder whose events.jsonl all events are appended to, None for none.
    """

    id: str
    job: str
    parameters: dict[str, Any] = field(default_factory=dict)
    run: Path | None = None


@dataclass(frozen=True)
class CancelRequest:
    """Stop the job with this id."""

    id: str


@dataclass(frozen=True)
class ShutdownRequest:
    """Stop everything and end."""


class RequestError(BadInputError):
    """A line that is no request. `id` is the job it belongs to, None where that is unknown."""

    kind = "bad_request"

    def __init__(self, message: str, hint: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(message, hint)
        self.id = id


def parse_request(line: str) -> JobRequest | CancelRequest | ShutdownRequest:
    """What a line asks for.

    Raises:
        RequestError: says what is wrong with it.
    """
    content = _object(line)
    if content.get("shutdown") is True:
        return ShutdownRequest()
    name = content.get("id")
    if not isinstance(name, str) or not name:
        raise RequestError("A request needs an 'id' that is a text.", "Give each job its own.")
    if content.get("cancel") is True:
        return CancelRequest(name)
    job, parameters, run = content.get("job"), content.get("parameters", {}), content.get("run")
    if not isinstance(job, str) or not job:
        raise RequestError("A request needs a 'job' that is a text.", "Such as segment.", name)
    if not isinstance(parameters, dict):
        raise RequestError("The 'parameters' of a job must be a JSON object.", id=name)
    if run is not None and (not isinstance(run, str) or not run):
        raise RequestError("The 'run' of a job must be the path of a folder.", id=name)
    return JobRequest(name, job, parameters, Path(run) if run is not None else None)


def _object(line: str) -> dict[str, Any]:
    if len(line) > _LONGEST_LINE:
        raise RequestError("A request is too long.", "Arrays travel as files.")
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        raise RequestError("A request is not JSON.", "Send one JSON object a line.") from None
    if not isinstance(content, dict):
        raise RequestError("A request is not a JSON object.", "Send one JSON object a line.")
    return content


def job_line(
    id: str,  # noqa: A002
    job: str,
    parameters: dict[str, Any],
    run: str | Path | None = None,
) -> str:
    """The line that asks for a job; parameters are JSON-able, paths as text."""
    request: dict[str, Any] = {"id": id, "job": job, "parameters": parameters}
    if run is not None:
        request["run"] = str(run)
    return _line(request)


def cancel_line(id: str) -> str:  # noqa: A002
    """The line that stops a job."""
    return _line({"id": id, "cancel": True})


def shutdown_line() -> str:
    """The line that ends the worker."""
    return _line({"shutdown": True})


def event_line(event: str, id: str | None, **content: Any) -> str:  # noqa: A002
    """The line that tells of an event; numbers that JSON lacks (NaN, infinite) become null."""
    wanted = EVENTS[event]
    if set(content) != set(wanted):
        raise ValueError(f"event {event} carries {wanted}, not {tuple(content)}")
    told = {"event": event, "id": id, "time": round(time.time(), 3), **content}
    return _line(_plain(told))


def parse_event(line: str) -> dict[str, Any] | None:
    """The event that a line tells of, None for a line that is none (somebody else's print)."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and content.get("event") in EVENTS else None


def _line(content: dict[str, Any]) -> str:
    # ASCII escapes keep every name whole, whatever encoding a pipe was opened with.
    return json.dumps(content, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
