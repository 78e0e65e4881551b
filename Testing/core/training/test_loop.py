"""A run that is killed, stopped or resumed ends where one without a break does."""

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from helper_task import Ear, TinyTask
from torch import nn

from mambamim.errors import BadInputError
from mambamim.training.loop import NonFiniteLossError
from mambamim.training.resume import load_state
from mambamim.training.run_lock import only_training

PROGRAM = Path(__file__).parent / "helper_task.py"
WITH_ALL = {"accumulate": 2, "average": 0.8}


def start(folder, settings, options, **how) -> subprocess.Popen:
    runs = json.dumps({folder.name: [settings, options]})
    return subprocess.Popen([sys.executable, str(PROGRAM), str(folder.parent), runs], **how)


def wait_for(condition, seconds=60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def rows(run, name="metrics.csv") -> list[dict[str, str]]:
    with (run / name).open(newline="") as stream:
        return list(csv.DictReader(stream))


def steps(run, name="metrics.csv") -> list[int]:
    return [int(row["step"]) for row in rows(run, name)]


def assert_same(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def finite(run) -> bool:
    return all(tensor.isfinite().all() for tensor in load_state(run).tensors.values())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
@pytest.mark.parametrize("extra", [{}, WITH_ALL], ids=["plain", "average and parts"])
def test_killed_in_the_middle_of_a_step_and_gone_on(train, tmp_path, extra):
    settings = {"steps": 20, "save_every": 5, "log_every": 2, **extra}
    # Sample 51 is of step 12: the second part of it where there are two.
    process = start(tmp_path / "run", settings, {"dropout": 0.3, "events": {51: "hang"}})
    try:
        wait_for((tmp_path / "run" / "hanging").exists)
    finally:
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert load_state(tmp_path / "run").step == 10
    assert steps(tmp_path / "run") == [2, 4, 6, 8, 10, 12]
    resumed, outcome = train(tmp_path / "run", TinyTask(dropout=0.3), **settings)
    assert outcome.finished
    assert resumed.task.dataset.asked[0] == 40
    straight, _ = train(tmp_path / "straight", TinyTask(dropout=0.3), **settings)
    assert_same(straight.learner.tensors(), resumed.learner.tensors())
    assert steps(tmp_path / "run") == list(range(2, 21, 2))
    for ours, theirs in zip(rows(tmp_path / "run"), rows(tmp_path / "straight"), strict=True):
        assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}


def test_dropout_is_at_work_in_these_tests(train, tmp_path):
    """Otherwise the test above says nothing about it."""
    _, with_it = train(tmp_path / "a", TinyTask(dropout=0.3), steps=1)
    _, without = train(tmp_path / "b", TinyTask(), steps=1)
    assert with_it.loss != without.loss


def send(*signals):
    return {30: list(signals)}  # sample 30 is of step 7


@pytest.mark.parametrize("how", ["file", "SIGTERM", "SIGINT", "cancelled"])
def test_a_stop_ends_at_the_next_step_with_a_state(train, tmp_path, how):
    run, ear, events = tmp_path / "run", Ear(stop_at=8 if how == "cancelled" else None), {}
    if how == "file":
        events = {30: "stop"}
    elif how != "cancelled":
        events = send(getattr(signal, how))
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    task = TinyTask(events=events, folder=str(run))
    _, outcome = train(run, task, ear, steps=20, log_every=5)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert (outcome.step, outcome.finished) == (8, False)
    assert load_state(run).step == 8
    assert not (run / "STOP").exists()
    assert steps(run) == [5, 8]
    assert outcome.loss == pytest.approx(float(rows(run)[-1]["loss"]), rel=1e-5)
    assert task.published[-1][0] == 8
    resumed, outcome = train(run, TinyTask(), steps=20, log_every=5)
    assert (outcome.step, outcome.finished) == (20, True)
    assert steps(run) == [5, 8, 10, 15, 20]
    straight, _ = train(tmp_path / "straight", TinyTask(), steps=20)
    assert_same(straight.learner.tensors(), resumed.learner.tensors())


def test_a_second_ctrl_c_ends_at_once(train, tmp_path):
    before = signal.getsignal(signal.SIGINT)
    task = TinyTask(events=send(signal.SIGINT, signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, task, steps=20)
    assert signal.getsignal(signal.SIGINT) == before
    assert task.dataset.asked[-1] == 30
    assert load_state(tmp_path).step == 5


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="process groups as POSIX has them")
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_all_processes_does_not_hurt_the_workers(tmp_path, sign):
    settings = {"steps": 5000, "save_every": 2, "workers": 1, "log_every": 1}
    process = start(tmp_path / "run", settings, {"pause": 0.02}, start_new_session=True)
    try:
        wait_for((tmp_path / "run" / "state").exists)
        os.killpg(process.pid, sign)
        assert process.wait(30) == 0
    finally:
        process.kill()
    told = json.loads((tmp_path / "run" / "rank0.json").read_text())
    assert 2 <= told["step"] < 5000
    assert load_state(tmp_path / "run").step == told["step"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("learning_rate", 0.02), ("batch", 8), ("seed", 1), ("average", 0.5), ("accumulate", 2),
     ("weight_decay", 0.0), ("clip", 1.0), ("warmup", 3), ("precision", "bf16")],
)  # fmt: skip
def test_other_settings_are_refused_by_name(train, tmp_path, name, value):
    train(tmp_path, TinyTask(), steps=2)
    with pytest.raises(BadInputError, match=f"begun with {name} = .*, not {value}"):
        train(tmp_path, TinyTask(), **{"steps": 2, name: value})


def test_another_task_is_refused_by_name(train, tmp_path):
    train(tmp_path, TinyTask(facts={"network": "a", "sides": (1, 2)}), steps=2)
    train(tmp_path, TinyTask(facts={"network": "a", "sides": (1, 2)}), steps=2)
    for facts in ({"network": "b", "sides": (1, 2)}, {"sides": (1, 2)}):
        with pytest.raises(BadInputError, match="network = a"):
            train(tmp_path, TinyTask(facts=facts), steps=2)


def test_steps_may_grow_and_a_run_that_is_done_is_done(train, tmp_path):
    _, first = train(tmp_path, TinyTask(), steps=4, validate_every=4)
    again, second = train(tmp_path, TinyTask(), steps=4, validate_every=4)
    assert again.task.dataset.asked == []
    assert [step for step, *_ in again.task.published] == [4], "under a new name, perhaps"
    assert (second.step, second.finished, second.loss) == (4, True, first.loss)
    assert math.isfinite(second.loss)
    assert (second.scores, second.seconds) == (first.scores, first.seconds)
    grown, third = train(tmp_path, TinyTask(), steps=6, log_every=1, save_every=1, workers=1)
    assert third.step == 6
    assert load_state(tmp_path).step == 6
    assert grown.step == 6
    assert steps(tmp_path) == [4, 5, 6]


def test_a_run_folder_is_one_trainings_at_a_time(train, tmp_path):
    with (
        only_training(tmp_path),
        pytest.raises(BadInputError, match=f"Another training is at work in {tmp_path.name}"),
    ):
        train(tmp_path, TinyTask(), steps=2)
    assert not (tmp_path / "metrics.csv").exists()
    assert train(tmp_path, TinyTask(), steps=2)[1].finished


def test_a_loss_that_is_no_number_stops_the_run(train, tmp_path):
    task = TinyTask(events={30: "nan"})
    with pytest.raises(NonFiniteLossError, match=r"step 7 \(samples 28 to 31\)"):
        train(tmp_path, task, steps=20, save_every=1, log_every=10)
    assert load_state(tmp_path).step == 7
    assert finite(tmp_path)
    assert all(step <= 7 for step, *_ in task.published)


class Cliff(nn.Module):
    """A loss of zero whose gradient is no number at the seventh call."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))
        self.calls = 0

    def forward(self, x, y):
        self.calls += 1
        flat = (self.weight * 0).square().sum()
        return (self.weight * x).square().mean() if self.calls < 7 else flat.sqrt()


def test_a_gradient_that_is_no_number_reaches_no_state(train, tmp_path):
    with pytest.raises(NonFiniteLossError, match="step 6"):
        train(tmp_path, TinyTask(module=Cliff()), steps=20, save_every=1)
    assert load_state(tmp_path).step == 6
    assert finite(tmp_path)


class Line(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))

    def forward(self, x, y):
        return 1000 * (self.weight * x.abs()).mean()


@pytest.mark.parametrize("clip", [0.0, 0.5, 1e6])
def test_gradients_are_clipped(train, tmp_path, clip):
    loop, _ = train(tmp_path, TinyTask(module=Line()), steps=1, clip=clip)
    norm = float(loop.learner.module.weight.grad.norm())
    assert norm == pytest.approx(0.5, rel=1e-4) if clip == 0.5 else norm > 100
    assert float(rows(tmp_path)[0]["gradient_norm"]) > 100


def test_parts_are_as_good_as_a_whole_batch(train, tmp_path):
    whole, first = train(tmp_path / "whole", TinyTask(), steps=6)
    parts, second = train(tmp_path / "parts", TinyTask(), steps=6, accumulate=4)
    assert second.loss == pytest.approx(first.loss, rel=1e-5)
    for name, tensor in whole.learner.module.state_dict().items():
        torch.testing.assert_close(tensor, parts.learner.module.state_dict()[name])


def test_the_average_is_what_is_published_and_validated(train, tmp_path):
    every = TinyTask()
    train(tmp_path / "plain", every, steps=4, save_every=1)
    wanted = every.published[0][2]
    for _, _, weights in every.published[1:]:
        wanted = {k: 0.9 * wanted[k] + 0.1 * w if w.is_floating_point() else w
                  for k, w in weights.items()}  # fmt: skip
    task = TinyTask()
    loop, outcome = train(
        tmp_path / "run", task, steps=4, average=0.9, validate_every=4, save_every=9
    )
    _, scores, published = task.published[-1]
    for name, tensor in wanted.items():
        torch.testing.assert_close(published[name], tensor)
    assert torch.equal(published["places"], torch.arange(1000))
    assert not torch.equal(published["layers.0.weight"], loop.learner.module.layers[0].weight)
    assert scores == outcome.scores == {"score": task.validated[-1][2]}
    task.module.load_state_dict(published)
    task.module.eval()
    with torch.no_grad():
        assert task.validate(task.module) == scores


def test_when_it_validates_publishes_and_tells(train, tmp_path):
    task, ear = TinyTask(), Ear()
    loop, outcome = train(
        tmp_path, task, ear, steps=11, log_every=5, save_every=6, validate_every=4
    )
    scores = [score for *_, score in task.validated]
    assert [how[:2] for how in task.validated] == [(False, False)] * 3
    assert loop.learner.module.training
    assert [step for step, *_ in task.published] == [4, 6, 8, 11]
    assert [told["score"] for _, told, _ in task.published] == [scores[i] for i in (0, 0, 1, 2)]
    assert steps(tmp_path) == [5, 10, 11]
    kept = rows(tmp_path, "validation.csv")
    assert [(row["step"], row["name"]) for row in kept] == [
        (str(step), "score") for step in (4, 8, 11)
    ]
    assert [float(row["value"]) for row in kept] == pytest.approx(scores, rel=1e-5)
    assert [told for told in ear.metrics if told[1] == "score"] == [
        (step, "score", score) for step, score in zip((4, 8, 11), scores, strict=True)
    ]
    assert [step for step, name, _ in ear.metrics if name == "loss"] == [5, 10, 11]
    assert [fraction for fraction, _ in ear.progresses] == [5 / 11, 10 / 11, 1.0]
    assert outcome.scores == {"score": scores[-1]}
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == [
        f"step-{step:08d}.safetensors" for step in (6, 11)
    ]


def test_rows_have_the_means_since_the_last_one(train, tmp_path):
    train(tmp_path / "fine", TinyTask(), steps=6, log_every=1, warmup=3)
    train(tmp_path / "coarse", TinyTask(), steps=6, log_every=3, warmup=3)
    fine, coarse = rows(tmp_path / "fine"), rows(tmp_path / "coarse")
    for name in ("loss", "gradient_norm"):
        values = [float(row[name]) for row in fine]
        means = [sum(values[:3]) / 3, sum(values[3:]) / 3]
        assert [float(row[name]) for row in coarse] == pytest.approx(means, rel=1e-4)
    assert [float(row["learning_rate"]) for row in fine[:3]] == pytest.approx(
        [0.01 / 3, 0.02 / 3, 0.01], rel=1e-4
    )


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_sample_is_told_and_what_was_learnt_stays(train, tmp_path, workers):
    with pytest.raises(BadInputError) as caught:
        train(tmp_path, TinyTask(events={30: "broken"}), steps=20, workers=workers)
    assert (caught.value.message, caught.value.hint) == ("Sample 30 is damaged.", "Copy it again.")
    assert load_state(tmp_path).step == 5
    resumed, _ = train(tmp_path, TinyTask(), steps=20, workers=workers)
    straight, _ = train(tmp_path / "straight", TinyTask(), steps=20)
    assert_same(straight.learner.tensors(), resumed.learner.tensors())


def test_it_learns(train, tmp_path):
    train(tmp_path, TinyTask(), steps=60, batch=16, log_every=1, learning_rate=0.1, clip=0)
    losses = [float(row["loss"]) for row in rows(tmp_path)]
    assert sum(losses[-20:]) / 20 < 0.6 * losses[0]
