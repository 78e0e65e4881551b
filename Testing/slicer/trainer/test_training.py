"""The section "2 Train": what is missing, what is asked for, and how long it would take."""

import json
import time
from pathlib import Path

import pytest
from model_files import write_model
from trainer_panel import add_open_case, make_project
from training_panel import button, start

from MambaMIMTrainerLib import Runs


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
