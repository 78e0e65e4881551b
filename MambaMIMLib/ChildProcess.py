"""A program of its own beside Slicer, by QProcess; what it says comes as signals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from MambaMIMLib import ProcessTree
from MambaMIMLib.Signal import Signal

_LAST_WAIT = 2.0  # seconds for a process that was killed, before the application goes


@dataclass(frozen=True)
class ProcessEnd:
    """How a process ended.

    Attributes:
        code: exit code, or the signal's number where it crashed.
        crashed: whether a signal or a fault ended it.
        started: False if the program could not be started at all.
    """

    code: int
    crashed: bool = False
    started: bool = True

    @property
    def killed(self) -> bool:
        """Whether the system ended it by force, as it does where memory runs out.

        SIGKILL, as a signal or as a shell and a launcher pass it on; Windows' STATUS_NO_MEMORY and
        STATUS_COMMITMENT_LIMIT.
        """
        # A launcher passes the number on as if it were an exit code; Python has no such code.
        return self.code in (9, 137, -9) or self.code & 0xFFFFFFFF in (0xC0000017, 0xC000012D)


class ProcessLike(Protocol):
    """A process as WorkerProcess needs it; tests put a fake in its place."""

    said: Signal  # (bytes) from its standard output
    complained: Signal  # (bytes) from its standard error
    ended: Signal  # (ProcessEnd), once

    def start(
        self, program: str, arguments: Sequence[str], environment: Mapping[str, str] | None
    ) -> None:
        """Start it and return at once; a program that is not there is told by `ended`."""

    def write(self, data: bytes) -> None:
        """Write to its standard input."""

    def closeInput(self) -> None:
        """Let it see the end of its standard input."""

    def kill(self) -> None:
        """End it and all that it started; nothing more is heard of it."""

    def wait(self, seconds: float) -> bool:
        """Wait for its end, blocking; whether it has come."""


class ChildProcess:
    """A QProcess with a launcher's manners taken into account.

    The application owns the QProcess: one that ends must not go while it tells so, and one that
    was killed takes a while, for which nobody is to wait.
    """

    _alive: ClassVar[set["ChildProcess"]] = set()
    _endsWithApplication = False

    def __init__(self) -> None:
        import qt
        import slicer

        self.said, self.complained, self.ended = Signal(), Signal(), Signal()
        self._deaf = self._gone = False
        self._process = qt.QProcess(slicer.app)
        self._process.setProcessChannelMode(qt.QProcess.SeparateChannels)
        self._process.connect("readyReadStandardOutput()", self._onOutput)
        self._process.connect("readyReadStandardError()", self._onErrorOutput)
        self._process.connect("finished(int,QProcess::ExitStatus)", self._onFinished)
        self._process.connect("errorOccurred(QProcess::ProcessError)", self._onError)

    @property
    def pid(self) -> int:
        """Number of the process that was started, a launcher's where it is one; 0 for none."""
        return int(self._process.processId()) if self._running() else 0

    def start(
        self, program: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """See `ProcessLike`; an environment of None is that of Slicer."""
        import qt

        if environment is not None:
            given = qt.QProcessEnvironment()
            for name, value in environment.items():
                given.insert(name, value)
            self._process.setProcessEnvironment(given)
        ChildProcess._keep(self)
        self._process.start(program, list(arguments))

    def write(self, data: bytes) -> None:
        """See `ProcessLike`; to a process that is gone, nothing is written."""
        if self._running():
            self._process.write(data)

    def closeInput(self) -> None:
        """See `ProcessLike`."""
        if self._running():
            self._process.closeWriteChannel()

    def kill(self) -> None:
        """See `ProcessLike`."""
        self._deaf = True
        if self._running():
            ProcessTree.endTree(self.pid)
            self._process.kill()

    def wait(self, seconds: float) -> bool:
        """See `ProcessLike`."""
        return not self._running() or bool(self._process.waitForFinished(int(seconds * 1000)))

    @classmethod
    def _keep(cls, process: "ChildProcess") -> None:
        import slicer

        if not cls._endsWithApplication:
            slicer.app.connect("aboutToQuit()", cls._endAll)
            cls._endsWithApplication = True
        cls._alive.add(process)

    @classmethod
    def _endAll(cls) -> None:
        for process in list(cls._alive):
            process.kill()
            process.wait(_LAST_WAIT)

    def _running(self) -> bool:
        import qt

        return not self._gone and self._process.state() != qt.QProcess.NotRunning

    def _onOutput(self) -> None:
        data = _bytes(self._process.readAllStandardOutput())
        if data and not self._deaf:
            self.said(data)

    def _onErrorOutput(self) -> None:
        data = _bytes(self._process.readAllStandardError())
        if data and not self._deaf:
            self.complained(data)

    def _onFinished(self, code: int, status: int) -> None:
        import qt

        self._onOutput()
        self._onErrorOutput()
        self._end(ProcessEnd(int(code), status == qt.QProcess.CrashExit))

    def _onError(self, error: int) -> None:
        import qt

        # All other errors are followed by finished().
        if error == qt.QProcess.FailedToStart:
            self._end(ProcessEnd(-1, started=False))

    def _end(self, end: ProcessEnd) -> None:
        self._gone = True
        self._process.deleteLater()
        ChildProcess._alive.discard(self)
        if not self._deaf:
            self.ended(end)


def _bytes(array) -> bytes:
    data = array.data()  # PythonQt gives None for an empty array
    return bytes(data) if data else b""
