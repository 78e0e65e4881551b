"""Two processes learn what one does, and end together."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from helper_task import TinyTask

from mambamim.training.team import Team

PROGRAM = Path(__file__).parent / "helper_task.py"
SETTINGS = {"steps": 6, "save_every": 3, "validate_every": 3, "batch": 8}
RUNS = {
    "plain": (SETTINGS, {}),
    "parts": ({**SETTINGS, "accumulate": 2, "average": 0.8}, {}),
    # With a batch of 8, samples 4 to 7 of each are those of the second process.
    "stopped": ({**SETTINGS, "steps": 50}, {"events": {28: "stop"}}),
    "nan": (SETTINGS, {"events": {38: "nan"}}),
    "uneven": ({**SETTINGS, "batch": 9}, {}),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("team")
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *(str(PROGRAM), str(folder), json.dumps(RUNS)),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return folder


def weights(folder, rank) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(folder / f"rank{rank}.safetensors")


def losses(table: Path) -> list[float]:
    with table.open(newline="") as stream:
        return [float(row["loss"]) for row in csv.DictReader(stream)]


def told(folder) -> list[dict]:
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in (0, 1)]


pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["plain", "parts"])
def test_two_processes_learn_what_one_does(runs, train, tmp_path, name):
    alone, _ = train(tmp_path, TinyTask(), **RUNS[name][0])
    ours, first, second = (
        alone.learner.module.state_dict(),
        weights(runs / name, 0),
        weights(runs / name, 1),
    )
    for key, tensor in ours.items():
        assert torch.equal(first[key], second[key])
        torch.testing.assert_close(first[key], tensor, atol=1e-6, rtol=0)
    one, two = (losses(run / "metrics.csv") for run in (tmp_path, runs / name))
    assert two == pytest.approx(one, rel=1e-4), "the loss is that of the whole batch"


def test_the_first_process_alone_writes_and_tells(runs):
    leader, other = told(runs / "plain")
    assert leader == {"step": 6, "published": [3, 6], "heard": 3}
    assert other == {"step": 6, "published": [], "heard": 0}
    lines = (runs / "plain" / "metrics.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["step", "6"]


def test_a_stop_file_ends_both(runs):
    assert [each["step"] for each in told(runs / "stopped")] == [4, 4]
    assert (runs / "stopped" / "state" / "step-00000004.safetensors").is_file()
    assert not (runs / "stopped" / "STOP").exists()


def test_a_loss_that_is_no_number_in_one_ends_both(runs):
    for each in told(runs / "nan"):
        assert each["error"] == "non_finite_loss"
        assert "step 4 (samples 32 to 39)" in each["message"]


def test_a_batch_that_cannot_be_shared_is_refused_by_both(runs):
    assert [each["error"] for each in told(runs / "uneven")] == ["bad_input"] * 2


def test_without_torchrun_there_is_one(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with Team.join("cpu") as team:
        assert (team.rank, team.size, team.leads) == (0, 1, True)
        assert [team.any(flag) for flag in (False, True)] == [False, True]
        team.wait()
