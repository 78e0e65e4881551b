"""A task that takes no time, and a program that trains it, alone or in a team of processes."""

import json
import os
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.utils.data import Dataset

from mambamim.errors import BadInputError, MambaMIMError


class Numbers(Dataset):
    """Sample n is a function of n; some numbers have something happen.

    Args:
        events: sample number -> "nan", "broken", "hang", "stop", a signal's number, or two of it.
        folder: where files named "stop" and "hang" would be made.
        pause: seconds a sample takes.
    """

    def __init__(self, events=None, folder=None, pause=0.0):
        self.events = {int(number): what for number, what in (events or {}).items()}
        self.folder, self.pause, self.asked = folder, pause, []

    def __getitem__(self, number):
        if self.pause:
            time.sleep(self.pause)
        self.asked.append(number)
        x = torch.randn(4, generator=torch.Generator().manual_seed(number))
        what = self.events.get(number)
        if what == "broken":
            raise BadInputError(f"Sample {number} is damaged.", "Copy it again.")
        if what == "nan":
            x *= torch.nan
        elif what == "stop":
            (Path(self.folder) / "STOP").touch()
        elif what == "hang":
            (Path(self.folder) / "hanging").touch()
            time.sleep(100)
        elif what is not None:
            for number_of_signal in what:
                os.kill(os.getpid(), number_of_signal)
        return {"number": number, "x": x, "y": x.square().sum()}


class Net(nn.Module):
    """A loss with a weight, biases, a norm, dropout, and a buffer of whole numbers."""

    def __init__(self, dropout=0.0):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(4, 16), nn.LayerNorm(16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 1)
        )
        self.register_buffer("places", torch.arange(1000))

    def forward(self, x, y):
        return (self.layers(x)[:, 0] - y).square().mean()


class TinyTask:
    """Learns a sum of squares; remembers when it was asked to validate and to publish."""

    inputs = ("x", "y")

    def __init__(self, dropout=0.0, facts=None, module=None, **numbers):
        torch.manual_seed(0)
        self.module = module or Net(dropout)
        self.dataset = Numbers(**numbers)
        self.facts = facts or {"network": "tiny", "sides": (1, 2)}
        self.validated, self.published = [], []

    def validate(self, module):
        batch = torch.stack([Numbers()[number]["x"] for number in range(1000, 1008)])
        score = float(module(batch, batch.square().sum(1)))
        self.validated.append((module.training, torch.is_grad_enabled(), score))
        return {"score": score}

    def publish(self, module, run, step, scores):
        self.published.append((step, dict(scores), copied(module)))


class Ear:
    """A voice that remembers, and can say stop."""

    def __init__(self, stop_at=None):
        self.progresses, self.metrics, self.logs = [], [], []
        self.stop_at, self.asked = stop_at, 0

    def progress(self, fraction, message):
        self.progresses.append((fraction, message))

    def metric(self, step, name, value):
        self.metrics.append((step, name, value))

    def log(self, level, message):
        self.logs.append((level, message))

    def cancelled(self):
        self.asked += 1
        return self.stop_at is not None and self.asked > self.stop_at


def copied(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def train_here(folder, settings, options):
    """Train as one of the processes that were started, and write what came of it by rank."""
    from mambamim.training.loop import TrainingLoop
    from mambamim.training.settings import LoopSettings

    folder.mkdir(parents=True, exist_ok=True)
    task = TinyTask(folder=str(folder), **options)
    told = {}
    try:
        numbers = LoopSettings(**{"batch": 4, "learning_rate": 0.01, "workers": 0, **settings})
        loop = TrainingLoop(task, numbers, folder, TEAM, Ear())
        told = {"step": loop.run().step, "published": [step for step, *_ in task.published]}
        told["heard"] = len(loop.voice.metrics) if TEAM.leads else 0
    except MambaMIMError as error:
        told = {"error": error.kind, "message": error.message}
    save_file(copied(task.module), folder / f"rank{TEAM.rank}.safetensors")
    (folder / f"rank{TEAM.rank}.json").write_text(json.dumps(told))


if __name__ == "__main__":  # arguments: folder, {run: [settings, options]} as JSON
    from mambamim.training.team import Team

    torch.set_num_threads(1)
    with Team.join("cpu") as TEAM:
        for name, (settings, options) in json.loads(sys.argv[2]).items():
            train_here(Path(sys.argv[1]) / name, settings, options)
