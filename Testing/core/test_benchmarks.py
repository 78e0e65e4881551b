"""What the benchmarks compute from what they measure; measuring itself is no test's business."""

import importlib
import json
import sys
from pathlib import Path

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
    for name in ("machine", "scan", "scaling", "agreement"):
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
