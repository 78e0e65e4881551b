"""The module as a person uses it: clicks, the real worker, and trainings in processes of their own.

The tests go on from each other's trainings, for each takes a while.
"""

import os
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
import slicer
from segmenter_scene import settle, timerTicks, wait
from slicer_stand_in import close_module, open_module, show_application
from small_bodies import NAMES, add_labelled, dice

from mambamim.checkpoint_header import read_header
from mambamim.jobs.detached import attach
from mambamim.project import Project

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
STEPS = 24
LONG = 240  # seconds, on a busy machine


@pytest.fixture(scope="module")
def place(app, tmp_path_factory):
    """The user's folder, and settings that know no training set before and after."""
    home = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAMBAMIM_HOME", str(home / "home"))
        patch.delenv("MAMBAMIM_MODELS", raising=False)
        patch.syspath_prepend(str(ROOT / "MambaMIMSegmenter"))
        slicer.app.settings().remove("MambaMIM/TrainingProjects")
        slicer.mrmlScene.Clear(False)
        yield home
        for run in (home / "organs" / "runs").glob("*"):
            attach(run).kill()
        close_module("MambaMIMTrainer")
        slicer.app.settings().remove("MambaMIM/TrainingProjects")


@pytest.fixture(scope="module")
def used(place):
    """The module, with three labelled cases in a new training set and numbers of one's own."""
    from slicer_stand_in import dialogs

    user = SimpleNamespace(panel=None, place=place)
    reopen(user)
    wait(lambda: user.panel.dependencies.ready, LONG)
    (place / "organs").mkdir()
    dialogs().answer(str(place / "organs"))
    child(user.panel.trainingSet.chooser.widget, "newProjectButton").click()
    for seed in range(3):
        add(user.panel, *add_labelled(seed))
    ask(user.panel)
    return user


@pytest.fixture(scope="module")
def whole(used):
    """A training that nothing interrupts; what was told on the way."""
    panel, seen = used.panel, SimpleNamespace(steps=[], previews=[], gap=0.0)
    button(panel).click()
    panel.desk.run.measured.connect(seen.steps.extend)
    panel.desk.previewed.connect(seen.previews.append)
    ticks = timerTicks()
    ended(panel)
    ticks.stop()
    seen.gap, seen.result = ticks.longest, dict(panel.result.result)
    seen.best = child(panel.watch.widget, "bestLabel").text
    wait(lambda: panel.preview._steps is None)
    return seen


def child(widget, name):
    return slicer.util.findChild(widget, name)


def button(panel):
    return child(panel.watch.job.widget, "jobButton")


def message(panel):
    return child(panel.watch.job.widget, "message").text


def reopen(user):
    user.panel = open_module(ROOT / "MambaMIMTrainer" / "MambaMIMTrainer.py").self().panel


def add(panel, volume, segmentation):
    panel.take(volume, segmentation)
    adding = child(panel.trainingSet.job.widget, "jobButton")
    assert adding.enabled, adding.toolTip
    adding.click()
    wait(lambda: not panel.trainingSet.busy)


def ask(panel, name="organs-1"):
    assert panel.form.models.select("abdomen-small")
    panel.ui.presetBox.currentIndex = 3
    panel.ui.stepsBox.value, panel.ui.batchBox.value, panel.ui.rateBox.value = STEPS, 1, 20.0
    panel.ui.modelNameEdit.text = name
    assert button(panel).enabled, button(panel).toolTip


def ended(panel):
    wait(lambda: not panel.desk.busy, LONG)
    settle(0.05)


def run_is_at(panel, step):
    """Wait until a step of the run that is watched has been told and can be gone on from."""
    told = []
    panel.desk.run.measured.connect(told.extend)
    wait(lambda: any(at >= step for at, _name, _value in told) or not panel.desk.busy, LONG)
    assert panel.desk.busy, message(panel)


def test_an_estimate_is_made_beside_it(used):
    used.panel.ui.estimateButton.click()
    wait(lambda: used.panel.ui.estimateButton.enabled, LONG)
    assert f"{STEPS} steps" in used.panel.ui.estimateLabel.text
    assert "of memory" in used.panel.ui.estimateLabel.text


def test_three_clicked_cases_become_a_model(used, whole):
    panel, project = used.panel, Project.open(used.place / "organs")
    assert [case.split for case in project.cases].count("validation") == 1
    losses = [(step, value) for step, name, value in whole.steps if name == "loss"]
    assert [step for step, _value in losses] == list(range(1, STEPS + 1))
    assert losses[-1][1] < losses[0][1]
    assert {step for step, name, _value in whole.steps if name == "dice"} == {6, 12, 18, 24}
    curve = panel.desk.curves.charts["loss"].GetNthPlotSeriesNode(0).GetTableNode()
    assert curve.GetNumberOfRows() == STEPS
    assert whole.previews
    assert panel.preview.volume.GetName().startswith("case-0002")
    assert f"{whole.result['scores']['dice']:.3f}" in whole.best
    assert child(panel.watch.widget, "scoreTable").rowCount == len(NAMES)
    print(f"longest pause of the event loop {whole.gap * 1000:.0f} ms")
    assert whole.gap < 1  # on a busy machine; what is wanted is 0.1
    assert whole.result["scores"]["dice"] > whole.result["base_scores"]["dice"] + 0.2
    assert read_header(whole.result["model"]).labels == {1: "liver", 2: "spleen"}
    assert button(panel).text == "Start training"


@pytest.mark.skipif(os.name == "nt", reason="signals are not for Windows")
def test_paused_killed_and_left_alone_it_comes_to_the_same_end(used, whole):
    panel = used.panel
    ask(panel, "organs-2")
    button(panel).click()
    run_is_at(panel, 2)
    child(panel.watch.widget, "jobCancel").click()
    ended(panel)
    assert "paused" in message(panel)
    assert button(panel).text == "Resume training"
    button(panel).click()
    run_is_at(panel, 8)  # beyond the state of step 6
    run = attach(panel.desk.run.run)
    first = run.pid
    run.kill()
    ended(panel)
    assert "without a word" in message(panel)
    assert button(panel).text == "Resume training"
    button(panel).click()
    run_is_at(panel, 9)
    assert run.alive
    assert run.pid != first
    os.kill(run.pid, signal.SIGSTOP)  # so that it does not end before it is found again
    close_module("MambaMIMTrainer")
    reopen(used)
    panel = used.panel
    wait(lambda: panel.desk.busy)
    assert panel.trainingSet.project.folder == used.place / "organs"
    wait(lambda: child(panel.watch.widget, "bestLabel").text)
    os.kill(run.pid, signal.SIGCONT)
    ended(panel)
    result = panel.result.result
    assert result["name"] == "organs-2"
    assert result["scores"] == whole.result["scores"]
    assert result["base_scores"] == whole.result["base_scores"]
    models = [read_header(each["model"]).sha256 for each in (whole.result, result)]
    assert models[0] == models[1]


def test_stopped_it_keeps_its_best(used, whole):
    panel = used.panel
    wait(lambda: panel.dependencies.ready, LONG)
    ask(panel, "organs-3")
    panel.ui.stepsBox.value = 60  # enough that it is not over before it is stopped
    button(panel).click()
    run_is_at(panel, 16)
    child(panel.watch.widget, "stopButton").click()
    ended(panel)
    result = panel.result.result
    assert result["name"] == "organs-3"
    assert result["finished"] is False
    assert 16 <= result["steps"] < 60
    assert result["scored_step"] % 15 == 0  # of a validation, not of the end
    assert Path(result["model"]).is_file()
    assert "organs-3" in child(panel.result.widget, "resultWords").text


def test_the_new_model_segments_a_scan_that_it_has_not_seen(used, whole):
    segmenter = open_module(ROOT / "MambaMIMSegmenter" / "MambaMIMSegmenter.py").self().panel
    window = show_application("MambaMIMTrainer")
    try:
        panel = used.panel
        panel.result.show(whole.result)
        child(panel.result.widget, "useButton").click()
        assert segmenter.models.currentEntry.name == "organs-1"
        volume, truth = add_labelled(3)
        slicer.mrmlScene.RemoveNode(truth)
        segmenter.ui.inputSelector.setCurrentNode(volume)
        segment = child(segmenter.job.widget, "jobButton")
        wait(lambda: segment.enabled, LONG)
        segment.click()
        wait(lambda: not segmenter.job.busy, LONG)
        now = dice(segmenter.result.node, volume, 3)
        print(f"Dice on the fourth scan {now:.3f}")
        assert now > 0.6
    finally:
        window.delete()
        close_module("MambaMIMSegmenter")


def test_the_training_set_tells_of_nobody(used, whole):
    """The scans' names in the scene are those of patients."""
    folder = used.place / "organs"
    for path in folder.rglob("*"):
        if path.is_file():
            assert b"Scan " not in path.read_bytes(), path
