"""Runs that outlive the program that began them: started, found again, watched, stopped.

Imports no torch. Such a run is a process of its own that does one job and tells its events in
RUN/events.jsonl. It holds a lock on RUN/.alive while it lives, which the system lets go of however
it ends: so whether it runs is never guessed from a process number, which may be another's by now.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mambamim.errors import BadInputError
from mambamim.jobs.event_log import FILE_NAME as EVENTS_FILE
from mambamim.jobs.event_log import read_events
from mambamim.jobs.life_lock import is_held
from mambamim.jobs.own_process import end_tree, exists, start_apart
from mambamim.jobs.protocol import LAST, job_line
from mambamim.jobs.run_file import RUN_FILE, read_run, write_run, written_parameters

MODULE = "mambamim.jobs.detached_run"
LIFE_FILE, STOP_FILE, PAUSE_FILE = ".alive", "STOP", "PAUSE"
COMPLAINTS_FILE = "stderr.txt"
_BIRTH = 120.0  # seconds that a process may take until it holds its lock


@dataclass(frozen=True)
class RunState:
    """How a run stands.

    Attributes:
        run: its folder.
        job: kind of work.
        parameters: what it was started with, but for `PRIVATE` ones.
        state: "running"; "finished"; "stopped" (its best is kept) or "paused", as somebody wanted;
            "failed" (it says why in `error`); "crashed" (it ended without a word).
        resumable: whether the same job can go on from where it stands.
        started: when the process was last started, seconds since 1970.
        result: of a run that has finished or was stopped.
        error: the last event of one that was paused or has failed.
    """

    run: Path
    job: str
    parameters: dict[str, Any]
    state: str
    resumable: bool
    started: float
    result: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] = field(default_factory=dict)


class DetachedRun:
    """A run, seen from any program.

    Args:
        run: its folder.

    Raises:
        BadInputError: no detached run has begun there, or its description is damaged.
    """

    def __init__(self, run: str | Path) -> None:
        self.run = Path(run)
        self._facts = read_run(self.run)
        self._position = 0

    @property
    def pid(self) -> int:
        """The process that was started last."""
        return int(self._facts["pid"])

    @property
    def alive(self) -> bool:
        """Whether its process is there; one that is just being started is."""
        self._facts = read_run(self.run)
        if is_held(self.run / LIFE_FILE):
            return True
        age = time.time() - self._facts["started"]
        return 0 <= age < _BIRTH and not self._was_born() and exists(self.pid)

    def poll(self) -> list[dict[str, Any]]:
        """The events since the last call; the first call gives all that the run ever told.

        How earlier processes of the run have ended is left out: the one that was started last has
        yet to end.
        """
        begun, earlier = int(self._facts["position"]), []
        if self._position < begun:
            past, self._position = read_events(self.run, self._position, begun)
            earlier = [event for event in past if event["event"] not in LAST]
        events, self._position = read_events(self.run, self._position)
        told = [*earlier, *events]
        for event in told:
            if event["event"] == "preview":  # which is in the run, wherever that is now
                event["path"] = str(self.run / str(event.get("path") or ""))
        return told

    def stop(self) -> None:
        """Ask it to end at its next step and to keep its best; its last event is a result."""
        self._leave(STOP_FILE)

    def pause(self) -> None:
        """Ask it to save where it stands and to end; its last event is "cancelled"."""
        self._leave(PAUSE_FILE)

    def kill(self) -> None:
        """End its process, and those it has started, at once."""
        if not self.alive:
            return
        end_tree(self.pid)

    def state(self) -> RunState:
        """How it stands now."""
        alive = self.alive
        last = _last_event(self.run, int(self._facts["position"]))
        name, resumable = _judged(alive, last)
        facts = self._facts
        return RunState(
            self.run,
            str(facts["job"]),
            dict(facts["parameters"]),
            name,
            resumable,
            float(facts["started"]),
            dict(last.get("result") or {}) if name in ("finished", "stopped") else {},
            last if name in ("paused", "failed") else {},
        )

    def _was_born(self) -> bool:
        """Whether the process that was started last has held its lock."""
        with contextlib.suppress(OSError):
            return (self.run / LIFE_FILE).read_text(encoding="utf-8") == self._facts["token"]
        return False

    def _leave(self, name: str) -> None:
        try:
            (self.run / name).touch()
        except OSError as error:
            raise BadInputError(
                f"The run {self.run.name} cannot be told: {error.strerror}.",
                "End its process instead.",
            ) from error


def start_detached(
    program: str,
    environment: Mapping[str, str],
    job: str,
    parameters: dict[str, Any],
    run: str | Path,
    options: Sequence[str] = (),
) -> int:
    """Start a run that goes on when this program ends; nothing is waited for.

    A folder that holds a run is gone on from. What `PRIVATE` names goes through a pipe and is not
    written down.

    Args:
        program: a Python with this package and torch.
        environment: variables to set for it, or all it shall have where they hold PATH.
        job: a kind of work that the worker knows.
        parameters: of the job, JSON-able.
        run: its folder, made if it is missing.
        options: arguments for Python itself.

    Returns:
        The number of the process.

    Raises:
        BadInputError: a run is at work there, the folder cannot be written to, or the program
            cannot be started.
    """
    run = Path(run)
    if (run / RUN_FILE).exists() and DetachedRun(run).alive:
        raise BadInputError(f"The run {run.name} is at work already.", "Wait for it, or stop it.")
    request = job_line("run", job, parameters, run)
    token = os.urandom(8).hex()
    _end_line(run)
    facts: dict[str, Any] = {
        "job": job,
        "parameters": written_parameters(parameters, run),
        "pid": 0,
        "started": time.time(),
        "token": token,
        "position": _size(run / EVENTS_FILE),
    }
    write_run(run, facts)
    for name in (STOP_FILE, PAUSE_FILE):
        (run / name).unlink(missing_ok=True)
    command = [program, *options, "-m", MODULE, str(run), token]
    process = start_apart(command, environment, run / COMPLAINTS_FILE)
    write_run(run, {**facts, "pid": process.pid})
    assert process.stdin is not None
    with contextlib.suppress(OSError), process.stdin:  # it has ended already: its state tells
        process.stdin.write(request.encode())
    return process.pid


def attach(run: str | Path) -> DetachedRun:
    """A run that was started by this or another program; the same as `DetachedRun(run)`."""
    return DetachedRun(run)


def find_runs(folder: str | Path) -> list[RunState]:
    """The detached runs in the sub-folders of a folder, the last started first.

    One whose description is damaged is left out.
    """
    found = []
    for path in sorted(Path(folder).glob(f"*/{RUN_FILE}")):
        with contextlib.suppress(BadInputError):
            found.append(DetachedRun(path.parent).state())
    return sorted(found, key=lambda state: -state.started)


def _judged(alive: bool, last: dict[str, Any]) -> tuple[str, bool]:
    if alive:
        return "running", False
    if last.get("event") == "result":
        finished = (last.get("result") or {}).get("finished", True)
        return ("finished", False) if finished else ("stopped", True)
    if last.get("event") == "error":
        return ("paused" if last.get("kind") == "cancelled" else "failed"), True
    return "crashed", True


def _last_event(run: Path, position: int) -> dict[str, Any]:
    """How the process that was started last has ended, {} where it did not say."""
    last: dict[str, Any] = {}
    for event in read_events(run, position)[0]:
        if event["event"] == "started":
            last = {}
        elif event["event"] in LAST:
            last = event
    return last


def _end_line(run: Path) -> None:
    """A process that was killed may have left half a line, which would spoil the next one."""
    path = run / EVENTS_FILE
    with contextlib.suppress(OSError), path.open("rb+") as stream:
        stream.seek(-1, os.SEEK_END)  # OSError where nothing is in it
        if stream.read(1) != b"\n":
            stream.write(b"\n")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
