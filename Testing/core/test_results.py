"""What docs/results.md says is what the results hold, and nothing was trained on test cases."""

import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def hippocampus():
    spec = importlib.util.spec_from_file_location(
        "hippocampus", ROOT / "benchmarks" / "hippocampus.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_that_of_the_results():
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    shown = text.split("<!-- hippocampus: begin -->")[1].split("<!-- hippocampus: end -->")[0]
    assert shown.strip() == hippocampus().table(ROOT / "benchmarks" / "hippocampus.json").strip()


def test_no_test_case_was_learnt_from():
    module = hippocampus()
    split = json.loads(module.SPLIT.read_text())
    test = set(split["test"])
    assert len(test) == 40
    assert not test & set(split["pretraining"])
    for seed in module.SEEDS:
        order = split["labelled"][str(seed)]
        assert len(set(order)) == max(module.LABELLED)
        assert set(order) <= set(split["pretraining"])
    assert module.draw_split(sorted(split["test"] + split["pretraining"])) == split


def test_every_run_scored_every_test_case():
    module = hippocampus()
    results = json.loads((ROOT / "benchmarks" / "hippocampus.json").read_text())["runs"]
    test = set(json.loads(module.SPLIT.read_text())["test"])
    tuned = [run for run in results if run["kind"] == "fine-tune"]
    names = {(run["start"], run["labelled"], run["seed"]) for run in tuned}
    assert names == {
        (start, labelled, seed)
        for start in module.STARTS
        for labelled in module.LABELLED
        for seed in module.SEEDS
    }
    assert all(set(run["dice"]) == test for run in tuned)
