"""The panel with a worker that does what the test says: what is shown, when, in which words."""

from pathlib import Path

import numpy as np
import pytest
import qt
import slicer
from fake_worker import FakeWorker
from model_files import write_model
from reconstruction_files import write_pretrained
from segmenter_scene import addVolume, labels, result, settle, wait
from slicer_stand_in import show_application

from MambaMIMLib.Signal import Signal
from MambaMIMSegmenter import MambaMIMSegmenterParameterNode
from MambaMIMSegmenterLib import Views
from MambaMIMSegmenterLib.SegmenterPanel import SegmenterPanel

MODULE = Path(__file__).parents[3] / "MambaMIMSegmenter"
ORGANS = {"1": "liver", "2": "spleen", "3": "pancreas"}


class Dependencies:
    """Says what a test wants it to say of what is installed."""

    def __init__(self, ready=True):
        self.widget, self.pythonWidget = qt.QWidget(), qt.QWidget()
        self.ready, self.changed = ready, Signal()

    def cleanup(self):
        pass


class Worker(FakeWorker):
    def __init__(self):
        super().__init__()
        self.restarted = 0

    def restart(self):
        self.restarted += 1


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Two models, and none of those that come with the extension."""
    folder = tmp_path / "models"
    write_model(
        folder / "abdomen-test.safetensors",
        title="Abdomen",
        labels=ORGANS,
        modality="CT",
        architecture={"name": "hymamba_small", "num_classes": 4, "in_channels": 1},
    )
    write_model(
        folder / "hippocampus-test.safetensors",
        title="Hippocampus",
        labels={"1": "hippocampus_anterior"},
        modality="MR",
    )
    monkeypatch.setenv("MAMBAMIM_MODELS", str(folder))
    monkeypatch.setenv("MAMBAMIM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("mambamim.catalogue.catalogue.shipped_model_folders", list)
    monkeypatch.setattr("mambamim.catalogue.folders.shipped_model_folders", list)
    monkeypatch.setattr("mambamim.catalogue.catalogue._built_in_entries", list)
    return folder


@pytest.fixture
def made(scene, models):
    """Makes a panel, bound to parameters as the module binds it."""
    slicer.app.settings().setValue("MambaMIM/Device", "auto")
    opened = []

    def make(ready=True):
        widget = slicer.util.loadUI(str(MODULE / "Resources/UI/MambaMIMSegmenter.ui"))
        widget.setMRMLScene(slicer.mrmlScene)
        panel = SegmenterPanel(
            slicer.util.childWidgetVariables(widget), Worker(), Dependencies(ready)
        )
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
        parameters = MambaMIMSegmenterParameterNode(node)
        tag = parameters.connectGui(panel.ui)
        panel.setParameters(parameters)
        panel.parameters = parameters
        opened.append((panel, widget, parameters, tag))
        return panel

    yield make
    for panel, _widget, parameters, tag in opened:
        parameters.disconnectGui(tag)
        panel.cleanup()
    slicer.app.settings().remove("MambaMIM/Device")


def button(panel):
    return slicer.util.findChild(panel.job.widget, "jobButton")


def message(panel):
    return slicer.util.findChild(panel.job.widget, "message").text


def child(panel, part, name):
    return slicer.util.findChild(getattr(panel, part).widget, name)


def load(panel, volume):
    panel.parameters.inputVolume = volume
    panel.update()


def run(panel, tmp_path, array=None, coarse=False):
    """Click, and let the worker answer."""
    number = len(panel.worker.jobs)
    button(panel).click()
    wait(lambda: len(panel.worker.jobs) > number)
    job = panel.worker.jobs[number]
    if coarse:
        np.save(tmp_path / "coarse.npy", labels(v1=slice(0, 3)))
        panel.worker.say(job, "preview", path=str(tmp_path / "coarse.npy"))
        wait(lambda: panel.result.node is not None)
    path = tmp_path / "full.npy"
    np.save(path, labels(v1=slice(0, 4), v2=slice(5, 8)) if array is None else array)
    panel.worker.say(job, "result", result=result(path))
    wait(lambda: not panel.job.busy)
    return panel.worker.asked[number][1]


def test_an_empty_scene_says_what_to_do(made):
    panel = made()
    assert not button(panel).enabled
    assert "First load a scan" in button(panel).toolTip
    assert panel.ui.scanNote.isVisibleTo(panel.ui.scanNote.parentWidget())


def test_tab_goes_through_the_panel_as_one_reads_it(made):
    panel = made()
    here = first = panel.ui.sampleButton
    names = [first.objectName]
    while (here := here.nextInFocusChain()) is not first:
        names.append(here.objectName)
    wanted = ["sampleButton", "modelSearch", "jobButton", "optionsButton", "qualityBox", "organs"]
    wanted += ["show3DBox", "batchSection", "batchButton", "reconstructionSection", "seedSpinBox"]
    assert [name for name in dict.fromkeys(names) if name in wanted] == wanted


def test_without_packages_nothing_can_be_run(made):
    panel = made(ready=False)
    load(panel, addVolume())
    assert not button(panel).enabled
    assert "install" in button(panel).toolTip
    panel.dependencies.ready = True
    panel.dependencies.changed()
    assert button(panel).enabled
    assert panel.worker.restarted == 1


def test_the_button_follows_the_model(made):
    panel = made()
    assert button(panel).text == "Segment abdomen"
    panel.models.select("hippocampus-test")
    assert button(panel).text == "Segment hippocampus"
    assert panel.parameters.model == "hippocampus-test"


def test_a_click_gives_segments_statistics_and_views(made, tmp_path):
    panel = made()
    volume = addVolume("Scan")
    load(panel, volume)
    asked = run(panel, tmp_path, coarse=True)
    assert asked["model"] == "abdomen-test"
    node = panel.result.node
    assert node.GetName() == "Scan segmentation"
    words = child(panel, "result", "resultLabel").text
    assert "2 structures" in words
    table = child(panel, "result", "resultTable")
    told = [[table.item(row, column).text() for column in range(3)] for row in range(2)]
    assert told == [["Liver", "0.6", "60 ± 12"], ["Spleen", "0.4", "50 ± 9"]]
    assert child(panel, "result", "missingLabel").text == "Not found: pancreas."
    assert slicer.util.getNodesByClass("vtkMRMLTableNode")[0].GetNumberOfRows() == 2
    shown = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")[0].GetBackgroundVolumeID()
    assert shown == volume.GetID()
    bounds = [0.0] * 6
    node.GetRASBounds(bounds)
    red = slicer.mrmlScene.GetNodeByID("vtkMRMLSliceNodeRed")
    assert bounds[4] <= red.GetSliceOffset() <= bounds[5]


def test_options_reach_the_worker(made, tmp_path):
    panel = made()
    load(panel, addVolume())
    panel.ui.qualityBox.currentIndex = 1
    panel.ui.statisticsBox.checked = False
    panel.ui.deviceBox.currentIndex = 1
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    roi.SetSize(10, 20, 30)
    roi.SetCenter(1, 2, 3)
    panel.ui.roiSelector.setCurrentNode(roi)
    organs = child(panel, "organs", "organs")
    organs.item(2).setCheckState(qt.Qt.Unchecked)
    asked = run(panel, tmp_path)
    assert asked["quality"] == "coarse"
    assert asked["device"] == "cpu"
    assert np.allclose(asked["roi"], [[-4, -8, -12], [6, 12, 18]])
    assert asked["organs"] == ["liver", "spleen"]
    assert slicer.util.getNodesByClass("vtkMRMLTableNode") == []
    assert list(panel.parameters.uncheckedStructures) == ["pancreas"]


def test_a_turned_region_is_said_to_be_boxed(made):
    panel = made()
    load(panel, addVolume())
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    roi.SetSize(10, 20, 30)
    panel.ui.roiSelector.setCurrentNode(roi)
    panel.update()
    assert not panel.ui.roiNote.isVisibleTo(panel.ui.roiNote.parentWidget())
    turn = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    slicer.util.updateTransformMatrixFromArray(
        turn, np.array([[0.8, -0.6, 0, 0], [0.6, 0.8, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    )
    roi.SetAndObserveTransformNodeID(turn.GetID())
    panel.update()
    assert panel.ui.roiNote.isVisibleTo(panel.ui.roiNote.parentWidget())
    low, high = panel.options().roi
    assert np.allclose(np.subtract(high, low), [10 * 0.8 + 20 * 0.6, 10 * 0.6 + 20 * 0.8, 30])


def test_organs_are_searched_and_checked(made):
    panel = made()
    organs = child(panel, "organs", "organs")
    child(panel, "organs", "organSearch").text = "liv"
    assert [organs.item(row).isHidden() for row in range(3)] == [False, True, True]
    none = next(b for b in panel.organs.widget.findChildren(qt.QToolButton) if b.text == "None")
    none.click()
    assert panel.organs.names == ("spleen", "pancreas")
    child(panel, "organs", "organSearch").text = ""
    none.click()
    load(panel, addVolume())
    button(panel).click()
    assert "No structure is selected." in message(panel)
    assert panel.worker.jobs == []


def test_a_model_file_that_was_deleted(made, models):
    panel = made()
    load(panel, addVolume())
    (models / "abdomen-test.safetensors").unlink()
    button(panel).click()
    assert "not there any more" in message(panel)
    assert panel.models.currentEntry.name == "hippocampus-test"


def test_devices_are_looked_for_when_the_options_open(made):
    panel = made()
    assert panel.worker.jobs == []
    panel.ui.optionsButton.collapsed = False
    assert panel.worker.asked == [("devices", {})]
    devices = [
        {"device": "cpu", "name": "A processor", "cores": 4},
        {"device": "cuda:0", "name": "A card", "memory_gib": 23.6},
    ]
    panel.worker.say(panel.worker.jobs[0], "result", result={"devices": devices, "auto": "cuda"})
    assert panel.ui.deviceFoundLabel.text == "Found: A card (24 GB)"
    box = panel.ui.deviceBox
    assert [box.itemText(i) for i in range(box.count)] == ["Automatic (GPU)", "CPU", "GPU: A card"]
    box.currentIndex = 2
    assert panel.devices.device == "cuda:0"
    assert slicer.app.settings().value("MambaMIM/Device") == "cuda:0"
    panel.ui.optionsButton.collapsed = True
    panel.ui.optionsButton.collapsed = False
    assert len(panel.worker.jobs) == 1


def test_no_graphics_card_is_told(made):
    panel = made()
    slicer.app.settings().setValue("MambaMIM/Device", "cuda:0")
    panel.ui.optionsButton.collapsed = False
    cpu = [{"device": "cpu", "name": "A processor", "cores": 4}]
    panel.worker.say(panel.worker.jobs[0], "result", result={"devices": cpu, "auto": "cpu"})
    assert "No graphics card" in panel.ui.deviceFoundLabel.text
    assert panel.devices.device == "auto"


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


def test_nothing_found_says_so(made, tmp_path):
    panel = made()
    load(panel, addVolume())
    run(panel, tmp_path, array=labels())
    assert "None of the structures" in message(panel)
    assert panel.result.node is None


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


def test_the_result_goes_when_its_node_goes(made, tmp_path):
    panel = made()
    load(panel, addVolume())
    run(panel, tmp_path)
    slicer.mrmlScene.RemoveNode(panel.result.node)
    panel.onSceneChanged()
    wait(lambda: panel.result.node is None)


def test_show_3D_makes_surfaces(made, tmp_path):
    panel = made()
    load(panel, addVolume())
    run(panel, tmp_path)
    show = child(panel, "result", "show3DButton")
    show.click()
    wait(lambda: show.enabled)
    assert show.checked
    node = panel.result.node
    assert node.GetSegmentation().ContainsRepresentation("Closed surface")
    assert node.GetDisplayNode().GetVisibility3D()
    show.click()
    assert not node.GetDisplayNode().GetVisibility3D()


def test_show_3D_when_done(made, tmp_path):
    panel = made()
    load(panel, addVolume())
    panel.ui.show3DBox.checked = True
    run(panel, tmp_path, coarse=True)
    wait(lambda: child(panel, "result", "show3DButton").enabled)
    segment = panel.result.node.GetSegmentation().GetNthSegment(1)
    assert segment.GetName() == "Spleen"
    assert segment.GetRepresentation("Closed surface").GetNumberOfPoints() > 0


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


def test_the_segment_editor_opens_with_both(made, tmp_path):
    panel = made()
    volume = addVolume()
    load(panel, volume)
    run(panel, tmp_path)
    window = show_application("SegmentEditor")
    child(panel, "result", "editButton").click()
    window.deleteLater()
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    assert editor.segmentationNode() is panel.result.node
    assert editor.sourceVolumeNode() is volume


def test_several_scans_in_the_list(made, tmp_path):
    panel = made()
    first, second = addVolume("A"), addVolume("B")
    load(panel, first)
    panel.ui.batchSection.collapsed = False
    table = child(panel, "batchList", "batchTable")
    assert [table.item(row, 0).text() for row in range(2)] == ["A", "B"]
    start = child(panel, "batchList", "batchButton")
    assert start.text == "Segment abdomen in 2 scans"
    table.item(0, 0).setCheckState(qt.Qt.Unchecked)
    assert start.text == "Segment abdomen in 1 scan"
    start.click()
    assert not start.enabled
    assert table.item(1, 1).text() == "running"
    wait(lambda: panel.worker.jobs)
    np.save(tmp_path / "full.npy", labels(v1=slice(0, 4)))
    panel.worker.say(panel.worker.jobs[0], "result", result=result(tmp_path / "full.npy"))
    wait(lambda: not panel.job.busy)
    assert table.item(1, 1).text() == "done: 1 structure"
    assert "1 of 1" in message(panel)
    node = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")[0]
    assert node.GetName() == "B segmentation"
    assert second.GetName() == "B"


def test_show_3D_of_several_scans(made, tmp_path):
    panel = made()
    load(panel, addVolume("A"))
    addVolume("B")
    panel.ui.show3DBox.checked = True
    panel.ui.batchSection.collapsed = False
    child(panel, "batchList", "batchButton").click()
    np.save(tmp_path / "full.npy", labels(v1=slice(0, 4)))
    for number in range(2):
        wait(lambda count=number: len(panel.worker.jobs) > count)
        job = panel.worker.jobs[number]
        panel.worker.say(job, "result", result=result(tmp_path / "full.npy"))
    wait(lambda: not panel.job.busy)
    nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    assert [node.GetName() for node in nodes] == ["A segmentation", "B segmentation"]
    wait(lambda: all(Views.isIn3D(node) for node in nodes))


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


def test_a_pth_file_is_asked_about(made, tmp_path):
    panel = made()
    form = panel.conversionForm
    panel.models.addFile(tmp_path / "authors.pth")
    assert form.widget.isVisibleTo(panel.ui.optionsButton.parentWidget())
    asked = []
    form.accepted.disconnect(panel.desk.convert)
    form.accepted.connect(asked.append)
    slicer.util.findChild(form.widget, "conversionLicence").text = "MIT"
    slicer.util.findChild(form.widget, "conversionClasses").setPlainText("Liver\nright Kidney\n")
    slicer.util.findChild(form.widget, "conversionConvert").click()
    assert asked[0].name == "authors"
    assert asked[0].licence == "MIT"
    assert asked[0].classes == ("liver", "right_kidney")
    assert not form.widget.isVisibleTo(panel.ui.optionsButton.parentWidget())


def test_a_new_region_is_the_whole_scan(made):
    panel = made()
    volume = addVolume()
    load(panel, volume)
    panel.ui.roiSelector.addNode()
    roi = panel.ui.roiSelector.currentNode()
    if min(roi.GetSize()) == 0:  # the stand-in's addNode is no user's
        panel.ui.roiSelector.nodeAddedByUser(roi)
    bounds = [0.0] * 6
    volume.GetRASBounds(bounds)
    low, high = panel.options().roi
    assert np.allclose([low, high], [bounds[::2], bounds[1::2]])
