"""The worker: reads jobs from standard input, does them one by one, tells events on its output.

    python -m mambamim.jobs.worker

Standard output carries the protocol alone; what libraries print goes to standard error. Models stay
warm between jobs. At the end of the input the jobs that were taken are still done; `shutdown` and
SIGTERM stop them.
"""

from __future__ import annotations

import importlib
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterable
from types import FrameType
from typing import Any, NoReturn, TextIO

import mambamim
from mambamim.errors import BadInputError, Cancelled, plain_error
from mambamim.jobs.channel import Channel
from mambamim.jobs.context import JobContext
from mambamim.jobs.protocol import (
    VERSION,
    CancelRequest,
    JobRequest,
    RequestError,
    ShutdownRequest,
    parse_request,
)
from mambamim.memory import keep_large_buffers

# Kind of work -> module with `run(parameters, context) -> result`, loaded when first asked for.
JOBS = {
    "segment": "mambamim.jobs.segment_job",
    "reconstruct": "mambamim.jobs.reconstruct_job",
    "sample_ct": "mambamim.jobs.sample_ct_job",
    "import_cases": "mambamim.jobs.import_cases_job",
    "finetune": "mambamim.jobs.finetune_job",
    "pretrain": "mambamim.jobs.pretrain_job",
    "estimate": "mambamim.jobs.estimate_job",
    "rank": "mambamim.jobs.rank_job",
    "devices": "mambamim.jobs.devices_job",
}
# A step that cannot be interrupted (reading a file, importing torch) ends later than a person
# waits: the job is told to be cancelled then, and its result is dropped when the step ends.
_PATIENCE = 0.7


class Worker:
    """Takes requests in one thread (`take`) and does jobs in another (`work`).

    Args:
        output: the protocol's stream.
        jobs: kinds of work.
    """

    def __init__(self, output: TextIO, jobs: dict[str, str] | None = None) -> None:
        self.channel = Channel(output)
        self._jobs = JOBS if jobs is None else jobs
        self._queue: queue.SimpleQueue[JobContext | None] = queue.SimpleQueue()
        self._open: dict[str, JobContext] = {}
        self._ended: set[str] = set()
        self._warm: dict[Any, Any] = {}
        self._ending = False

    def take(self, lines: Iterable[str]) -> None:
        """Read requests until shutdown or the end of the input."""
        for line in lines:
            if not line.strip():
                continue
            try:
                request = parse_request(line)
                if isinstance(request, ShutdownRequest):
                    self.shut_down()
                    return
                if isinstance(request, CancelRequest):
                    self._cancel(request.id)
                else:
                    self._accept(request)
            except RequestError as error:
                self._refuse(error)
        self._queue.put(None)

    def work(self) -> None:
        """Do jobs until there will be no more."""
        while (context := self._queue.get()) is not None:
            self._do(context)
            self._ended.add(context.request.id)
            self._open.pop(context.request.id, None)

    def shut_down(self) -> None:
        """Stop every job and end. Safe in a signal handler."""
        self._ending = True
        for context in list(self._open.values()):
            context.stop()
        self._queue.put(None)

    def _accept(self, request: JobRequest) -> None:
        if request.id in self._open:
            raise RequestError("This id belongs to a job already.", "Give each its own.")
        if request.job not in self._jobs:
            raise RequestError(
                f"There is no job {request.job!r:.60}.", f"Use {', '.join(self._jobs)}.", request.id
            )
        context = JobContext(request, self.channel, self._warm)
        self._open[request.id] = context
        self._queue.put(context)

    def _cancel(self, name: str) -> None:
        context = self._open.get(name)
        if context is not None:
            context.stop()
            timer = threading.Timer(_PATIENCE, lambda: context.error(Cancelled()))
            timer.daemon = True
            timer.start()
        elif name not in self._ended:  # one that has just ended is no mistake
            raise RequestError("There is no job with this id to cancel.", id=name)

    def _refuse(self, error: RequestError) -> None:
        self.channel.tell(
            "error", error.id, None, kind=error.kind, message=error.message, hint=error.hint,
            detail="",
        )  # fmt: skip

    def _do(self, context: JobContext) -> None:
        if self._ending or context.cancelled():
            context.error(Cancelled())
            return
        context.tell("started")
        handler = LogToContext(context)
        logging.getLogger("mambamim").addHandler(handler)
        try:
            job = importlib.import_module(self._jobs[context.request.job])
            context.result(job.run(context.request.parameters, context))
        except (Exception, KeyboardInterrupt) as error:
            plain = plain_error(error, quote=False)
            foreseen = isinstance(plain, (BadInputError, Cancelled))
            context.error(plain, None if foreseen else error)
        finally:
            logging.getLogger("mambamim").removeHandler(handler)


class LogToContext(logging.Handler):
    """Warnings of this package become log events of the job at work."""

    def __init__(self, context: JobContext) -> None:
        super().__init__(logging.WARNING)
        self._context = context

    def emit(self, record: logging.LogRecord) -> None:
        """Tell the record's message and level."""
        self._context.log(record.levelname.lower(), record.getMessage())


def main() -> NoReturn:
    """Serve standard input until it ends, and end the process."""
    output = _claim_output()
    level = logging.DEBUG if os.environ.get("MAMBAMIM_DEBUG") else logging.WARNING
    logging.basicConfig(level=level, stream=sys.stderr)
    keep_large_buffers()
    worker = Worker(output)

    def stop(signum: int, frame: FrameType | None) -> None:
        worker.shut_down()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    worker.channel.tell(
        "ready", None, None, protocol=VERSION, version=mambamim.__version__, pid=os.getpid()
    )
    lines = os.fdopen(os.dup(0), encoding="utf-8", errors="replace")
    threading.Thread(target=worker.take, args=(lines,), daemon=True).start()
    worker.work()
    # The reading thread may be inside a read of standard input, which nothing interrupts: the
    # interpreter's own way out would wait for it.
    sys.stderr.flush()
    os._exit(0)


def _claim_output() -> TextIO:
    """The real standard output for the protocol; everybody else's goes to standard error."""
    sys.stdout.flush()
    output = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return output


if __name__ == "__main__":
    main()
