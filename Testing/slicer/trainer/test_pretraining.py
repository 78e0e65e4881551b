"""The section "Pre-train" with runs that a test tells what to say."""

from pathlib import Path

import numpy as np
import pytest
import slicer
from PIL import Image
from segmenter_scene import settle, wait


@pytest.fixture
def ready(opened, tmp_path):
    (tmp_path / "scans").mkdir()
    opened.ui.pretrainPathEdit.currentPath = str(tmp_path / "scans")
    opened.ui.pretrainNameEdit.text = "learnt-1"
    return opened


def part(panel, name):
    return slicer.util.findChild(panel.pretrain.panel.widget, name)


def start(panel):
    button = part(panel, "jobButton")
    assert button.enabled, button.toolTip
    button.click()
    return panel.runs.last


@pytest.mark.parametrize(
    ("what", "said"),
    [("folder", "folder of scans"), ("name", "letters"), ("taken", "another")],
)
def test_what_is_missing_is_said(ready, tmp_path, what, said):
    if what == "folder":
        ready.ui.pretrainPathEdit.currentPath = str(tmp_path / "nowhere")
    else:
        names = {"name": "no blanks, please", "taken": "abdomen-test"}
        ready.ui.pretrainNameEdit.text = names[what]
    button = part(ready, "jobButton")
    assert not button.enabled
    assert said in button.toolTip


def test_what_is_asked_for_reaches_the_run(ready, tmp_path):
    ready.ui.maskRatioSlider.value = 60
    ready.ui.pretrainStepsBox.value = 300
    start(ready)
    (run,) = ready.runs.started
    assert run.job == "pretrain"
    assert Path(run.folder).parent == tmp_path / "home" / "runs"
    assert run.parameters["data"] == [str(tmp_path / "scans")]
    assert run.parameters["mask_ratio"] == pytest.approx(0.6)
    assert (run.parameters["steps"], run.parameters["name"]) == (300, "learnt-1")
    assert run.parameters["model"] == ""  # what is selected is no pre-training
    assert "fresh" in ready.ui.pretrainModelLabel.text


def test_a_pre_training_that_is_selected_is_begun_with(ready, models):
    from reconstruction_files import write_pretrained

    path = write_pretrained(models / "earlier.safetensors")
    ready.form.models.refresh()
    assert ready.form.models.select("earlier")
    assert "earlier" in ready.ui.pretrainModelLabel.text
    start(ready)
    assert ready.runs.started[-1].parameters["model"] == str(path)


def test_the_lowest_validation_loss_is_the_best(ready):
    tail = start(ready)
    tail.metric(10, loss=1.0, validation_loss=0.9)
    tail.metric(20, loss=0.8, validation_loss=0.7)
    tail.metric(30, loss=0.7, validation_loss=0.8)
    wait(lambda: "0.700" in part(ready, "bestLabel").text)
    settle(0.02)
    assert "20" in part(ready, "bestLabel").text
    assert part(ready, "curvesButton").isVisibleTo(ready.pretrain.panel.widget)
    chart = ready.pretrain.desk.curves.charts["loss"]
    assert chart.GetNumberOfPlotSeriesNodes() == 2
    assert chart.GetLegendVisibility()


def test_its_picture_is_shown_as_it_learns(ready, tmp_path):
    tail = start(ready)
    path = tmp_path / "reconstruction.png"
    Image.fromarray(np.full((40, 120, 3), 90, np.uint8)).save(path)
    picture = slicer.util.findChild(ready.ui.pretrainPlace, "pretrainPicture")
    assert not picture.isVisibleTo(ready.ui.pretrainPlace)
    tail.tell("preview", path=str(path))
    wait(lambda: picture.isVisibleTo(ready.ui.pretrainPlace))
    assert picture.pixmap.width() > 0


def test_a_resumed_run_needs_its_folder_again(ready, tmp_path):
    tail = start(ready)
    tail.tell("error", kind="cancelled", message="Paused.", hint="", detail="")
    tail.alive = False
    wait(lambda: not ready.pretrain.panel.job.busy)
    ready.ui.pretrainPathEdit.currentPath = str(tmp_path / "nowhere")
    assert not part(ready, "jobButton").enabled
    assert "folder of scans" in part(ready, "jobButton").toolTip
    ready.ui.pretrainPathEdit.currentPath = str(tmp_path / "scans")
    part(ready, "jobButton").click()
    first, second = ready.runs.started
    assert first.folder == second.folder
    assert second.parameters["data"] == [str(tmp_path / "scans")]


def test_the_new_model_can_be_begun_with(ready, models):
    from model_files import write_model

    tail = start(ready)
    write_model(models / "learnt-1.safetensors", title="Learnt")
    tail.finish(name="learnt-1", model=str(models / "learnt-1.safetensors"))
    wait(lambda: not ready.pretrain.panel.job.busy)
    assert "learnt-1" in part(ready, "message").text
    assert ready.form.models.select("learnt-1")


def test_a_run_that_goes_on_is_found_at_the_next_start(made, runs, tmp_path):
    tail = runs.known(tmp_path / "home" / "runs" / "pretrain-1", "running", job="pretrain")
    tail.metric(50, loss=1.0, validation_loss=0.4)
    panel = made()
    panel.open()
    wait(lambda: panel.pretrain.desk.busy and "0.400" in part(panel, "bestLabel").text)
    assert not panel.desk.busy
    assert runs.started == []
