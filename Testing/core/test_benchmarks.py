"""What the benchmarks compute from what they measure; measuring itself is no test's business."""

import importlib
import itertools
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def beside(monkeypatch):
    """The scripts find each other, as they do when they are run."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in ("machine", "scan", "scaling", "agreement", "feeding"):
        sys.modules.pop(name, None)


def test_works_take_turns_and_the_first_round_is_not_measured():
    machine = importlib.import_module("machine")
    done = []
    taken = machine.take_turns(
        {"a": lambda: done.append("a"), "b": lambda: done.append("b")}, 3, CPU
    )
    assert "".join(done) == "ab" + "ababab"
    assert set(taken) == {"a", "b"}
    assert all(seconds >= 0 for seconds in taken.values())


def test_results_are_written_with_the_machine(tmp_path, capsys):
    importlib.import_module("machine").finish({"rows": [1]}, tmp_path / "r.json")
    content = json.loads((tmp_path / "r.json").read_text())
    assert content["rows"] == [1]
    assert content["machine"]["torch"] == torch.__version__
    assert torch.__version__ in capsys.readouterr().out


def test_labels_are_compared_by_dice_and_specks_are_not_scored_alone():
    compare = importlib.import_module("agreement").compare
    want = np.zeros((20, 20, 20), np.uint8)
    want[:10], want[10:] = 1, 2
    got = want.copy()
    got[9] = 2  # 400 of 4000 voxels
    found = compare(want, got, np.eye(4))
    first, second = 2 * 3600 / (4000 + 3600), 2 * 4000 / (4000 + 4400)
    assert found["lowest"] == pytest.approx(min(first, second))
    assert found["mean"] == pytest.approx((first + second) / 2)
    assert found["dice"] == pytest.approx(2 * 7600 / 16000)
    got[0, 0, 0] = 3  # a cubic millimetre
    assert compare(want, got, np.eye(4))["lowest"] == pytest.approx(first, abs=1e-3)
    assert compare(want * 0, want * 0, np.eye(4)) == {"dice": 1.0, "mean": 1.0, "lowest": 1.0}


def test_the_exponent_is_one_where_cost_is_linear():
    rows = importlib.import_module("scaling").rows_of({1: 0.5, 2: 1.0, 4: 4.0})
    assert [row["exponent"] for row in rows] == [None, 1.0, 2.0]


def test_the_scan_is_held_against_its_definition():
    scan = importlib.import_module("scan")
    rows = {row["way"]: row for row in scan.measure(1, 8, torch.float32, CPU, 1)}
    assert set(rows) == {"torch", "reference"}
    assert rows["reference"]["forward_ratio"] == rows["reference"]["both_ratio"] == 1
    assert all(row["both_ms"] > 0 for row in rows.values())


def test_a_watched_loop_tells_how_long_it_waits_for_batches(monkeypatch):
    feeding = importlib.import_module("feeding")
    now = [0.0]
    monkeypatch.setattr(feeding.time, "perf_counter", lambda: now[0])

    def read():
        for number in itertools.count():
            now[0] += 100 if number < 6 else 1  # two batches a step
            yield number

    def learn(batches, step):
        assert [next(batches), next(batches)] == [2 * step, 2 * step + 1]
        now[0] += 3

    learner = SimpleNamespace(learn=learn)
    loop = SimpleNamespace(learner=learner, team=SimpleNamespace(device=CPU))
    watch, batches = feeding.Watch(loop, 3, 8.0), read()
    for step in range(5):
        learner.learn(batches, step)
    with pytest.raises(feeding.Enough):
        learner.learn(batches, 5)
    assert (watch.steps, watch.taken, watch.waited) == (2, 10.0, 4.0)
    assert learner.learn is learn


def test_what_is_fed_is_read_as_trainings_read_it(monkeypatch, tmp_path):
    feeding = importlib.import_module("feeding")
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (64, 56, 60)).astype(np.uint8)
    phantom = SimpleNamespace(
        ct=rng.normal(0, 50, labels.shape).astype(np.int16),
        labels=labels,
        affine=np.diag([1.5, 1.5, 1.5, 1.0]),
    )
    monkeypatch.setattr(feeding, "make_phantom", lambda seed, shape: phantom)
    scheme = feeding.write_scan(tmp_path, labels.shape)
    assert scheme.classes == ("spleen", "kidney_right")
    team = feeding.Team(0, 1, CPU)
    taken = (("image", "visible"), ("image", "label", "turn"))
    for task, inputs in zip(feeding.TASKS, taken, strict=True):
        loop = feeding.begin(task, "hymamba_small", tmp_path, scheme, team)
        assert loop.task.inputs == inputs
        assert loop.task.dataset[0]["image"].shape == (1, 96, 96, 96)
        assert feeding.loader_rate(loop, 0, 0.0) > 0


@pytest.mark.parametrize(("usual", "tried"), [(0, [0, 1, 2]), (1, [0, 1, 2]), (12, [0, 6, 12])])
def test_the_usual_number_of_workers_is_among_those_tried(usual, tried):
    assert importlib.import_module("feeding").worker_counts(usual) == tried
