"""The panel with a worker that does what the test says: what is shown, when, in which words."""

import numpy as np
import qt
import slicer
from segmenter_panel import button, child, load, message, run
from segmenter_scene import addVolume


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
