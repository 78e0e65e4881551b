"""What the panel shows of a result: segments, statistics, surfaces, several scans."""

import numpy as np
import qt
import slicer
from segmenter_panel import child, load, message, run
from segmenter_scene import addVolume, labels, result, wait
from slicer_stand_in import show_application

from MambaMIMSegmenterLib import Views


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


def test_nothing_found_says_so(made, tmp_path):
    panel = made()
    load(panel, addVolume())
    run(panel, tmp_path, array=labels())
    assert "None of the structures" in message(panel)
    assert panel.result.node is None


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
