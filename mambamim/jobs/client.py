"""Start a worker and give it jobs: for scripts, tests, and programs without a window of their own.

Imports no torch. The extension for 3D Slicer speaks the same protocol through a QProcess.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from mambamim.errors import MambaMIMError
from mambamim.jobs.protocol import LAST, cancel_line, job_line, parse_event, shutdown_line

_GRACE = 3.0  # seconds for the worker to end by itself


class JobError(MambaMIMError):
    """A job failed.

    Attributes:
        kind: as told by the worker ("bad_input", "cancelled", ...), "worker_died" where it ended.
        detail: places in the code, for a report; may be empty.
    """

    def __init__(self, event: Mapping[str, Any]) -> None:
        super().__init__(str(event.get("message", "")), str(event.get("hint", "")))
        self.kind = str(event.get("kind", "error"))
        self.detail = str(event.get("detail", ""))


class Job:
    """A job given to a worker. Iterate for its events; `result()` waits for the end."""

    def __init__(self, client: WorkerClient, id: str) -> None:  # noqa: A002
        self.id = id
        self._client = client
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._last: dict[str, Any] | None = None

    def events(self, timeout: float | None = None) -> Iterator[dict[str, Any]]:
        """The events in order, the last one (`result` or `error`) included.

        Args:
            timeout: longest wait for the next event, seconds; None waits for ever.

        Raises:
            TimeoutError: no event came in time.
        """
        while self._last is None:
            try:
                event = self._events.get(timeout=timeout)
            except queue.Empty:
                raise TimeoutError(f"No event of the job in {timeout} s.") from None
            if event["event"] in LAST:
                self._last = event
            yield event

    def result(self, timeout: float | None = None) -> dict[str, Any]:
        """Wait for the job's end.

        Raises:
            JobError: it failed, was cancelled, or the worker died.
            TimeoutError: nothing was heard of it for `timeout` seconds.
        """
        for _ in self.events(timeout):
            pass
        assert self._last is not None
        if self._last["event"] == "error":
            raise JobError(self._last)
        return dict(self._last["result"])

    def cancel(self) -> None:
        """Ask the worker to stop this job; its last event is then an error of kind "cancelled"."""
        self._client.send(cancel_line(self.id))

    def _hear(self, event: dict[str, Any]) -> None:
        self._events.put(event)


class WorkerClient:
    """A worker process of one's own. Use it as a context manager, or `close()` it.

    Args:
        command: what starts a worker; None takes this Python.
        environment: variables to set for it besides those of this process.
    """

    def __init__(
        self,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            list(command or (sys.executable, "-m", "mambamim.jobs.worker")),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
            text=True,
            encoding="utf-8",
            start_new_session=True,  # a group of its own, so that its children can be ended too
        )
        self._jobs: dict[str, Job] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._buried = False
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """The worker's process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the worker is there."""
        return self._process.poll() is None

    def submit(self, job: str, parameters: dict[str, Any], run: str | Path | None = None) -> Job:
        """Give the worker a job; see `mambamim.jobs.protocol`.

        Args:
            job: kind of work, such as "segment".
            parameters: JSON-able, paths as text.
            run: folder whose events.jsonl keeps the job's events.
        """
        with self._lock:
            handle = Job(self, str(next(self._numbers)))
            self._jobs[handle.id] = handle
            if self._buried:
                self._bury()
                return handle
        self.send(job_line(handle.id, job, parameters, run))
        return handle

    def send(self, line: str) -> None:
        """Write a request's line; a worker that is gone is told by its jobs' last events."""
        assert self._process.stdin is not None
        with self._lock, contextlib.suppress(BrokenPipeError, ValueError):
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def close(self) -> None:
        """Stop all jobs and end the worker, by force if it takes longer than a few seconds."""
        self.send(shutdown_line())
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self.kill()
        self._listener.join(_GRACE)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def kill(self) -> None:
        """End the worker and all processes it started, at once."""
        if os.name == "nt":
            subprocess.run(
                ["taskkill", "/F", "/T", "/PID", str(self.pid)], capture_output=True, check=False
            )
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def __enter__(self) -> WorkerClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = parse_event(line)
            job = self._jobs.get(str(event["id"])) if event else None
            if event is not None and job is not None:
                job._hear(event)
                if event["event"] in LAST:
                    self._jobs.pop(job.id, None)
        with self._lock:
            self._bury()

    def _bury(self) -> None:
        """Tell the jobs that are still open that there is no worker any more."""
        self._buried = True
        for job in self._jobs.values():
            job._hear(
                {
                    "event": "error",
                    "id": job.id,
                    "kind": "worker_died",
                    "message": "The worker ended before the job was done.",
                    "hint": "Start it again; what was being written is not there in part.",
                    "detail": "",
                }
            )
        self._jobs.clear()
