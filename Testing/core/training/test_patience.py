"""A run that gets no better ends early, and a resumed one where it would have."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helper_task import Ear, TinyTask

from mambamim.training.patience import WATCHED, Patience
from mambamim.training.resume import load_state

TEAM = Path(__file__).parent / "helper_patience.py"
SCORES = (0.2, 0.5, 0.4, 0.5, 0.3, 0.9, 0.8)  # the best for a while is the second
EARLY = {"steps": 20, "validate_every": 2, "save_every": 3, "patience": 3}


class Rated(TinyTask):
    """A task whose n-th validation has the n-th score, whatever was learnt."""

    every = 2

    def validate(self, module):
        number = self.step // self.every - 1
        return {WATCHED: SCORES[number]}


def rated(train, run, stop=None, **settings):
    """Train; the task knows the step, as a real score would follow from it."""
    from mambamim.training.loop import TrainingLoop

    task, real = Rated(), TrainingLoop._validate

    def validate(loop, records):
        task.step = loop.step
        real(loop, records)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingLoop, "_validate", validate)
        loop, outcome = train(run, task, Ear(stop_at=stop), **settings)
    return loop, outcome


def after(most, *scores):
    patience, over = Patience(most), []
    for score in scores:
        patience.see({WATCHED: score})
        over.append(patience.over)
    return over


def test_it_counts_since_the_best():
    assert after(2, 0.1, 0.2, 0.2, 0.1) == [False, False, False, True]
    assert after(2, 0.1, 0.0, 0.2, 0.1, 0.1) == [False, False, False, False, True]
    assert after(1, 0.1, 0.2, 0.3) == [False] * 3
    assert after(0, *[0.1] * 9) == [False] * 9, "0 is without end"


def test_other_scores_do_not_count():
    patience = Patience(1)
    for _ in range(3):
        patience.see({"validation_loss": 1.0})
        patience.see({})
    assert not patience.over


def test_it_is_restored_from_json():
    first = Patience(3)
    for score in (0.5, 0.4, 0.4):
        first.see({WATCHED: score})
    second = Patience(3)
    second.restore(json.loads(json.dumps(first.to_json())))
    assert not second.over
    second.see({WATCHED: 0.49})
    assert second.over
    third = Patience(3)
    third.restore(Patience(3).to_json())
    third.see({WATCHED: 0.0})
    assert third.to_json() == [0.0, 0]


def test_a_run_ends_early_and_has_finished(train, tmp_path):
    loop, outcome = rated(train, tmp_path, **EARLY)
    assert (outcome.step, outcome.finished) == (10, True)
    assert outcome.scores == {WATCHED: SCORES[4]}
    assert load_state(tmp_path).step == 10
    assert loop.task.published[-1][0] == 10
    again, outcome = rated(train, tmp_path, **EARLY)
    assert (outcome.step, outcome.finished) == (10, True)
    assert again.task.dataset.asked == []
    _, longer = rated(train, tmp_path, **{**EARLY, "steps": 13, "patience": 9})
    assert (longer.step, longer.finished) == (13, True), "whoever has more patience goes on"


@pytest.mark.parametrize("stop", [5, 6, 8])
def test_a_resumed_run_ends_at_the_same_step(train, tmp_path, stop):
    _, outcome = rated(train, tmp_path, stop, **EARLY)
    assert (outcome.step, outcome.finished) == (stop, False)
    resumed, outcome = rated(train, tmp_path, **EARLY)
    assert (outcome.step, outcome.finished) == (10, True)
    assert resumed.task.dataset.asked[0] == 4 * stop


def test_without_patience_it_goes_to_the_end(train, tmp_path):
    _, outcome = rated(train, tmp_path, **{**EARLY, "steps": 14, "patience": 0})
    assert (outcome.step, outcome.finished) == (14, True)


@pytest.mark.slow
def test_a_team_of_two_ends_together(tmp_path):
    """The leading process alone validates, and alone knows."""
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *(str(TEAM), str(tmp_path), json.dumps(EARLY)),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for _ in range(2):  # the second call finds the run over
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
        assert done.returncode == 0, done.stderr
        told = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1)]
        assert told == [{"step": 10, "finished": True}] * 2
