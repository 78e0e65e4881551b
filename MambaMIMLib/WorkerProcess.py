"""The worker beside Slicer: a process that does the long work, so that Slicer never waits.

It speaks the job protocol of `mambamim.jobs` over a QProcess. It is started by the first job,
stays warm for the next ones, and goes when it has had nothing to do for a while.
"""

from collections.abc import Callable
from typing import Any

from mambamim.errors import MambaMIMError
from mambamim.jobs.protocol import VERSION, cancel_line
from MambaMIMLib import Log, ProcessTree, Timer, WorkerTrouble
from MambaMIMLib.ChildProcess import ChildProcess, ProcessEnd, ProcessLike
from MambaMIMLib.PythonChoice import PythonChoice
from MambaMIMLib.Signal import Signal
from MambaMIMLib.WorkerJob import JobFailure, WorkerJob
from MambaMIMLib.WorkerSpeech import WorkerSpeech

MODULE = "mambamim.jobs.worker"
# Seconds. A worker answers a cancel within one; the first start on a computer that looks through
# every new file for viruses takes long; an idle worker holds a graphics card's memory.
_CANCEL, _START, _WARM = 3.0, 120.0, 600.0


class WorkerProcess:
    """Gives jobs to a worker one by one, in the order in which they came.

    A job that crashes the worker fails; the ones that wait behind it get a new one. A worker that
    does not start fails all that wait, and the next job tries again.

    Args:
        choosePython: gives the Python to start; may raise MambaMIMError.
        makeProcess: gives a process that is not started yet.
        after: calls something in so many seconds.
    """

    def __init__(
        self,
        choosePython: Callable[[], PythonChoice],
        makeProcess: Callable[[], ProcessLike] = ChildProcess,
        after: Callable[[float, Callable[[], None]], Timer.TimerLike] = Timer.after,
    ) -> None:
        self.stateChanged = Signal()  # (state)
        self._choosePython, self._makeProcess = choosePython, makeProcess
        self._state = "idle"
        self._waiting: list[WorkerJob] = []
        self._job: WorkerJob | None = None  # the one that the worker is doing
        self._process: ProcessLike | None = None
        self._pid = 0  # of the worker, once it has said so
        self._speech = WorkerSpeech()
        self._failed = self._cancelling = self._outdated = False
        self._timers = Timer.Timers(after)

    @property
    def state(self) -> str:
        """ "idle", "starting", "running", "cancelling", or "failed" until the next job."""
        return self._state

    @property
    def python(self) -> PythonChoice:
        """The Python that the next worker is started with.

        Raises:
            MambaMIMError: there is none.
        """
        return self._choosePython()

    def submit(self, job: str, parameters: dict[str, Any], run: str = "") -> WorkerJob:
        """Give it a job. Nothing is sent before control is back in Qt's event loop.

        Args:
            job: kind of work, such as "segment".
            parameters: JSON-able, paths as text; see docs/jobs.md.
            run: folder whose events.jsonl keeps the job's events; "" for none.

        Raises:
            BadInputError: the parameters are not JSON-able.
        """
        submitted = WorkerJob.asking(job, parameters, run, self._stopJob)
        self._failed = False
        self._waiting.append(submitted)
        self._soon()
        return submitted

    def stop(self) -> None:
        """End the worker with all that it started, at once; its jobs fail with kind "stopped".

        Connect the application's aboutToQuit() and the scene's closing to it.
        """
        self._abandon()
        jobs = [*([self._job] if self._job else []), *self._waiting]
        self._waiting.clear()
        self._job, self._failed, self._cancelling = None, False, False
        self._update()
        for job in jobs:
            job.fail(WorkerTrouble.stopped())

    def restart(self) -> None:
        """Another Python was chosen: the next job gets a new worker; one at work goes on."""
        self._outdated = self._process is not None
        if self._job is None:
            self._renew()

    def _soon(self) -> None:
        self._timers.set("send", 0, self._send)
        if self._pid:
            self._timers.set("warm", _WARM, self._renew)
        self._update()

    def _send(self) -> None:
        self._timers.drop("send")
        if self._job is not None or not self._waiting:
            return
        if self._process is None:
            self._launch()
        elif self._pid:
            self._timers.drop("warm")
            self._job = self._waiting.pop(0)
            self._process.write(self._job.line.encode("utf-8"))
        self._update()

    def _launch(self) -> None:
        try:
            python = self._choosePython()
        except MambaMIMError as error:
            self._failAll(JobFailure(error.kind, error.message, error.hint))
            return
        speech = self._speech = WorkerSpeech()
        process = self._process = self._makeProcess()
        process.said.connect(self._onOutput)
        process.complained.connect(speech.complain)
        process.ended.connect(self._onEnd)
        self._timers.set(
            "start", _START, lambda: self._failAll(WorkerTrouble.silent(self._speech.complaints()))
        )
        process.start(python.program, ["-m", MODULE], python.environment)

    def _stopJob(self, job: WorkerJob) -> None:
        if job in self._waiting:
            self._waiting.remove(job)
            self._update()
            job.fail(WorkerTrouble.cancelled())
        elif job is self._job and not self._cancelling:
            self._cancelling = True
            self._process.write(cancel_line(job.id).encode("utf-8"))
            self._timers.set("cancel", _CANCEL, self._stopHard)
            self._update()

    def _stopHard(self) -> None:
        """The worker has not answered: it goes, with all that it started."""
        self._abandon()
        self._endJob(lambda job: job.fail(WorkerTrouble.cancelled()))

    def _onOutput(self, data: bytes) -> None:
        process = self._process
        for event in self._speech.hear(data):
            if self._process is process:  # which may have been given up
                self._onEvent(event)

    def _onEvent(self, event: dict[str, Any]) -> None:
        if event["event"] == "ready":
            if not self._pid:
                self._onReady(event)
        elif self._job is not None and event.get("id") == self._job.id:
            if event["event"] == "error":
                self._endJob(lambda job: job.fail(WorkerTrouble.told(event)))
            elif event["event"] == "result":
                self._endJob(lambda job: job.hear(event))
            else:
                self._job.hear(event)

    def _onReady(self, event: dict[str, Any]) -> None:
        if event.get("protocol") != VERSION:
            self._failAll(WorkerTrouble.otherVersion(event, VERSION))
            return
        self._timers.drop("start")
        self._failed = False
        pid = event.get("pid")
        self._pid = pid if isinstance(pid, int) and pid > 0 else -1
        self._soon()

    def _onEnd(self, end: ProcessEnd) -> None:
        started, said = self._pid, self._speech.complaints()
        self._forget()
        if started > 0:  # a launcher may be gone and leave the worker behind
            ProcessTree.endOrphan(started, MODULE)
        if not started:
            self._failAll(WorkerTrouble.notStarted(end, said))
        elif self._job is not None:
            self._failed = not self._cancelling
            trouble = WorkerTrouble.died(end, said) if self._failed else WorkerTrouble.cancelled()
            Log.info(f"{trouble.message}\n{trouble.detail}".strip())
            self._endJob(lambda job: job.fail(trouble))
        else:
            self._soon()

    def _endJob(self, tell: Callable[[WorkerJob], None]) -> None:
        job, self._job, self._cancelling = self._job, None, False
        self._timers.drop("cancel")
        if self._outdated:
            self._renew()
        self._soon()
        if job is not None:
            tell(job)

    def _failAll(self, failure: JobFailure) -> None:
        self._abandon()
        jobs, self._waiting, self._failed = self._waiting, [], True
        Log.error(f"{failure.message}\n{failure.detail}".strip())
        self._update()
        for job in jobs:
            job.fail(failure)

    def _renew(self) -> None:
        self._abandon()
        self._soon()

    def _abandon(self) -> None:
        process = self._process
        self._forget()
        if process is not None:
            process.kill()

    def _forget(self) -> None:
        self._process, self._pid, self._outdated = None, 0, False
        self._timers.drop("start", "cancel", "warm")

    def _update(self) -> None:
        if self._cancelling:
            state = "cancelling"
        elif self._job is not None or (self._waiting and self._pid):
            state = "running"
        elif self._waiting or (self._process is not None and not self._pid):
            state = "starting"
        else:
            state = "failed" if self._failed else "idle"
        if state != self._state:
            self._state = state
            self.stateChanged(state)
