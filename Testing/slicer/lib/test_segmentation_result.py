import numpy as np
import pytest
import slicer
import vtk
from scene_volumes import GRIDS, add_volume, centre_of, put_under_transform, rotation

from mambamim.catalogue.terminology import Term, term
from mambamim.errors import BadInputError
from MambaMIMLib import LabelImage, Surfaces
from MambaMIMLib.SegmentationResult import SegmentationResult
from MambaMIMLib.VolumeExport import affineOf

_SHAPE = (14, 13, 12)
_LABELS = {1: "spleen", 2: "kidney_right", 3: "kidney_left", 300: "rib_left_7"}


def _label_map(*values, kind=np.uint8):
    labels = np.zeros(_SHAPE, kind)
    for number, value in enumerate(values):
        labels[2 + 3 * number : 4 + 3 * number, 3 : 5 + number, 4:7] = value
    return labels


def _written(tmp_path, labels, name="labels.npy", order="C"):
    path = tmp_path / name
    np.save(path, np.asarray(labels, order=order))
    return str(path)


def _show(result, path, coarse=False):
    *_, found = result.showSteps(path, coarse)
    return found


@pytest.fixture
def volume(scene):
    return add_volume(np.zeros(_SHAPE, np.int16), GRIDS["oblique"])


def _segments(node):
    segmentation = node.GetSegmentation()
    return {name: segmentation.GetSegment(name) for name in segmentation.GetSegmentIDs()}


def _shown(node, volume, name):
    return slicer.util.arrayFromSegmentBinaryLabelmap(node, name, volume).T.astype(bool)


def _world_centre(node, name):
    """The segment's centroid in the world, from its image and the transforms above the node."""
    image = slicer.vtkOrientedImageData()
    node.GetBinaryLabelmapRepresentation(name, image)
    to_world, parent = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(to_world)
    if node.GetParentTransformNode():
        node.GetParentTransformNode().GetMatrixTransformToWorld(parent)
    vtk.vtkMatrix4x4.Multiply4x4(parent, to_world, to_world)
    voxels = vtk.util.numpy_support.vtk_to_numpy(image.GetPointData().GetScalars())
    voxels = voxels.reshape(image.GetDimensions(), order="F") > 0
    centre = np.argwhere(voxels).mean(axis=0) + image.GetExtent()[::2]
    return np.array(to_world.MultiplyPoint([*centre, 1])[:3])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("grid", GRIDS)
def test_segments_lie_where_the_worker_found_them(scene, tmp_path, grid, order):
    volume = add_volume(np.zeros(_SHAPE, np.int16), GRIDS[grid])
    put_under_transform(volume, rotation(35, (2, 1, 0), (11, -7, 5)))
    labels = _label_map(1, 2)
    result = SegmentationResult(volume, _LABELS)
    found = _show(result, _written(tmp_path, labels, order=order))
    assert found == {1: 12, 2: 18}
    assert result.node.GetTransformNodeID() == volume.GetTransformNodeID()
    affine = affineOf(volume)
    for value, name in ((1, "spleen"), (2, "kidney_right")):
        expected = centre_of(affine, labels == value)
        np.testing.assert_allclose(_world_centre(result.node, name), expected, atol=1e-4)
        np.testing.assert_array_equal(_shown(result.node, volume, name), labels == value)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_label_map_is_read_in_short_steps(volume, tmp_path, monkeypatch, order):
    monkeypatch.setattr(LabelImage, "_STEP_VOXELS", 200)
    labels = np.random.default_rng(1).integers(0, 4, _SHAPE).astype(np.uint8)
    labels[:2], labels[-1], labels[:, 0], labels[:, :, -3:] = 0, 0, 0, 0
    result = SegmentationResult(volume, _LABELS)
    steps = list(result.showSteps(_written(tmp_path, labels, order=order), False))
    assert len(steps) > 20
    assert steps[:-1] == [None] * (len(steps) - 1)
    assert steps[-1] == {value: int((labels == value).sum()) for value in (1, 2, 3)}
    for value, name in ((1, "spleen"), (2, "kidney_right"), (3, "kidney_left")):
        np.testing.assert_array_equal(_shown(result.node, volume, name), labels == value)


def test_one_place_stored_in_turned_grids(scene, tmp_path):
    """A ball at one place in the world is found at that place, however the scan is stored."""
    place = np.array([-1.0, -2.5, 1.0])
    for grid, affine in GRIDS.items():
        indices = np.stack(np.indices(_SHAPE), axis=-1)
        points = indices @ affine[:3, :3].T + affine[:3, 3]
        labels = (np.linalg.norm(points - place, axis=-1) < 5).astype(np.uint8)
        result = SegmentationResult(add_volume(np.zeros(_SHAPE, np.int16), affine), _LABELS)
        _show(result, _written(tmp_path, labels, f"{grid}.npy"))
        assert np.linalg.norm(_world_centre(result.node, "spleen") - place) < 0.5  # mm


def test_segments_carry_names_colours_and_terms(volume, tmp_path):
    own = Term("kidney_left", "My kidney", (1, 2, 3), ("1", "a"), ("2", "b"))
    result = SegmentationResult(volume, _LABELS, {"kidney_left": own})
    _show(result, _written(tmp_path, _label_map(2, 3, 1)))
    segments = _segments(result.node)
    assert list(segments) == ["spleen", "kidney_right", "kidney_left"]
    names = [segment.GetName() for segment in segments.values()]
    assert names == ["Spleen", "Right kidney", "My kidney"]
    assert segments["kidney_right"].GetTerminology() == term("kidney_right").entry()
    assert segments["spleen"].GetColor() == pytest.approx((172 / 255, 120 / 255, 190 / 255))
    assert [segment.GetLabelValue() for segment in segments.values()] == [1, 2, 3]


def test_more_than_255_classes(volume, tmp_path):
    result = SegmentationResult(volume, _LABELS)
    labels = _label_map(300, 77, kind=np.uint16)
    assert _show(result, _written(tmp_path, labels)) == {77: 18, 300: 12}
    assert [segment.GetName() for segment in _segments(result.node).values()] == [
        "77",
        "Left rib 7",
    ]
    np.testing.assert_array_equal(_shown(result.node, volume, "rib_left_7"), labels == 300)


def test_the_node_is_a_segmentation_of_the_volume(scene, volume, tmp_path):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Doe")
    study = hierarchy.CreateStudyItem(patient, "CT abdomen")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), study)
    result = SegmentationResult(volume, _LABELS)
    _show(result, _written(tmp_path, _label_map(1)))
    node = result.node
    assert node.GetName() == "A Patient's CT segmentation"
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == study
    assert node.GetDisplayNode() is not None
    role = node.GetReferenceImageGeometryReferenceRole()
    assert node.GetNodeReferenceID(role) == volume.GetID()
    written = node.GetSegmentation().GetConversionParameter(
        slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName()
    )
    geometry = slicer.vtkOrientedImageData()
    slicer.vtkSegmentationConverter.DeserializeImageGeometry(written, geometry, False)
    assert geometry.GetDimensions() == _SHAPE
    to_world = vtk.vtkMatrix4x4()
    geometry.GetImageToWorldMatrix(to_world)
    numbers = [[to_world.GetElement(i, j) for j in range(4)] for i in range(4)]
    np.testing.assert_allclose(numbers, GRIDS["oblique"], atol=1e-4)
    assert node.GetSegmentation().GetSourceRepresentationName() == "Binary labelmap"


def test_how_it_came_to_be_is_recorded(volume, tmp_path):
    result = SegmentationResult(volume, _LABELS)
    _show(result, _written(tmp_path, _label_map(1)))
    result.record({"Model": "abdomen-small", "Seconds": 41.5, "Organs": ["spleen"]})
    node = result.node
    assert node.GetAttribute("MambaMIM.Model") == "abdomen-small"
    assert node.GetAttribute("MambaMIM.Seconds") == "41.5"
    assert node.GetAttribute("MambaMIM.Organs") == '["spleen"]'


def test_the_full_result_replaces_the_coarse_one_in_place(volume, tmp_path):
    result = SegmentationResult(volume, _LABELS)
    _show(result, _written(tmp_path, _label_map(1, 2), "coarse.npy"), coarse=True)
    node = result.node
    assert node.GetName() == "A Patient's CT segmentation (coarse)"
    _segments(node)["spleen"].SetColor(0, 0, 1)
    _segments(node)["spleen"].SetName("Milz")
    node.GetDisplayNode().SetSegmentVisibility("spleen", False)
    full = _label_map(1, 3)
    _show(result, _written(tmp_path, full))
    assert result.node is node
    assert node.GetName() == "A Patient's CT segmentation"
    assert list(_segments(node)) == ["spleen", "kidney_left"]
    spleen = _segments(node)["spleen"]
    assert (spleen.GetColor(), spleen.GetName()) == ((0, 0, 1), "Milz")
    assert not node.GetDisplayNode().GetSegmentVisibility("spleen")
    for value, name in ((1, "spleen"), (3, "kidney_left")):
        np.testing.assert_array_equal(_shown(node, volume, name), full == value)


def _edit(node, volume, name):
    """What the Segment Editor's brush does: it writes into the shared label map."""
    voxels = slicer.util.arrayFromSegmentInternalBinaryLabelmap(node, name)
    voxels[0, 0, 0] = 1
    slicer.util.arrayFromSegmentInternalBinaryLabelmap(node, name)
    image = node.GetSegmentation().GetSegment(name).GetRepresentation("Binary labelmap")
    image.Modified()


@pytest.mark.parametrize("how", ["brush", "new segment", "removed segment", "own label map"])
def test_what_the_user_edits_is_never_overwritten(volume, tmp_path, how):
    result = SegmentationResult(volume, _LABELS)
    _show(result, _written(tmp_path, _label_map(1, 2), "coarse.npy"), coarse=True)
    node = result.node
    assert not result.edited()
    if how == "brush":
        _edit(node, volume, "spleen")
    elif how == "new segment":
        node.GetSegmentation().AddEmptySegment("lesion")
    elif how == "removed segment":
        node.GetSegmentation().RemoveSegment("kidney_right")
    else:
        node.GetSegmentation().SeparateSegmentLabelmap("spleen")
    kept = {name: _shown(node, volume, name) for name in _segments(node)}
    assert result.edited()
    _show(result, _written(tmp_path, _label_map(1, 3)))
    assert result.node is not node
    assert list(_segments(result.node)) == ["spleen", "kidney_left"]
    assert list(_segments(node)) == list(kept)
    for name, voxels in kept.items():
        np.testing.assert_array_equal(_shown(node, volume, name), voxels)
    result.discard()
    assert slicer.mrmlScene.IsNodePresent(node)


def test_looking_is_no_edit(volume, tmp_path):
    result = SegmentationResult(volume, _LABELS)
    _show(result, _written(tmp_path, _label_map(1, 2)))
    node = result.node
    node.CreateClosedSurfaceRepresentation()
    node.GetDisplayNode().SetSegmentOpacity2DFill("spleen", 0.2)
    node.SetName("Mine")
    _shown(node, volume, "spleen")
    assert not result.edited()
    result.discard()
    assert not slicer.mrmlScene.IsNodePresent(node)


def test_other_segmentations_are_left_alone(scene, volume, tmp_path):
    users = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "A Patient's CT segmentation")
    users.GetSegmentation().AddEmptySegment("spleen", "mine")
    for number in range(2):
        _show(SegmentationResult(volume, _LABELS), _written(tmp_path, _label_map(1)))
        assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == number + 2
    assert [segment.GetName() for segment in _segments(users).values()] == ["mine"]
    names = {node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")}
    assert len(names) == 3


def test_a_node_that_the_user_deleted_comes_anew(scene, volume, tmp_path):
    result = SegmentationResult(volume, _LABELS)
    _show(result, _written(tmp_path, _label_map(1), "coarse.npy"), coarse=True)
    scene.RemoveNode(result.node)
    _show(result, _written(tmp_path, _label_map(2)))
    assert scene.IsNodePresent(result.node)
    assert list(_segments(result.node)) == ["kidney_right"]


def test_nothing_found_leaves_nothing(scene, volume, tmp_path):
    result = SegmentationResult(volume, _LABELS)
    assert _show(result, _written(tmp_path, _label_map())) == {}
    assert result.node is None
    _show(result, _written(tmp_path, _label_map(1), "coarse.npy"), coarse=True)
    assert _show(result, _written(tmp_path, _label_map())) == {}
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


def test_surfaces_are_made_on_request_and_follow_the_full_result(volume, tmp_path):
    result = SegmentationResult(volume, _LABELS)
    _show(result, _written(tmp_path, _label_map(1), "coarse.npy"), coarse=True)
    segmentation = result.node.GetSegmentation()
    assert not segmentation.ContainsRepresentation("Closed surface")
    result.node.CreateClosedSurfaceRepresentation()
    _show(result, _written(tmp_path, np.roll(_label_map(1), 4, axis=0)))
    surface = _segments(result.node)["spleen"].GetRepresentation("Closed surface")
    centre = vtk.vtkCenterOfMass()
    centre.SetInputData(surface)
    centre.Update()
    expected = centre_of(GRIDS["oblique"], np.roll(_label_map(1), 4, axis=0) == 1)
    np.testing.assert_allclose(centre.GetCenter(), expected, atol=0.1)
    assert not result.edited()


def test_slicer_makes_no_surface_while_the_full_result_comes(volume, tmp_path):
    """Its own conversion makes all in one go, and nothing moves meanwhile."""
    result = SegmentationResult(volume, _LABELS)
    _show(result, _written(tmp_path, _label_map(1, 2), "coarse.npy"), coarse=True)
    list(Surfaces.show3DSteps(result.node))
    counts = [2]
    for _step in result.showSteps(_written(tmp_path, _label_map(1, 2, 3)), False):
        segments = _segments(result.node).values()
        counts.append(sum(s.GetRepresentation("Closed surface") is not None for s in segments))
        if counts[-1] == 0 and len(segments) == 3:
            counts = [0]  # all segments are there, and Slicer has not made their surfaces
    assert counts[0] == 0
    assert sorted(set(counts)) == [0, 1, 2, 3]


def test_the_volume_changes_in_mid_job(volume, tmp_path):
    result = SegmentationResult(volume, _LABELS)
    assert not result.volumeChanged
    volume.SetName("Renamed")
    volume.CreateDefaultDisplayNodes()
    assert not result.volumeChanged
    slicer.util.updateVolumeFromArray(volume, np.ones((3, 4, 5), np.int16))
    volume.SetIJKToRASMatrix(vtk.vtkMatrix4x4())
    assert result.volumeChanged
    labels = _label_map(1)
    _show(result, _written(tmp_path, labels))
    expected = centre_of(GRIDS["oblique"], labels == 1)
    np.testing.assert_allclose(_world_centre(result.node, "spleen"), expected, atol=1e-4)


def test_voxels_that_are_written_in_mid_job_are_a_change(volume):
    result = SegmentationResult(volume, _LABELS)
    slicer.util.arrayFromVolume(volume)[0, 0, 0] = 7
    slicer.util.arrayFromVolumeModified(volume)
    assert result.volumeChanged


@pytest.mark.parametrize("moved", [False, True], ids=["untransformed", "under a transform"])
def test_the_volume_goes_in_mid_job(scene, volume, tmp_path, moved):
    if moved:
        put_under_transform(volume, rotation(30, shift=(5, 0, 9)))
    affine = np.array(affineOf(volume))
    result = SegmentationResult(volume, _LABELS)
    scene.RemoveNode(volume)
    assert result.volumeChanged
    _show(result, _written(tmp_path, _label_map(1)))
    expected = centre_of(affine, _label_map(1) == 1)
    np.testing.assert_allclose(_world_centre(result.node, "spleen"), expected, atol=1e-4)


@pytest.mark.parametrize(
    "fault", ["gone", "cut short", "no array", "other size", "signed", "empty"]
)
def test_a_file_that_cannot_be_used_is_told(scene, volume, tmp_path, fault):
    path = tmp_path / "labels.npy"
    if fault == "cut short":
        _written(tmp_path, _label_map(1))
        path.write_bytes(path.read_bytes()[:-100])
    elif fault == "no array":
        path.write_bytes(b"no array")
    elif fault == "empty":
        path.write_bytes(b"")
    elif fault == "other size":
        _written(tmp_path, _label_map(1)[:-1])
    elif fault == "signed":
        _written(tmp_path, _label_map(1).astype(np.int16))
    result = SegmentationResult(volume, _LABELS)
    with pytest.raises(BadInputError, match="result of the worker") as told:
        _show(result, str(path))
    assert told.value.hint
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
