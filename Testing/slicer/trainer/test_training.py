"""The sections "2 Train" and "3 Result" with runs that a test tells what to say."""

import gzip
import json
import time
from pathlib import Path

import numpy as np
import pytest
import qt
import slicer
from model_files import write_model
from segmenter_scene import settle, timerTicks, wait
from trainer_panel import add_open_case, make_project

from MambaMIMTrainerLib import Runs, TrainingCurves
from MambaMIMTrainerLib.CaseImage import readCaseImage
from MambaMIMTrainerLib.TrainingRun import TrainingRun


def button(panel):
    return slicer.util.findChild(panel.watch.job.widget, "jobButton")


def child(panel, name):
    return slicer.util.findChild(panel.watch.widget, name)


def message(panel):
    return child(panel, "message").text


def start(panel):
    assert button(panel).enabled, button(panel).toolTip
    button(panel).click()
    return panel.runs.last


def heard(tail):
    wait(lambda: not tail.told)
    settle(0.02)


def test_nothing_trains_by_itself(opened):
    assert opened.runs.started == []
    assert not opened.desk.busy


@pytest.mark.parametrize("what", ["packages", "set", "cases", "name", "taken"])
def test_what_is_missing_is_said_before_it_is_tried(made, tmp_path, what):
    panel = made(ready=what != "packages")
    if what != "set":
        make_project(tmp_path / "abdomen", cases=0 if what == "cases" else 2)
        panel.trainingSet.chooser.openFolder(tmp_path / "abdomen")
    if what in ("name", "taken"):
        panel.ui.modelNameEdit.text = {"name": "no blanks, please", "taken": "abdomen-test"}[what]
    said = {
        "packages": "install",
        "set": "open a training set",
        "cases": "no cases",
        "name": "letters",
        "taken": "another",
    }[what]
    assert not button(panel).enabled
    assert said in button(panel).toolTip
    assert panel.ui.trainNote.text == button(panel).toolTip


def test_what_is_asked_for_reaches_the_run(opened):
    opened.ui.presetBox.currentIndex = 3
    opened.ui.stepsBox.value, opened.ui.batchBox.value, opened.ui.rateBox.value = 120, 3, 2.5
    opened.ui.modelNameEdit.text = "mine"
    start(opened)
    (run,) = opened.runs.started
    project = opened.trainingSet.project
    assert run.job == "finetune"
    assert Path(run.folder).parent == project.runs
    assert run.parameters["project"] == str(project.folder)
    assert run.parameters["out"] == str(run.folder)
    assert run.parameters["model"].endswith("abdomen-test.safetensors")
    assert run.parameters["preset"] == {
        "steps": 120,
        "batch": 3,
        "learning_rate": pytest.approx(2.5e-4),
    }
    assert run.parameters["name"] == "mine"
    json.dumps(run.parameters)


def test_the_set_makes_room_for_what_a_run_tells(opened):
    assert not opened.ui.trainingSetSection.collapsed
    start(opened)
    assert opened.ui.trainingSetSection.collapsed


def test_from_scratch_begins_with_no_model(opened):
    opened.ui.scratchBox.checked = True
    assert not opened.form.models.widget.isVisibleTo(opened.ui.MambaMIMTrainer)
    start(opened)
    assert opened.runs.started[-1].parameters["model"] == ""
    assert opened.runs.started[-1].parameters["preset"] == "quick"


def test_a_name_that_no_model_has_is_proposed(opened, models):
    assert opened.ui.modelNameEdit.text == "abdomen-1"
    write_model(models / "abdomen-1.safetensors")
    opened.form.proposeName()
    assert opened.ui.modelNameEdit.text == "abdomen-2"


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
    button(opened).click()
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


def finish(panel, tail, models, **more):
    name = panel.runs.started[-1].parameters["name"]
    path = write_model(models / f"{name}.safetensors", title="New")
    tail.finish(
        model=str(path),
        name=name,
        scores={"dice": 0.8, "dice_liver": 0.9, "dice_spleen": 0.7},
        base_scores={"dice": 0.5, "dice_liver": 0.6, "dice_spleen": 0.4},
        **more,
    )
    wait(lambda: not panel.watch.job.busy)


def test_the_result_stands_beside_what_was_before(opened, models):
    finish(opened, start(opened), models)
    words = slicer.util.findChild(opened.result.widget, "resultWords").text
    assert "0.800" in words
    assert "0.500 before" in words
    table = slicer.util.findChild(opened.result.widget, "resultScores")
    assert [table.item(0, column).text() for column in range(3)] == ["Liver", "0.600", "0.900"]
    assert opened.form.models.select("abdomen-1")
    assert opened.ui.modelNameEdit.text == "abdomen-2"
    assert button(opened).text == "Start training"


def test_the_model_is_exported_as_one_file(opened, models, dialogs, tmp_path):
    finish(opened, start(opened), models)
    dialogs.answer(str(tmp_path / "for a colleague"))
    slicer.util.findChild(opened.result.widget, "exportButton").click()
    copy = tmp_path / "for a colleague.safetensors"
    wait(copy.is_file)
    settle()
    assert copy.read_bytes() == (models / "abdomen-1.safetensors").read_bytes()
    dialogs.answer(str(tmp_path / "no" / "such" / "file"))
    (tmp_path / "no").write_bytes(b"")
    slicer.util.findChild(opened.result.widget, "exportButton").click()
    settle()
    assert "could not" in slicer.util.findChild(opened.result.widget, "message").text


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


def test_the_preview_lies_over_the_validation_case(opened, tmp_path):
    tail = start(opened)
    case = opened.trainingSet.project.case("case-0002")
    path = tmp_path / f"{case.id}.nii.gz"
    path.write_bytes(case.label.read_bytes())
    tail.tell("preview", path=str(path))
    wait(lambda: opened.preview.volume is not None and opened.preview._steps is None)
    nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    assert len(nodes) == 1
    found = slicer.util.arrayFromSegmentBinaryLabelmap(nodes[0], "liver", opened.preview.volume)
    data = gzip.decompress(case.label.read_bytes())[352:]
    stored = np.frombuffer(data, np.uint8).reshape(case.shape, order="F")
    np.testing.assert_array_equal(found.T, stored == 1)
    tail.tell("preview", path=str(path))
    heard(tail)
    wait(lambda: opened.preview._steps is None)
    assert len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) == 1


def test_a_damaged_preview_stops_nothing(opened, tmp_path):
    tail = start(opened)
    (tmp_path / "case-0002.nii.gz").write_bytes(b"no gzip")
    tail.tell("preview", path=str(tmp_path / "case-0002.nii.gz"))
    heard(tail)
    settle(0.3)
    assert opened.desk.busy


def test_case_images_are_read_as_they_were_written(opened):
    from trainer_panel import body

    case = opened.trainingSet.project.cases[0]
    np.testing.assert_array_equal(readCaseImage(case.image).T, body(0)[0])


def test_an_estimate_is_made_on_a_click_and_forgotten_with_another_choice(opened):
    opened.ui.estimateButton.click()
    job, parameters = opened.worker.asked[-1]
    assert job == "estimate"
    assert parameters["preset"] == "quick"
    result = {"seconds": 1800, "memory_bytes": 3.1e9, "steps": 400}
    opened.worker.say(opened.worker.jobs[-1], "result", result=result)
    assert "30 min" in opened.ui.estimateLabel.text
    assert "3.1 GB" in opened.ui.estimateLabel.text
    opened.ui.presetBox.currentIndex = 1
    assert opened.ui.estimateLabel.text == ""


def test_an_estimate_that_fails_says_why(opened):
    opened.ui.estimateButton.click()
    opened.worker.say(
        opened.worker.jobs[-1], "error", kind="bad_input", message="No room.", hint="Free some."
    )
    assert opened.ui.estimateLabel.text == "No room. Free some."
    assert opened.ui.estimateButton.enabled


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


def test_run_folders_never_meet(tmp_path):
    first = Runs.newFolder(tmp_path, "train")
    first.mkdir()
    second = Runs.newFolder(tmp_path, "train")
    assert first != second
    assert str(time.localtime().tm_year) in second.name


def test_the_classes_of_the_model_are_proposed(opened):
    volume, segmentation = add_open_case(names={1: "Pankreas"}, terms=False)
    opened.take(volume, segmentation)
    assert opened.trainingSet.form.classMap.mapping == {"Pankreas": "pancreas"}


def test_the_list_of_presets_is_in_the_order_of_the_form():
    from mambamim.finetuning.finetune_settings import PRESETS
    from MambaMIMTrainer import Preset
    from MambaMIMTrainerLib import TrainForm

    assert tuple(preset.value for preset in Preset) == TrainForm._PRESETS
    assert {*PRESETS, "custom"} == set(TrainForm._PRESETS)
