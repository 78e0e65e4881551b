"""The volumes of a reconstruction: where they lie, what they are called, what a second run does."""

import numpy as np
import pytest
import slicer
import vtk
from reconstruction_files import HIGH, LOW, by_role, write_volumes
from segmenter_scene import SHAPE, addVolume

from mambamim.errors import BadInputError
from MambaMIMSegmenterLib.ReconstructionColors import colorBar, errorColorNode
from MambaMIMSegmenterLib.ReconstructionResult import ROLES, ReconstructionResult, niceTop

FACTS = {"Ratio": 0.75, "PSNR": 20.0, "Window": [-175.0, 250.0], "Model": "mim"}


def show(volume, folder, facts=None, **more):
    facts = {**FACTS, **(facts or {})}
    paths = write_volumes(folder, round(100 * facts["Ratio"]), **more)
    made = ReconstructionResult(volume)
    list(made.showSteps(by_role(paths), facts, "HU"))
    return made


def hierarchy():
    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)


def parentOf(node):
    return hierarchy().GetItemParent(hierarchy().GetItemByDataNode(node))


def oblique(volume):
    matrix = vtk.vtkMatrix4x4()
    turn = vtk.vtkTransform()
    turn.Translate(5, -7, 11)
    turn.RotateWXYZ(33, 1, 2, 3)
    turn.Scale(2, 2, 3)
    matrix.DeepCopy(turn.GetMatrix())
    volume.SetIJKToRASMatrix(matrix)


def same(first, second):
    return all(
        abs(first.GetElement(r, c) - second.GetElement(r, c)) < 1e-9
        for r in range(4)
        for c in range(4)
    )


def test_the_volumes_lie_in_a_folder_beside_the_scan(scene, tmp_path):
    volume = addVolume("CT")
    study = hierarchy().CreateStudyItem(hierarchy().GetSceneItemID(), "Study")
    hierarchy().SetItemParent(hierarchy().GetItemByDataNode(volume), study)
    nodes = show(volume, tmp_path).nodes
    assert [nodes[role].GetName() for role in ROLES] == [
        "CT masked 75 %",
        "CT reconstruction 75 %",
        "CT error 75 %",
        "CT mask 75 %",
    ]
    folder = parentOf(nodes["masked"])
    assert {parentOf(node) for node in nodes.values()} == {folder}
    assert hierarchy().GetItemName(folder) == "CT reconstruction"
    assert hierarchy().GetItemParent(folder) == study
    assert parentOf(volume) == study


def test_they_lie_on_the_voxels_of_an_oblique_volume_under_a_transform(scene, tmp_path):
    volume = addVolume("CT")
    oblique(volume)
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    volume.SetAndObserveTransformNodeID(transform.GetID())
    nodes = show(volume, tmp_path).nodes
    paths = by_role(write_volumes(tmp_path / "again"))
    wanted, found = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(wanted)
    for role, node in nodes.items():
        node.GetIJKToRASMatrix(found)
        assert same(wanted, found)
        assert node.GetTransformNodeID() == transform.GetID()
        array, given = slicer.util.arrayFromVolume(node).T, np.load(paths[role])
        assert array.dtype == given.dtype
        assert np.array_equal(array, given == 0 if role == "mask" else given)


def test_grey_values_are_comparable_and_errors_are_coloured(scene, tmp_path):
    volume = addVolume("CT")
    nodes = show(volume, tmp_path).nodes
    for role in ("masked", "reconstruction"):
        display = nodes[role].GetDisplayNode()
        assert not display.GetAutoWindowLevel()
        assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (LOW, HIGH)
    display = nodes["error"].GetDisplayNode()
    assert display.GetColorNode() is errorColorNode()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (0, 160)
    table = nodes["mask"].GetDisplayNode().GetColorNode().GetLookupTable()
    assert table.GetTableValue(0)[3] == 0
    assert table.GetTableValue(1)[3] == 1
    legend = colorBar(nodes["error"])
    assert legend.GetTitleText() == "Error [HU]"
    assert legend.GetVisibility()
    assert colorBar(nodes["masked"]) is None


def test_a_window_that_the_user_has_chosen_is_taken(scene, tmp_path):
    volume = addVolume("CT")
    volume.GetDisplayNode().SetAutoWindowLevel(False)
    volume.GetDisplayNode().SetWindowLevel(400, 40)
    nodes = show(volume, tmp_path).nodes
    display = nodes["reconstruction"].GetDisplayNode()
    assert (display.GetWindow(), display.GetLevel()) == (400, 40)


def test_a_volume_without_a_display_node_will_do(scene, tmp_path):
    volume = addVolume("CT", display=False)
    assert show(volume, tmp_path).complete
    assert volume.GetDisplayNode() is None


def test_another_ratio_changes_the_same_nodes(scene, tmp_path):
    volume = addVolume("CT")
    before = show(volume, tmp_path / "first").nodes
    before["masked"].GetDisplayNode().SetWindowLevel(99, 9)
    count = scene.GetNumberOfNodes()
    after = show(volume, tmp_path / "second", {"Ratio": 0.3}, shift=50).nodes
    assert after == before
    assert scene.GetNumberOfNodes() == count
    assert after["error"].GetName() == "CT error 30 %"
    assert slicer.util.arrayFromVolume(after["error"]).max() == 70
    assert after["masked"].GetDisplayNode().GetWindow() == 99
    assert ReconstructionResult(volume).facts["Ratio"] == 0.3


def test_what_the_user_did_to_them_stays(scene, tmp_path):
    volume = addVolume("CT")
    nodes = show(volume, tmp_path / "first").nodes
    nodes["error"].SetName("Look here")
    mine = slicer.vtkSlicerVolumesLogic.CloneVolume(scene, nodes["reconstruction"], "Kept")
    place = hierarchy().CreateFolderItem(hierarchy().GetSceneItemID(), "Mine")
    hierarchy().SetItemParent(hierarchy().GetItemByDataNode(nodes["masked"]), place)
    scene.RemoveNode(nodes["reconstruction"])
    kept = slicer.util.arrayFromVolume(mine).copy()
    again = show(volume, tmp_path / "second", {"Ratio": 0.5}, shift=30).nodes
    assert again["error"].GetName() == "Look here"
    assert np.array_equal(slicer.util.arrayFromVolume(mine), kept)
    assert again["reconstruction"] is not mine
    assert parentOf(again["masked"]) == place


def test_a_deleted_volume_is_made_anew(scene, tmp_path):
    volume = addVolume("CT")
    made = show(volume, tmp_path / "first")
    scene.RemoveNode(made.nodes["masked"])
    made.find()
    assert not made.complete
    again = show(volume, tmp_path / "second")
    assert again.complete
    assert again.nodes["error"] is made.nodes["error"]
    assert parentOf(again.nodes["masked"]) == parentOf(made.nodes["error"])


def test_they_are_found_again(scene, tmp_path):
    volume = addVolume("CT")
    other = addVolume("Other")
    show(volume, tmp_path)
    found = ReconstructionResult(volume)
    assert found.complete
    assert found.facts == FACTS
    assert ReconstructionResult(other).nodes == {}


def test_they_are_found_again_in_a_scene_from_a_file(scene, tmp_path):
    show(addVolume("CT"), tmp_path)
    scene.Commit(str(tmp_path / "all.mrml"))
    scene.Clear(False)
    addVolume("Mine")  # takes the first number
    scene.SetURL(str(tmp_path / "all.mrml"))
    scene.Import()
    found = ReconstructionResult(slicer.util.getNode("CT"))
    assert found.complete
    assert found.facts["PSNR"] == 20.0


def test_the_scan_is_not_changed(scene, tmp_path):
    volume = addVolume("CT")
    before = slicer.util.arrayFromVolume(volume).copy()
    time, display = volume.GetMTime(), volume.GetDisplayNode().GetMTime()
    show(volume, tmp_path)
    assert np.array_equal(slicer.util.arrayFromVolume(volume), before)
    assert (volume.GetMTime(), volume.GetDisplayNode().GetMTime()) == (time, display)


@pytest.mark.parametrize("wrong", ["missing", "cut", "grid"])
def test_files_that_cannot_be_shown_leave_the_scene_as_it_was(scene, tmp_path, wrong):
    volume = addVolume("CT")
    count = scene.GetNumberOfNodes()
    paths = by_role(write_volumes(tmp_path))
    if wrong == "missing":
        (tmp_path / "error_75.npy").unlink()
    elif wrong == "cut":
        (tmp_path / "error_75.npy").write_bytes(b"\x93NUMPY")
    else:
        np.save(tmp_path / "error_75.npy", np.zeros((*SHAPE[:2], SHAPE[2] + 1), np.int16))
    with pytest.raises(BadInputError) as refused:
        list(ReconstructionResult(volume).showSteps(paths, FACTS, "HU"))
    assert refused.value.hint
    assert scene.GetNumberOfNodes() == count


def test_lightness_grows_evenly_along_the_colours(scene):
    table = errorColorNode().GetLookupTable()
    light = [lightness(*table.GetTableValue(index)[:3]) for index in range(256)]
    steps = np.diff(light[::15])  # single ones are those of 8-bit colours
    assert light[0] < 0.5
    assert light[-1] > 95
    assert (np.diff(light) > 0).all()
    assert steps.max() < 1.2 * steps.mean()


def lightness(*rgb):
    """CIELAB L of an sRGB colour."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    y = float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
    return 903.3 * y if y < 0.008856 else 116 * y ** (1 / 3) - 16


@pytest.mark.parametrize(
    ("value", "top"),
    [(170, 160), (212, 200), (1, 1), (0.05, 0.04), (4000, 4000), (9.9, 8), (0, 1)],
)
def test_the_bar_ends_at_a_round_number(value, top):
    assert niceTop(value) == pytest.approx(top)
