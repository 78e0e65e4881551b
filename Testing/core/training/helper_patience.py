"""A program that trains the task of test_patience.py in a team of processes."""

import json
import sys
from pathlib import Path

import torch
from test_patience import rated

from mambamim.training.loop import TrainingLoop
from mambamim.training.settings import LoopSettings
from mambamim.training.team import Team

torch.set_num_threads(1)
with Team.join("cpu") as team:

    def train(run, task, voice, **settings):
        loop = TrainingLoop(task, LoopSettings(batch=4, workers=0, **settings), run, team, voice)
        return loop, loop.run()

    folder = Path(sys.argv[1])
    _, outcome = rated(train, folder / "run", **json.loads(sys.argv[2]))
    told = {"step": outcome.step, "finished": outcome.finished}
    (folder / f"rank{team.rank}.json").write_text(json.dumps(told))
