import threading

import numpy as np
import pytest
import slicer
import vtk
from scene_volumes import GRIDS, add_volume, centre_of
from vtkmodules.util.numpy_support import vtk_to_numpy

from MambaMIMLib import Surfaces
from MambaMIMLib.SegmentationResult import SegmentationResult

_SHAPE = (40, 42, 44)


def _balls():
    labels = np.zeros(_SHAPE, np.uint8)
    points = np.stack(np.indices(_SHAPE), axis=-1)
    labels[np.linalg.norm(points - (12, 20, 22), axis=-1) < 9] = 1
    labels[np.linalg.norm(points - (29, 20, 22), axis=-1) < 8] = 2
    labels[0, 20, 20] = 3  # at the edge
    return labels


def _segmentation(tmp_path, affine):
    volume = add_volume(np.zeros(_SHAPE, np.int16), affine)
    np.save(tmp_path / "labels.npy", _balls())
    result = SegmentationResult(volume, {1: "spleen", 2: "liver", 3: "heart"})
    for _step in result.showSteps(str(tmp_path / "labels.npy"), False):
        pass
    return result


def _surface(node, name):
    return node.GetSegmentation().GetSegment(name).GetRepresentation("Closed surface")


@pytest.mark.parametrize("grid", GRIDS)
def test_surfaces_enclose_the_voxels_and_look_outwards(scene, tmp_path, grid):
    result = _segmentation(tmp_path, GRIDS[grid])
    list(Surfaces.show3DSteps(result.node))
    voxel = abs(np.linalg.det(GRIDS[grid][:3, :3]))
    for value, name in ((1, "spleen"), (2, "liver")):
        surface = _surface(result.node, name)
        size = vtk.vtkMassProperties()
        triangles = vtk.vtkTriangleFilter()
        triangles.SetInputData(surface)
        size.SetInputConnection(triangles.GetOutputPort())
        size.Update()
        assert size.GetVolume() == pytest.approx((_balls() == value).sum() * voxel, rel=0.03)
        points = vtk_to_numpy(surface.GetPoints().GetData())
        centre = centre_of(GRIDS[grid], _balls() == value)
        np.testing.assert_allclose(points.mean(axis=0), centre, atol=0.1)
        normals = vtk_to_numpy(surface.GetPointData().GetNormals())
        assert ((points - centre) * normals).sum(axis=1).min() > 0
    assert _surface(result.node, "heart").GetNumberOfPoints() > 0
    assert not result.edited()


def test_slicer_finds_the_work_done(scene, tmp_path):
    node = _segmentation(tmp_path, GRIDS["RAS"]).node
    list(Surfaces.show3DSteps(node))
    surface = _surface(node, "spleen")
    node.CreateClosedSurfaceRepresentation()
    assert _surface(node, "spleen") is surface
    display = node.GetDisplayNode()
    assert display.GetPreferredDisplayRepresentationName3D() == "Closed surface"
    assert display.GetVisibility3D()


def test_the_surface_is_that_of_slicers_own_conversion(scene, tmp_path):
    node = _segmentation(tmp_path, GRIDS["oblique"]).node
    node.CreateClosedSurfaceRepresentation()
    theirs = vtk.vtkPolyData()
    theirs.DeepCopy(_surface(node, "spleen"))
    node.GetSegmentation().RemoveRepresentation("Closed surface")
    list(Surfaces.show3DSteps(node))
    distance = vtk.vtkDistancePolyDataFilter()
    distance.SetInputData(0, _surface(node, "spleen"))
    distance.SetInputData(1, theirs)
    distance.SignedDistanceOff()
    distance.Update()
    far = vtk_to_numpy(distance.GetOutput().GetPointData().GetScalars())
    assert far.max() < 0.2  # mm, voxels have 1.5


@pytest.mark.parametrize("preferred", ["", "Closed surface"])
def test_they_are_added_one_by_one_and_slicer_makes_none_itself(scene, tmp_path, preferred):
    node = _segmentation(tmp_path, GRIDS["RAS"]).node
    node.GetDisplayNode().SetPreferredDisplayRepresentationName3D(preferred)
    names = ("spleen", "liver", "heart")
    before = 0
    for _step in Surfaces.show3DSteps(node):
        there = sum(_surface(node, name) is not None for name in names)
        assert there - before in (0, 1)
        before = there
    assert before == len(names)


def test_voxels_that_are_edited_while_surfaces_are_added(scene, tmp_path):
    node = _segmentation(tmp_path, GRIDS["RAS"]).node
    steps = Surfaces.show3DSteps(node)
    while _surface(node, "spleen") is None:
        next(steps)
    node.GetSegmentation().GetSegment("liver").GetRepresentation("Binary labelmap").Modified()
    list(steps)
    assert [_surface(node, name) for name in ("spleen", "liver", "heart")] == [None] * 3


def test_voxels_that_are_edited_meanwhile_get_no_surface_of_before(scene, tmp_path):
    node = _segmentation(tmp_path, GRIDS["RAS"]).node
    steps = Surfaces.show3DSteps(node)
    next(steps)
    node.GetSegmentation().GetSegment("liver").GetRepresentation("Binary labelmap").Modified()
    list(steps)
    assert not node.GetSegmentation().ContainsRepresentation("Closed surface")


def test_a_node_that_goes_meanwhile(scene, tmp_path):
    node = _segmentation(tmp_path, GRIDS["RAS"]).node
    steps = Surfaces.show3DSteps(node)
    next(steps)
    scene.RemoveNode(node)
    list(steps)


def test_an_empty_segment_gets_an_empty_surface(scene):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.GetSegmentation().AddEmptySegment("nothing")
    list(Surfaces.show3DSteps(node))
    assert _surface(node, "nothing").GetNumberOfPoints() == 0


def test_the_work_is_not_done_in_the_applications_thread(scene, tmp_path, monkeypatch):
    node = _segmentation(tmp_path, GRIDS["RAS"]).node
    threads = set()
    smoothed = Surfaces._smoothed

    def watched(*values):
        threads.add(threading.current_thread())
        return smoothed(*values)

    monkeypatch.setattr(Surfaces, "_smoothed", watched)
    list(Surfaces.show3DSteps(node))
    assert threads
    assert threading.main_thread() not in threads


def test_an_error_in_the_thread_comes_out(scene, tmp_path, monkeypatch):
    node = _segmentation(tmp_path, GRIDS["RAS"]).node

    def broken(*_):
        raise MemoryError

    monkeypatch.setattr(Surfaces, "_smoothed", broken)
    with pytest.raises(MemoryError):
        list(Surfaces.show3DSteps(node))
    assert slicer.mrmlScene.IsNodePresent(node)
