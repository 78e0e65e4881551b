"""A process that a test plays the worker in."""

import json

from mambamim.jobs.protocol import EVENTS, VERSION
from MambaMIMLib.ChildProcess import ProcessEnd
from MambaMIMLib.PythonChoice import PythonChoice
from MambaMIMLib.Signal import Signal

PYTHON = PythonChoice("/opt/python", {"LANG": "C"})
NO_PID = 4_194_305  # above the highest number that Linux gives


class FakeProcess:
    """See `ProcessLike`; what was done to it is kept, and `event` and `end` answer."""

    def __init__(self):
        self.said, self.complained, self.ended = Signal(), Signal(), Signal()
        self.program = self.arguments = self.environment = None
        self.written = b""
        self.killed = self.closed = self.gone = False

    def start(self, program, arguments, environment=None):
        self.program, self.arguments, self.environment = program, list(arguments), environment

    def write(self, data):
        self.written += data

    def closeInput(self):
        self.closed = True

    def kill(self):
        self.killed = self.gone = True

    def wait(self, seconds):
        return self.gone

    @property
    def requests(self):
        """What was asked of it so far."""
        return [json.loads(line) for line in self.written.decode("utf-8").splitlines()]

    @property
    def job(self):
        """The id of the job that it was given last."""
        return [request["id"] for request in self.requests if "job" in request][-1]

    def say(self, data):
        """Bytes on its standard output."""
        if not self.killed:
            self.said(data)

    def complain(self, text):
        """Text on its standard error."""
        if not self.killed:
            self.complained(text.encode("utf-8"))

    def ready(self, protocol=VERSION, version="0.1.0", pid=NO_PID):
        """Say that it can take jobs."""
        self.event("ready", id=None, protocol=protocol, version=version, pid=pid)

    def event(self, event, **content):
        """Tell an event of its last job; what is not given is None."""
        told = {"event": event, "time": 0.0, **dict.fromkeys(EVENTS[event]), **content}
        told.setdefault("id", self.job if event != "ready" else None)
        self.say((json.dumps(told) + "\n").encode("utf-8"))

    def result(self, **result):
        """Do the last job well."""
        self.event("result", result=result)

    def error(self, kind="error", message="It went wrong.", hint="", detail=""):
        """Fail the last job."""
        self.event("error", kind=kind, message=message, hint=hint, detail=detail)

    def end(self, code=0, crashed=False, started=True):
        """End by itself."""
        self.gone = True
        if not self.killed:
            self.ended(ProcessEnd(code, crashed, started))


class FakeProcesses:
    """Makes them, and keeps them all in `made`."""

    def __init__(self):
        self.made = []

    def __call__(self):
        self.made.append(FakeProcess())
        return self.made[-1]

    @property
    def last(self):
        return self.made[-1]
