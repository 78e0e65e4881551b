"""Detached runs without a process: a test writes what they tell."""

from pathlib import Path
from types import SimpleNamespace

from mambamim.errors import BadInputError
from mambamim.jobs.detached import RunState


class FakeTail:
    """See `mambamim.jobs.detached.DetachedRun`; `tell` makes it say something."""

    def __init__(self):
        self.alive, self.told, self.asked = True, [], []

    def poll(self):
        told, self.told = self.told, []
        return told

    def tell(self, event, **content):
        self.told.append({"event": event, "id": "run", "time": 0.0, **content})

    def metric(self, step, **values):
        for name, value in values.items():
            self.tell("metric", step=step, name=name, value=value)

    def finish(self, **result):
        self.tell("result", result=result)
        self.alive = False

    def stop(self):
        self.asked.append("stop")

    def pause(self):
        self.asked.append("pause")

    def kill(self):
        self.alive = False


class FakeRuns:
    """Like `MambaMIMTrainerLib.Runs.Runs`; `started` and `states` are what was asked for."""

    def __init__(self):
        self.started, self.states, self.tails = [], [], {}
        self.refuse = ""

    def start(self, job, parameters, folder):
        if self.refuse:
            raise BadInputError(self.refuse, "Try again.")
        self.started.append(SimpleNamespace(job=job, parameters=dict(parameters), folder=folder))
        self.tails[Path(folder)] = FakeTail()

    def attach(self, folder):
        return self.tails.setdefault(Path(folder), FakeTail())

    def find(self, folder):
        return [state for state in self.states if state.run.parent == Path(folder)]

    @property
    def last(self):
        """The tail of the run that was started last."""
        return self.tails[self.started[-1].folder]

    def known(self, folder, state, job="finetune", **more):
        """Let a run be found; returns its tail."""
        facts = {"parameters": {"name": "found"}, "resumable": state != "running", "started": 1.0}
        self.states.append(RunState(Path(folder), job, state=state, **{**facts, **more}))
        return self.attach(folder)
