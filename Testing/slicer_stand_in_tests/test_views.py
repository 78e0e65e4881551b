"""Slices, surfaces and charts are rendered, and what is in the scene is to be seen."""

from pathlib import Path

import numpy as np
import pytest
import qt
import slicer
from slicer_stand_in import close_module, grab, render_3d, render_plot, render_slice
from slicer_stand_in.__main__ import main
from slicer_stand_in.fixtures import needs_rendering

pytestmark = needs_rendering


@pytest.fixture
def segmented(scene):
    """A volume with a bright ball, and a red segment over it; returns (volume, segmentation)."""
    z, y, x = np.mgrid[:20, :24, :28]
    ball = (z - 10) ** 2 + (y - 12) ** 2 + (x - 14) ** 2 < 49
    volume = slicer.util.addVolumeFromArray((ball * 400).astype(np.int16), name="ball")
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "segmentation")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.GetSegmentation().AddEmptySegment("ball", "ball", (1.0, 0.0, 0.0))
    slicer.util.updateSegmentBinaryLabelmapFromArray(ball.astype(np.uint8), node, "ball", volume)
    return volume, node


def _pixels(path):
    """(height, width, 3) RGB of a PNG file."""
    image = qt.QImage(str(path)).convertToFormat(qt.QImage.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def _red(pixels):
    return float((pixels[..., 0] > pixels[..., 1] + 40).mean())


@pytest.mark.parametrize("orientation", ["Axial", "Coronal", "Sagittal"])
def test_a_segment_is_seen_over_its_volume(segmented, tmp_path, orientation):
    volume, node = segmented
    path = tmp_path / "slice.png"
    seen = _pixels(render_slice(path, orientation, (200, 160), volume=volume))
    assert seen.shape == (160, 200, 3)
    assert 0.1 < _red(seen) < 0.6
    node.GetDisplayNode().SetVisibility(False)
    hidden = _pixels(render_slice(path, orientation, (200, 160), volume=volume))
    assert _red(hidden) == 0
    assert hidden.max() > 200, "the volume is not seen"


def test_offsets_are_in_mm(segmented, tmp_path):
    volume, _node = segmented
    inside = _pixels(render_slice(tmp_path / "a.png", volume=volume, offset=10))
    outside = _pixels(render_slice(tmp_path / "b.png", volume=volume, offset=1))
    assert (_red(inside) > 0.1, _red(outside)) == (True, 0)


def test_a_surface_is_seen_in_3d(segmented, tmp_path):
    _volume, node = segmented
    empty = _pixels(render_3d(tmp_path / "empty.png", (200, 200)))
    node.CreateClosedSurfaceRepresentation()
    seen = _pixels(render_3d(tmp_path / "ball.png", (200, 200)))
    assert _red(empty) < 0.05  # the box around everything is magenta
    assert _red(seen) > 0.08


def test_the_box_at_the_origin_is_left_out_of_the_picture(segmented, tmp_path):
    """The camera turns to the surfaces, however far from the box they lie."""
    volume, node = segmented
    volume.SetOrigin(0, 0, -400)
    labels = np.zeros((20, 24, 28), np.uint8)
    labels[4:16, 4:20, 4:24] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(labels, node, "ball", volume)
    node.CreateClosedSurfaceRepresentation()
    assert _red(_pixels(render_3d(tmp_path / "far.png", (200, 200)))) > 0.08
    view = slicer.app.layoutManager().threeDWidget(0).mrmlViewNode()
    assert view.GetBoxVisible()


def test_a_chart_is_drawn(scene, tmp_path):
    table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode")
    slicer.util.updateTableFromArray(table, (np.arange(5.0), np.arange(5.0) ** 2), ["x", "y"])
    series = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", "series")
    series.SetAndObserveTableNodeID(table.GetID())
    series.SetXColumnName("x")
    series.SetYColumnName("y")
    series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
    series.SetColor(1, 0, 0)
    chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode")
    chart.AddAndObservePlotSeriesNodeID(series.GetID())
    pixels = _pixels(render_plot(tmp_path / "chart.png", chart, (300, 200)))
    assert ((pixels[..., 0] > 200) & (pixels[..., 1] < 100)).sum() > 50
    view = slicer.app.layoutManager().plotWidget(0)
    view.mrmlPlotViewNode().SetPlotChartNodeID(chart.GetID())
    assert _pixels(grab(view, tmp_path / "view.png", 300, 200)).min() < 50


def test_layout_manager(segmented):
    volume, _node = segmented
    layouts = slicer.app.layoutManager()
    assert layouts.sliceViewNames() == ["Red", "Green", "Yellow"]
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    red = layouts.sliceWidget("Red")
    assert red.mrmlSliceCompositeNode().GetBackgroundVolumeID() == volume.GetID()
    assert red.sliceLogic().GetBackgroundLayer().GetVolumeNode() is volume
    layouts.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    assert layouts.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView
    slicer.util.resetThreeDViews()
    slicer.util.forceRenderAllViews()


def test_command(segmented, tmp_path, monkeypatch, capsys):
    volume, _node = segmented
    slicer.util.saveNode(volume, str(tmp_path / "ct.nii.gz"))
    monkeypatch.setattr(
        "slicer_stand_in.__main__.shut_down", lambda: close_module("TypedThreshold")
    )
    module = Path(__file__).parent / "modules" / "TypedThreshold.py"
    options = ["--screenshot", "panel.png", "--application", "all.png"]
    monkeypatch.chdir(tmp_path)
    assert main([str(module), *options, "--volume", "ct.nii.gz"]) == 0
    assert capsys.readouterr().out.split() == ["panel.png", "all.png"]
    whole = _pixels(tmp_path / "all.png")
    assert whole.shape == (900, 1400, 3)
    assert whole[:, 500:].std() > 40


def test_views_are_found_by_their_nodes(scene):
    layouts = slicer.app.layoutManager()
    red, three_d = layouts.sliceWidget("Red"), layouts.threeDWidget(0)
    assert layouts.viewWidget(red.mrmlSliceNode()) is red
    assert layouts.viewWidget(three_d.mrmlViewNode()) is three_d
    assert layouts.viewWidget(None) is None
    three_d.threeDView().resetCamera(True, False, True)
