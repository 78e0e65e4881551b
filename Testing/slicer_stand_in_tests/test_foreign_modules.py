"""Scripted modules in the idioms of common extensions open and work."""

from pathlib import Path

import numpy as np
import pytest
import qt
import slicer
import vtk
from slicer_stand_in import close_module, grab, open_module

_MODULES = Path(__file__).parent / "modules"


@pytest.fixture
def opened(scene):
    """Open a module of this folder; it is closed after the test."""
    names = []

    def open_one(name):
        names.append(name)
        return open_module(_MODULES / f"{name}.py").self()

    yield open_one
    for name in names:
        close_module(name)


@pytest.fixture
def volume(scene):
    """A bright block, 4 x 5 x 6 voxels, in a dark volume."""
    voxels = np.zeros((12, 13, 14), np.int16)
    voxels[3:7, 4:9, 5:11] = 500
    return slicer.util.addVolumeFromArray(voxels, name="block")


def test_typed_parameters_and_widgets_follow_each_other(opened, volume):
    widget = opened("TypedThreshold")
    parameters, ui = widget._parameterNode, widget.ui
    assert parameters.inputVolume is volume
    assert ui.inputSelector.currentNode() is volume
    assert (ui.thresholdSlider.value, ui.thresholdSlider.maximum) == (100, 3000)
    assert [ui.sideBox.itemText(i) for i in range(2)] == ["Above", "Below"]
    ui.thresholdSlider.value = 250
    ui.roundsBox.value = 7
    ui.noteEdit.text = "seen"
    assert (parameters.threshold, parameters.rounds, parameters.note) == (250.0, 7, "seen")
    parameters.smooth = False
    parameters.mode = "exact"
    assert (ui.smoothBox.checked, ui.modeBox.currentText) == (False, "exact")
    with pytest.raises(ValueError, match="must be"):
        parameters.rounds = 10


def test_typed_module_computes_and_survives_a_closed_scene(opened, volume):
    widget = opened("TypedThreshold")
    widget.ui.applyButton.click()
    node = widget._parameterNode.output
    array = slicer.util.arrayFromSegmentBinaryLabelmap(node, "bright", volume)
    assert array.sum() == 4 * 5 * 6
    slicer.mrmlScene.Clear(0)
    assert widget.ui.applyButton.enabled is False
    assert widget._parameterNode.inputVolume is None


def test_samples_are_registered_once(opened):
    slicer.modules.sampleDataSources = {}
    opened("TypedThreshold")
    opened("HandMade")
    samples = slicer.modules.sampleDataSources["TypedThreshold"]
    assert [s.sampleName for s in samples] == ["TypedThreshold1"]


def test_older_idioms(opened, scene):
    widget = opened("OlderIdioms")
    assert (widget.applyButton.enabled, widget.merge.checked) == (False, True)
    for selector in widget.selectors:
        source = vtk.vtkCubeSource()
        source.Update()
        node = scene.AddNewNodeByClass("vtkMRMLModelNode")
        node.SetAndObservePolyData(source.GetOutput())
        selector.setCurrentNode(node)
    assert widget.applyButton.enabled
    widget.applyButton.click()
    assert widget.result.GetNumberOfCells() == 12
    widget.removeApply()
    assert widget.applyButton.parent() is None


def test_panel_made_by_hand(opened):
    widget = opened("HandMade")
    model = widget.selector.addNode()
    assert widget.selector.currentNode() is model
    assert widget.apply.enabled
    widget.opacity.value = 0.3
    widget.apply.click()
    assert model.GetDisplayNode().GetOpacity() == pytest.approx(0.3)
    assert model.GetDisplayNode().GetColor()[0] == pytest.approx(200 / 255, abs=1e-3)
    widget.range.setValues(3, 20)
    assert widget.status.text == "3 to 20"
    slicer.mrmlScene.RemoveNode(model)
    assert widget.selector.currentNode() is None
    assert not widget.apply.enabled


def test_a_modules_own_tests_run(opened):
    opened("HandMade")
    slicer.selfTests["HandMade"]()


def test_processes_run_and_are_stopped(opened):
    widget = opened("RunsPrograms")
    widget.run()
    assert widget.process.waitForFinished(20000)
    slicer.app.processEvents()
    assert widget.lines == [{"done": 0}, {"done": 1}, {"done": 2}]
    assert (widget.bar.value, widget.exitCode) == (100, 0)
    widget.run("import time; time.sleep(5)")
    assert widget.process.waitForStarted(5000)
    widget.stopButton.click()
    assert widget.process.state() == qt.QProcess.NotRunning


def test_packages_are_asked_for_and_written_down(opened, dialogs, installs):
    widget = opened("RunsPrograms")
    dialogs.answer(False)
    with pytest.raises(RuntimeError, match="declined"):
        widget.install()
    dialogs.answer(True)
    widget.install()
    assert installs.done[0]["requirements"] == ["a-package-that-is-not-there>=1"]
    assert slicer.packaging.pip_check("a-package-that-is-not-there")
    assert [d.text for d in dialogs.shown][-1] == "Installed"


def test_folders_are_dropped_and_chosen(opened, dialogs, tmp_path):
    widget = opened("DropsFolders")
    data = qt.QMimeData()
    data.setUrls([qt.QUrl.fromLocalFile(str(tmp_path))])
    copy = qt.Qt.CopyAction
    rest = (copy, data, qt.Qt.LeftButton, qt.Qt.NoModifier)
    # Qt drops only where it has entered before.
    for event in (
        qt.QDragEnterEvent(qt.QPoint(1, 1), *rest),
        qt.QDropEvent(qt.QPointF(1, 1), *rest),
    ):
        qt.QApplication.sendEvent(widget.area, event)
        assert event.isAccepted()
    assert widget.folders() == [str(tmp_path)]
    assert qt.QSettings().value("DropsFolders/last") == str(tmp_path)
    widget.button.click()
    assert dialogs.shown[-1].text == "Nothing was chosen"
    (tmp_path / "inner").mkdir()
    dialogs.answer(str(tmp_path / "inner"), True)
    widget.button.click()
    assert widget.table.item(1, 0).text() == str(tmp_path / "inner")
    widget.clearButton.click()
    assert widget.folders() == []


def test_segments_are_measured(opened, volume):
    widget = opened("MeasuresSegments")
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "organs")
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    segment = node.GetSegmentation().AddEmptySegment("block", "block")
    mask = (slicer.util.arrayFromVolume(volume) > 0).astype(np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, segment, volume)
    assert widget.selector.count == 1
    widget.selector.currentIndex = 0
    assert widget.segments.segmentationNode() is node
    widget.segments.setSelectedSegmentIDs(["block"])
    assert widget.segments.selectedSegmentIDs() == ["block"]
    statistics, table = widget.measure(volume)
    assert statistics["block", "LabelmapSegmentStatisticsPlugin.volume_mm3"] == 120
    assert statistics["block", "ScalarVolumeSegmentStatisticsPlugin.mean"] == 500
    assert table.GetCellText(0, 0) == "block"
    widget.show3D.click()
    assert node.GetSegmentation().ContainsRepresentation("Closed surface")


def test_reload(opened):
    widget = opened("HandMade")
    slicer.util.reloadScriptedModule("HandMade")
    again = slicer.util.getModuleWidget("HandMade")
    assert again is slicer.modules.HandMadeWidget
    assert again is not widget


def test_cleanup_when_closed(scene):
    widget = open_module(_MODULES / "HandMade.py").self()
    close_module("HandMade")
    assert not hasattr(slicer.modules, "handmade")
    assert widget.Observations == []


def test_panel_is_photographed(opened, tmp_path):
    opened("TypedThreshold")
    panel = slicer.modules.typedthreshold.widgetRepresentation()
    picture = qt.QImage(str(grab(panel, tmp_path / "panel.png")))
    assert picture.width() == 480
    colors = {picture.pixel(x, y) for x in range(0, 480, 3) for y in range(0, picture.height(), 3)}
    assert len(colors) > 20, "the panel is empty or has no text"
