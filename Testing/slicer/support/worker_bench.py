"""A worker process with all around it fake."""

from fake_process import PYTHON, FakeProcesses
from fake_time import FakeTime
from recorder import JOB_SIGNALS, Recorder

from MambaMIMLib.WorkerProcess import WorkerProcess


class Bench:
    """A worker process, all around it being fake."""

    def __init__(self, choosePython=lambda: PYTHON):
        self.processes, self.time = FakeProcesses(), FakeTime()
        self.worker = WorkerProcess(choosePython, self.processes, self.time)
        self.states = []
        self.worker.stateChanged.connect(self.states.append)

    def submit(self, name="segment", **parameters):
        job = self.worker.submit(name, parameters)
        return job, Recorder(job, *JOB_SIGNALS)

    def running(self):
        """A job that the worker is doing."""
        job, heard = self.submit()
        self.time.advance()
        self.process.ready()
        self.time.advance()
        return job, heard

    @property
    def process(self):
        return self.processes.last


def failure(heard):
    ((told,),) = heard.of("failed")
    assert heard.names()[-1] == "ended"
    return told
