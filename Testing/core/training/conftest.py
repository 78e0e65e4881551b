"""Lets tests import the helpers beside them, and gives runs of a tiny task."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def one_thread():
    """What is this small gains nothing from a second one, and waits for it on a busy computer."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def train():
    """Train a task in this process: (run folder, task, settings by name) -> loop and outcome."""
    from helper_task import Ear

    from mambamim.training.loop import TrainingLoop
    from mambamim.training.settings import LoopSettings
    from mambamim.training.team import Team

    def run(folder, task, voice=None, **settings):
        numbers = LoopSettings(
            **{"batch": 4, "save_every": 5, "learning_rate": 0.01, "workers": 0, **settings}
        )
        team = Team(0, 1, torch.device("cpu"))
        loop = TrainingLoop(task, numbers, folder, team, voice or Ear())
        return loop, loop.run()

    return run
