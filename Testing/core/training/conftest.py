"""Lets tests import the helpers beside them, and gives runs of a tiny task."""

import sys
from pathlib import Path

import pytest
import torch
from one_thread import one_thread  # noqa: F401

sys.path.insert(0, str(Path(__file__).parent))


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
