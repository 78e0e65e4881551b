"""The four views: what is in them, that they are linked, and that the old layout comes back."""

import xml.etree.ElementTree as ET

import pytest
import slicer
from segmenter_scene import addVolume
from slicer_views import addSliceLogics

from MambaMIMSegmenterLib.CompareView import LAYOUT, VIEWS, CompareView, compositeNode, viewName
from MambaMIMSegmenterLib.WindowLink import WindowLink

FOUR_UP = slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView


@pytest.fixture
def view(scene):
    layouts().setLayout(FOUR_UP)
    made = CompareView()
    yield made
    made.close()
    layouts().setLayout(FOUR_UP)


@pytest.fixture
def volumes(scene):
    volumes = {name: addVolume(name) for name in VIEWS}
    return {**volumes, "mask": scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")}


def layouts():
    return slicer.app.layoutManager()


def test_each_volume_is_in_its_view_and_the_reconstruction_lies_over_the_input(view, volumes):
    view.show(volumes)
    back = {name: compositeNode(name).GetBackgroundVolumeID() for name in VIEWS}
    assert back == {
        "input": volumes["input"].GetID(),
        "masked": volumes["masked"].GetID(),
        "reconstruction": volumes["input"].GetID(),
        "error": volumes["error"].GetID(),
    }
    over = compositeNode("reconstruction")
    assert over.GetForegroundVolumeID() == volumes["reconstruction"].GetID()
    assert over.GetForegroundOpacity() == 1
    for name in ("input", "masked", "error"):
        assert compositeNode(name).GetForegroundVolumeID() is None
    labels = {name: compositeNode(name).GetLabelVolumeID() for name in VIEWS}
    assert labels == {**dict.fromkeys(VIEWS), "masked": volumes["mask"].GetID()}


def test_the_fade_slider_moves_between_input_and_reconstruction(view, volumes):
    view.fade(0.25)
    view.show(volumes)
    assert compositeNode("reconstruction").GetForegroundOpacity() == 0.25
    view.fade(0)
    assert compositeNode("reconstruction").GetForegroundOpacity() == 0


def test_views_are_linked_with_each_other_alone(view, volumes):
    view.show(volumes)
    nodes = [slicer.mrmlScene.GetSingletonNode(viewName(v), "vtkMRMLSliceNode") for v in VIEWS]
    groups = {node.GetViewGroup() for node in nodes}
    others = {node.GetViewGroup() for node in slicer.util.getNodesByClass("vtkMRMLSliceNode")
              if node not in nodes}  # fmt: skip
    assert len(groups) == 1
    assert not groups & others
    assert {node.GetOrientation() for node in nodes} == {"Axial"}
    for name in VIEWS:
        assert compositeNode(name).GetLinkedControl()
        assert compositeNode(name).GetHotLinkedControl()


def test_the_layout_is_two_by_two_and_registered_once(view, volumes):
    view.show(volumes)
    assert layouts().layout == LAYOUT
    node = layouts().layoutLogic().GetLayoutNode()
    root = ET.fromstring(node.GetLayoutDescription(LAYOUT))
    rows = root.findall("./item/layout")
    assert root.get("type") == "vertical"
    tags = [[v.get("singletontag") for v in row.findall("./item/view")] for row in rows]
    assert tags == [[viewName(v) for v in VIEWS[:2]], [viewName(v) for v in VIEWS[2:]]]
    view.close()
    changes = []
    tag = node.AddObserver("ModifiedEvent", lambda *_: changes.append(node.GetViewArrangement()))
    view.show(volumes)
    node.RemoveObserver(tag)
    assert changes == [LAYOUT]


def test_closed_the_layout_is_the_one_before_and_the_views_are_empty(view, volumes):
    view.show(volumes)
    view.show(volumes)  # again, as after a second run
    view.close()
    assert layouts().layout == FOUR_UP
    assert all(compositeNode(name).GetBackgroundVolumeID() is None for name in VIEWS)


def test_a_layout_that_the_user_has_chosen_meanwhile_stays(view, volumes):
    view.show(volumes)
    layouts().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    assert not view.open
    view.close()
    assert layouts().layout == slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView


def test_without_a_main_window_there_is_no_layout_and_nothing_breaks(scene, volumes, monkeypatch):
    class Application:
        def __getattr__(self, name):
            return (lambda: None) if name == "layoutManager" else getattr(application, name)

    application = slicer.app
    monkeypatch.setattr(slicer, "app", Application())
    view = CompareView()
    view.close()
    view.show(volumes)
    assert not view.open
    assert compositeNode("error").GetBackgroundVolumeID() == volumes["error"].GetID()
    view.close()
    assert compositeNode("error").GetBackgroundVolumeID() is None


def test_a_view_that_was_never_open_leaves_no_nodes(scene):
    for view in VIEWS:
        scene.RemoveNode(compositeNode(view))
    count = scene.GetNumberOfNodes()
    CompareView().close()
    assert scene.GetNumberOfNodes() == count


def test_the_slice_is_that_of_the_red_view_and_stays_in_a_second_run(view, volumes):
    view.show(volumes)
    view.close()
    logics = addSliceLogics(viewName(name) for name in VIEWS)
    red = layouts().sliceWidget("Red").sliceLogic()
    slicer.util.setSliceViewerLayers(background=volumes["input"], fit=True)
    red.SetSliceOffset(-21)
    view.show(volumes)
    assert [logic.GetSliceOffset() for logic in logics] == pytest.approx([-21] * 4)
    logics[0].SetSliceOffset(-15)
    view.show(volumes)
    assert logics[0].GetSliceOffset() == pytest.approx(-15)


def test_a_volume_that_is_nowhere_shown_is_fitted(view, volumes):
    view.show(volumes)
    view.close()
    slicer.util.setSliceViewerLayers(background=volumes["error"])
    logics = addSliceLogics(viewName(name) for name in VIEWS)
    view.show(volumes)
    bounds = [0.0] * 6
    volumes["input"].GetRASBounds(bounds)
    for logic in logics:
        assert bounds[4] < logic.GetSliceOffset() < bounds[5]
        assert logic.GetSliceNode().GetFieldOfView()[1] >= bounds[3] - bounds[2]


def display(node):
    return node.GetDisplayNode()


def windowOf(node):
    return display(node).GetWindow(), display(node).GetLevel()


def test_one_window_for_all_whichever_is_changed(volumes):
    scan, masked, made, *_ = volumes.values()
    display(scan).SetAutoWindowLevel(False)
    display(scan).SetWindowLevel(400, 40)
    link = WindowLink()
    link.join(scan, [made, masked])
    assert windowOf(made) == windowOf(masked) == (400, 40)
    display(masked).SetAutoWindowLevel(False)
    display(masked).SetWindowLevel(150, 30)
    assert windowOf(made) == windowOf(scan) == (150, 30)
    link.part()
    display(made).SetWindowLevel(10, 1)
    assert windowOf(scan) == (150, 30)


def test_slicers_own_window_comes_back_unless_the_user_has_changed_it(volumes):
    scan, masked, made, *_ = volumes.values()
    display(made).SetAutoWindowLevel(False)
    display(made).SetWindowLevel(425, 37.5)
    before, link = windowOf(scan), WindowLink()
    assert display(scan).GetAutoWindowLevel()
    link.join(scan, [made, masked])
    assert windowOf(scan) == (425, 37.5)
    link.part()
    assert windowOf(scan) == pytest.approx(before)
    assert display(scan).GetAutoWindowLevel()
    link.join(scan, [made, masked])
    display(made).SetWindowLevel(80, 40)
    link.part()
    assert windowOf(scan) == (80, 40)


def test_a_scan_without_a_display_node_gets_one(scene, volumes):
    scan = addVolume("bare", display=False)
    link = WindowLink()
    link.join(scan, [volumes["reconstruction"]])
    assert windowOf(scan) == windowOf(volumes["reconstruction"])
    link.part()
