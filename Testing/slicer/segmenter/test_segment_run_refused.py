"""What a run refuses before the worker hears of it, and which odd volumes it takes."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import slicer
import vtk
from segment_runs import Heard, full
from segmenter_scene import SHAPE, addVolume, model, wait

from MambaMIMSegmenterLib.SegmentOptions import SegmentOptions
from MambaMIMSegmenterLib.SegmentRun import SegmentRun


def test_model_file_deleted(start, worker, tmp_path, folder):
    _, heard = start(addVolume())
    (tmp_path / "abdomen-test.safetensors").unlink()
    wait(lambda: heard.ended)
    assert "not there any more" in heard.failure.message
    assert heard.failure.hint
    assert worker.jobs == []
    assert not folder.exists()


def test_no_structure_selected(start, worker):
    _, heard = start(addVolume(), organs=())
    wait(lambda: heard.ended)
    assert heard.failure.message == "No structure is selected."


def test_no_volume_selected(start):
    _, heard = start(None)
    wait(lambda: heard.ended)
    assert heard.failure.message == "No volume is selected."
    assert "sample CT" in heard.failure.hint


def test_disk_full(start, worker, folder, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda place: SimpleNamespace(free=10))
    _, heard = start(addVolume())
    wait(lambda: heard.ended)
    assert "disk is full" in heard.failure.message
    assert not folder.exists()


def test_no_folder_for_temporary_files(scene, worker, tmp_path, monkeypatch):
    blocked = tmp_path / "a file"
    blocked.write_text("", encoding="utf-8")
    monkeypatch.setattr(
        "MambaMIMSegmenterLib.RunFolder.temporaryPath", lambda: Path(blocked), raising=True
    )
    run = SegmentRun(worker, addVolume(), SegmentOptions(model(tmp_path)))
    heard = Heard(run)
    wait(lambda: heard.ended)
    assert "temporary files" in heard.failure.message


def test_a_flat_and_a_coloured_volume_are_refused(start):
    flat, heard = start(addVolume(shape=(12, 10, 1)))
    wait(lambda: heard.ended)
    assert "single slice" in heard.failure.message
    image = vtk.vtkImageData()
    image.SetDimensions(*SHAPE)
    image.AllocateScalars(vtk.VTK_SHORT, 4)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "Four")
    node.SetAndObserveImageData(image)
    _, heard = start(node)
    wait(lambda: heard.ended)
    assert "4 values" in heard.failure.message
    assert flat.active is False


def test_a_bending_transform_is_refused_and_a_straight_one_is_not(start, worker, folder):
    volume = addVolume()
    bent = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLBSplineTransformNode")
    spline = slicer.vtkOrientedBSplineTransform()
    grid = vtk.vtkImageData()
    grid.SetDimensions(5, 5, 5)
    grid.AllocateScalars(vtk.VTK_DOUBLE, 3)
    spline.SetCoefficientData(grid)
    bent.SetAndObserveTransformToParent(spline)
    volume.SetAndObserveTransformNodeID(bent.GetID())
    _, heard = start(volume)
    wait(lambda: heard.ended)
    assert "bends" in heard.failure.message
    moved = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 100)
    moved.SetMatrixTransformToParent(matrix)
    volume.SetAndObserveTransformNodeID(moved.GetID())
    run, heard = start(volume)
    full(run, heard, worker, folder)
    assert worker.asked[0][1]["affine"][0] == [2, 0, 0, 90]
    assert heard.outcome.node.GetTransformNodeID() == moved.GetID()


def test_oblique_and_without_a_display_node(start, worker, folder):
    volume = addVolume(display=False)
    turn = vtk.vtkMatrix4x4()
    angle = np.radians(20)
    turn.SetElement(0, 0, 2 * np.cos(angle))
    turn.SetElement(0, 1, -2 * np.sin(angle))
    turn.SetElement(1, 0, 2 * np.sin(angle))
    turn.SetElement(1, 1, 2 * np.cos(angle))
    volume.SetIJKToRASMatrix(turn)
    run, heard = start(volume)
    full(run, heard, worker, folder)
    assert worker.asked[0][1]["affine"][0][1] == pytest.approx(-2 * np.sin(angle))
    image = (
        heard.outcome.node.GetSegmentation().GetNthSegment(0).GetRepresentation("Binary labelmap")
    )
    found = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(found)
    assert found.GetElement(1, 0) == pytest.approx(2 * np.sin(angle))
