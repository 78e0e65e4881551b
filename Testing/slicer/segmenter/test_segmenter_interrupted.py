"""The panel when a job fails, is cancelled, or loses scene, scan or model."""

import numpy as np
import pytest
import slicer
from reconstruction_files import write_pretrained
from segmenter_panel import button, child, load, message
from segmenter_scene import addVolume, labels, result, settle, wait
from slicer_stand_in import show_application


def test_a_model_file_that_was_deleted(made, models):
    panel = made()
    load(panel, addVolume())
    (models / "abdomen-test.safetensors").unlink()
    button(panel).click()
    assert "not there any more" in message(panel)
    assert panel.models.currentEntry.name == "hippocampus-test"


@pytest.mark.parametrize(
    ("kind", "text"),
    [("worker_died", "The work ended."), ("out_of_memory", "There is not enough memory.")],
)
def test_a_failure_is_a_message_and_the_button_comes_back(made, kind, text):
    panel = made()
    load(panel, addVolume())
    button(panel).click()
    wait(lambda: panel.worker.jobs)
    job = panel.worker.jobs[0]
    panel.worker.say(job, "error", kind=kind, message=text, hint="Do this.", detail="")
    assert text in message(panel)
    assert "Do this." in message(panel)
    assert not panel.job.busy
    assert button(panel).enabled


def test_cancel_is_where_the_button_was(made):
    panel = made()
    load(panel, addVolume())
    button(panel).click()
    wait(lambda: panel.worker.jobs)
    slicer.util.findChild(panel.job.widget, "jobCancel").click()
    assert not panel.job.busy
    assert "Cancelled" in message(panel)


def test_scene_closed_in_the_middle(made):
    panel = made()
    load(panel, addVolume())
    button(panel).click()
    wait(lambda: panel.worker.jobs)
    panel.onSceneClosing()
    panel.setParameters(None)
    slicer.mrmlScene.Clear(False)
    settle(0.3)
    assert not panel.job.busy
    assert not panel.worker.jobs[0].active
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []


def test_a_job_goes_on_while_another_module_is_open(made, tmp_path):
    panel = made()
    load(panel, addVolume())
    button(panel).click()
    wait(lambda: panel.worker.jobs)
    panel.setParameters(None)
    np.save(tmp_path / "full.npy", labels(v1=slice(0, 4)))
    panel.worker.say(panel.worker.jobs[0], "result", result=result(tmp_path / "full.npy"))
    wait(lambda: not panel.job.busy)
    assert panel.result.node.GetSegmentation().GetNumberOfSegments() == 1
    panel.setParameters(panel.parameters)
    assert button(panel).enabled


def test_a_scan_that_is_removed_meanwhile(made, tmp_path):
    panel = made()
    volume = addVolume()
    load(panel, volume)
    button(panel).click()
    wait(lambda: panel.worker.jobs)
    slicer.mrmlScene.RemoveNode(volume)
    np.save(tmp_path / "full.npy", labels(v1=slice(0, 4)))
    panel.worker.say(panel.worker.jobs[0], "result", result=result(tmp_path / "full.npy"))
    wait(lambda: not panel.job.busy)
    assert "removed" in message(panel)
    assert panel.result.node.GetSegmentation().GetNumberOfSegments() == 1
    window = show_application("SegmentEditor")
    child(panel, "result", "editButton").click()
    window.deleteLater()
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    assert editor.segmentationNode() is panel.result.node


def test_a_reconstruction_ends_with_its_scene(made, models):
    write_pretrained(models / "mim-test.safetensors")
    panel = made()
    load(panel, addVolume())
    section = panel.reconstruction
    section.run()
    assert section.panel.busy
    panel.onSceneClosing()
    assert not section.panel.busy
