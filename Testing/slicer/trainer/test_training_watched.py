"""A training that is watched: its numbers, pauses, ends, and how it is found again."""

from pathlib import Path

import pytest
import qt
import slicer
from model_files import write_model
from segmenter_scene import settle, timerTicks, wait
from trainer_panel import make_project
from training_panel import button, child, finish, heard, message, start

from MambaMIMTrainerLib import TrainingCurves
from MambaMIMTrainerLib.TrainingRun import TrainingRun


def test_numbers_are_shown_as_they_come(opened):
    tail = start(opened)
    assert opened.watch.job.busy
    tail.tell("progress", fraction=0.25, message="step 100 of 400", seconds_left=90)
    tail.metric(100, loss=1.25, dice=0.6, dice_liver=0.8, dice_spleen=0.4)
    heard(tail)
    tail.metric(200, loss=0.75, dice=0.5, dice_liver=0.6, dice_spleen=0.4)
    heard(tail)
    assert "0.600" in child(opened, "bestLabel").text
    assert "100" in child(opened, "bestLabel").text
    table = child(opened, "scoreTable")
    told = [[table.item(row, column).text() for column in (0, 1)] for row in range(table.rowCount)]
    assert told == [["Liver", "0.600"], ["Spleen", "0.400"]]
    charts = opened.desk.curves.charts
    assert charts["dice"].GetNumberOfPlotSeriesNodes() == 3
    loss = charts["loss"].GetNthPlotSeriesNode(0).GetTableNode().GetTable()
    assert [loss.GetValue(row, 1).ToDouble() for row in range(2)] == [1.25, 0.75]


def test_pause_and_resume(opened):
    tail = start(opened)
    heard(tail)
    child(opened, "jobCancel").click()
    assert tail.asked == ["pause"]
    tail.tell("error", kind="cancelled", message="Paused at step 10 of 400.", hint="", detail="")
    tail.alive = False
    wait(lambda: not opened.watch.job.busy)
    assert button(opened).text == "Resume training"
    assert "paused" in message(opened)
    assert child(opened, "stopButton").isVisibleTo(opened.watch.widget)
    opened.ui.trainingSetSection.collapsed = False
    button(opened).click()
    assert opened.ui.trainingSetSection.collapsed
    first, second = opened.runs.started
    assert (first.folder, first.parameters) == (second.folder, second.parameters)
    assert opened.watch.job.busy


def test_stop_keeps_the_best_and_shows_it(opened, models):
    tail = start(opened)
    child(opened, "stopButton").click()
    assert tail.asked == ["stop"]
    assert not child(opened, "stopButton").enabled
    finish(opened, tail, models, finished=False)
    assert "abdomen-1" in slicer.util.findChild(opened.result.widget, "resultWords").text


def test_a_paused_run_can_be_ended_with_its_best(opened, models):
    tail = start(opened)
    tail.tell("error", kind="cancelled", message="Paused.", hint="", detail="")
    wait(lambda: not opened.watch.job.busy)
    child(opened, "stopButton").click()
    assert len(opened.runs.started) == 2
    assert opened.runs.last.asked == ["stop"]


def test_a_run_that_dies_without_a_word_can_be_resumed(opened):
    tail = start(opened)
    tail.metric(10, loss=1.0)
    heard(tail)
    tail.kill()
    wait(lambda: not opened.watch.job.busy, 10)
    assert "without a word" in message(opened)
    assert button(opened).text == "Resume training"


def test_an_error_of_the_run_is_said_and_not_resumed(opened):
    tail = start(opened)
    tail.tell("error", kind="bad_input", message="The disk is full.", hint="Free some.", detail="")
    wait(lambda: not opened.watch.job.busy)
    assert "The disk is full." in message(opened)
    assert button(opened).text == "Start training"


def test_a_run_that_cannot_be_started_is_said(opened):
    opened.runs.refuse = "PythonSlicer cannot be started."
    button(opened).click()
    assert "PythonSlicer" in message(opened)
    assert not opened.desk.busy
    assert not opened.ui.trainingSetSection.collapsed


@pytest.mark.parametrize("state", ["running", "paused", "crashed", "failed", "finished"])
def test_at_the_next_start_the_last_run_is_found(made, runs, tmp_path, state, models):
    project = make_project(tmp_path / "abdomen")
    more = {}
    if state == "finished":
        path = write_model(models / "found.safetensors")
        more["result"] = {"name": "found", "model": str(path), "scores": {"dice": 0.7}}
    if state == "failed":
        more["error"] = {"kind": "bad_input", "message": "No room.", "hint": ""}
    tail = runs.known(project.runs / "train-1", state, **more)
    tail.metric(50, loss=1.0, dice=0.4)
    panel = made()
    panel.trainingSet.chooser.openFolder(project.folder)
    if state == "running":
        wait(lambda: panel.desk.busy and child(panel, "bestLabel").text)
        assert "0.400" in child(panel, "bestLabel").text
        assert runs.started == []
    elif state in ("paused", "crashed"):
        wait(lambda: button(panel).text == "Resume training")
        button(panel).click()
        assert runs.started[-1].folder == project.runs / "train-1"
        assert runs.started[-1].parameters == {"name": "found"}
    elif state == "finished":
        wait(lambda: panel.result.result)
        assert button(panel).text == "Start training"
    else:
        wait(lambda: "No room." in message(panel))
        assert button(panel).text == "Start training"


def test_the_module_may_close_while_it_trains(opened):
    tail = start(opened)
    opened.cleanup()
    tail.metric(10, loss=1.0)
    settle(0.6)
    assert tail.told  # nobody looks any more
    assert tail.asked == []


def test_the_scene_may_close_while_it_trains(opened):
    tail = start(opened)
    tail.metric(10, loss=1.0, dice=0.3)
    heard(tail)
    opened.onSceneClosing()
    slicer.mrmlScene.Clear(False)
    tail.metric(20, loss=0.5, dice=0.4)
    heard(tail)
    wait(lambda: opened.desk.curves.charts)
    assert slicer.mrmlScene.IsNodePresent(opened.desk.curves.charts["dice"])


def test_closing_slicer_asks_once_a_training_runs(opened, dialogs):
    event = qt.QEvent(qt.QEvent.Close)
    assert opened.closing.eventFilter(None, event) is False
    assert dialogs.shown == []
    tail = start(opened)
    dialogs.answer(qt.QMessageBox.Cancel)
    assert opened.closing.eventFilter(None, event) is True
    dialogs.answer(True)  # leave it running
    assert opened.closing.eventFilter(None, event) is False
    opened.closing._onQuit()
    assert tail.asked == []
    dialogs.answer(qt.QMessageBox.No)
    assert opened.closing.eventFilter(None, event) is False
    assert tail.asked == []  # Slicer may still be kept from closing
    opened.closing._onQuit()
    assert tail.asked == ["stop"]
    assert "go on while Slicer is closed" in dialogs.shown[-1].text


def test_a_run_of_days_is_taken_up_without_a_freeze(scene):
    events = [
        {"event": "metric", "step": n, "name": "loss", "value": 1 / (n + 1)} for n in range(60_000)
    ]

    class Tail:
        alive = True

        def poll(self):
            told, events[:] = list(events), []
            return told

    curves, run = TrainingCurves.TrainingCurves(), None
    ticks = timerTicks()
    settle(0.05)
    run = TrainingRun(Path("run"), lambda _run: Tail())
    run.measured.connect(curves.add)
    wait(lambda: curves.charts)
    settle(0.1)
    ticks.stop()
    run.leave()
    table = curves.charts["loss"].GetNthPlotSeriesNode(0).GetTableNode().GetTable()
    print(f"longest pause {ticks.longest * 1000:.0f} ms")
    assert 1000 <= table.GetNumberOfRows() <= 2000
    assert table.GetValue(table.GetNumberOfRows() - 1, 0).ToDouble() > 59_000
    assert ticks.longest < 0.5  # on a busy machine; what is wanted is 0.1
