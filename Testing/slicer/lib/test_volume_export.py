import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import slicer
import vtk
from scene_volumes import GRIDS, add_volume, put_under_transform, rotation

from mambamim.errors import BadInputError
from MambaMIMLib import VolumeExport
from MambaMIMLib.VolumeExport import affineOf, checkVolume, exportSteps, exportVolume

_SHAPE = (7, 6, 5)


@pytest.fixture
def voxels():
    return np.random.default_rng(3).integers(-1000, 1000, _SHAPE).astype(np.int16)


def _refusal(node):
    with pytest.raises(BadInputError) as refused:
        checkVolume(node)
    assert refused.value.hint
    return refused.value.message


@pytest.mark.parametrize("kind", [np.int16, np.float32, np.uint8, np.float64, np.int32])
def test_voxels_arrive_as_they_are(scene, tmp_path, voxels, kind):
    files = exportVolume(add_volume(voxels.astype(kind)), tmp_path)
    got = np.load(files.array, mmap_mode="r")
    assert (got.dtype, got.shape) == (kind, _SHAPE)
    np.testing.assert_array_equal(got, voxels.astype(kind))


@pytest.mark.parametrize("grid", GRIDS)
def test_every_voxel_lies_where_slicer_shows_it(scene, tmp_path, voxels, grid):
    node = add_volume(voxels, GRIDS[grid])
    outer = put_under_transform(node, rotation(-40, (0, 1, 1), (3, 4, 5)))
    put_under_transform(node, rotation(70, (1, 0, 0), (10, -20, 30)), outer)
    files = exportVolume(node, tmp_path)
    for index in np.ndindex(2, 2, 2):
        corner = np.multiply(index, np.subtract(_SHAPE, 1))
        local = vtk.vtkMatrix4x4()
        node.GetIJKToRASMatrix(local)
        world = [0.0] * 3
        node.TransformPointToWorld(local.MultiplyPoint([*corner, 1])[:3], world)
        np.testing.assert_allclose((files.affine @ np.array([*corner, 1]))[:3], world, atol=1e-6)


def test_a_volume_without_a_display_node(scene, tmp_path, voxels):
    node = add_volume(voxels)
    node.SetAndObserveDisplayNodeID(None)
    np.testing.assert_array_equal(np.load(exportVolume(node, tmp_path).array), voxels)
    assert node.GetDisplayNode() is None


def test_the_volume_may_go_while_it_is_written(scene, tmp_path, voxels, monkeypatch):
    monkeypatch.setattr(VolumeExport, "_STEP_BYTES", 50)
    node = add_volume(voxels)
    before = node.GetMTime()
    steps = exportSteps(node, tmp_path)
    assert next(steps) is None
    assert node.GetMTime() == before
    scene.RemoveNode(node)
    del node
    *_, files = steps
    np.testing.assert_array_equal(np.load(files.array), voxels)


def test_no_volume(scene):
    assert _refusal(None) == "No volume is selected."
    empty = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    assert _refusal(empty) == "The selected volume has no voxels."


def test_a_slice_is_refused(scene, voxels):
    assert _refusal(add_volume(voxels[:, :, :1])) == "The selected volume is a single slice."
    assert _refusal(add_volume(voxels[:1])) == "The selected volume is a single slice."


@pytest.mark.parametrize(
    ("kind", "count"), [("vtkMRMLVectorVolumeNode", 3), ("vtkMRMLMultiVolumeNode", 8)]
)
def test_colour_and_4d_are_refused(scene, kind, count):
    node = slicer.mrmlScene.AddNewNodeByClass(kind)
    if node is None:  # a class of an extension that is not here: what matters is its image
        node = scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode")
    image = vtk.vtkImageData()
    image.SetDimensions(*_SHAPE)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, count)
    node.SetAndObserveImageData(image)
    message = _refusal(node)
    assert f"has {count} values in each voxel" in message
    assert "colour" in message
    assert "4D" in message


def test_a_label_map_is_refused(scene, voxels):
    node = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    slicer.util.updateVolumeFromArray(node, np.zeros(_SHAPE, np.uint8))
    assert _refusal(node) == "The selected volume is a label map."


def test_a_transform_that_bends_is_refused(scene, voxels):
    node = add_volume(voxels)
    bending = scene.AddNewNodeByClass("vtkMRMLTransformNode")
    splines = vtk.vtkThinPlateSplineTransform()
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for x, y, z in ((0, 0, 0), (9, 0, 0), (0, 9, 0), (0, 0, 9), (9, 9, 9)):
        source.InsertNextPoint(x, y, z)
        target.InsertNextPoint(x, y + x * x / 10, z)
    splines.SetSourceLandmarks(source)
    splines.SetTargetLandmarks(target)
    splines.SetBasisToR()
    bending.SetAndObserveTransformToParent(splines)
    put_under_transform(node, rotation(10), bending)
    assert _refusal(node) == "The selected volume is under a transform that bends it."


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told(scene, tmp_path, voxels):
    (tmp_path / "volume.npy").symlink_to("/dev/full")
    big = np.repeat(voxels, 2000, axis=0)  # more than what Python keeps before it writes
    with pytest.raises(BadInputError, match="The disk is full: the scan needs 1 MB") as told:
        exportVolume(add_volume(big), tmp_path)
    assert "Free some space" in told.value.hint
    assert not list(tmp_path.iterdir())


def test_too_little_room_is_told_before_anything_is_written(scene, tmp_path, voxels, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 99, 1))
    with pytest.raises(BadInputError, match="disk is full"):
        exportVolume(add_volume(voxels), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_gone_is_told(scene, tmp_path, voxels):
    with pytest.raises(BadInputError, match="folder for temporary files cannot be used") as told:
        exportVolume(add_volume(voxels), tmp_path / "gone")
    assert "Temporary directory" in told.value.hint


def test_the_affine_is_the_volumes_own_without_transforms(scene, voxels):
    node = add_volume(voxels, GRIDS["oblique"])
    np.testing.assert_allclose(affineOf(node), GRIDS["oblique"], atol=1e-6)
