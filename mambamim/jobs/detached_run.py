"""The process of a detached run: does one job, tells its events in its folder, and ends.

    python -m mambamim.jobs.detached_run RUN TOKEN < request

`mambamim.jobs.detached.start_detached` starts it. The request is a line as a worker takes it.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import sys
from pathlib import Path

from mambamim.errors import BadInputError, MambaMIMError, plain_error
from mambamim.jobs.channel import Channel
from mambamim.jobs.context import JobContext
from mambamim.jobs.detached import LIFE_FILE, PAUSE_FILE
from mambamim.jobs.life_lock import hold
from mambamim.jobs.protocol import JobRequest, RequestError, parse_request
from mambamim.jobs.worker import JOBS, LogToContext
from mambamim.memory import keep_large_buffers


class RunContext(JobContext):
    """A job's context whose events go to the run folder alone; a file PAUSE there cancels it."""

    def __init__(self, request: JobRequest, run: Path, channel: Channel) -> None:
        super().__init__(request, channel, {})
        self._run, self._pause = run.resolve(), run / PAUSE_FILE

    def preview(self, path: Path) -> None:
        """Tell that a first result can be read; one in the run folder is told as seen from it."""
        whole = path.resolve()
        super().preview(whole.relative_to(self._run) if whole.is_relative_to(self._run) else path)

    def cancelled(self) -> bool:
        """Whether to stop: a signal or the file said so."""
        return super().cancelled() or self._pause.exists()


def main() -> int:
    """Do the job that standard input asks for; returns the exit code."""
    run, token = Path(sys.argv[1]), sys.argv[2]
    alive = hold(run / LIFE_FILE, token)
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123
        code = _do(run, Channel(nowhere))
    alive.close()
    return code


def _do(run: Path, channel: Channel) -> int:
    request = _request(run)
    context = RunContext(request, run, channel)

    def stop(number: int, frame: object) -> None:
        context.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    keep_large_buffers()
    context.tell("started")
    handler = LogToContext(context)
    logging.getLogger("mambamim").addHandler(handler)
    try:
        job = importlib.import_module(JOBS[request.job])
        context.result(job.run(request.parameters, context))
    except (Exception, KeyboardInterrupt) as error:
        plain = plain_error(error, quote=False)
        foreseen = isinstance(error, MambaMIMError)
        context.error(plain, None if foreseen else error)
        return plain.exit_code
    finally:
        logging.getLogger("mambamim").removeHandler(handler)
        (run / PAUSE_FILE).unlink(missing_ok=True)
    return 0


def _request(run: Path) -> JobRequest:
    request = parse_request(sys.stdin.readline())
    if not isinstance(request, JobRequest) or request.job not in JOBS:
        raise RequestError("No job was asked for.", f"Use {', '.join(JOBS)}.")
    if request.run is None or request.run.resolve() != run.resolve():
        raise BadInputError("The request is of another run.")
    return request


if __name__ == "__main__":
    sys.exit(main())
