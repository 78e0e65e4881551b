"""Segments become a label map on the scan's grid, wherever they lie."""

import numpy as np
import pytest
import slicer
from scene_volumes import GRIDS, add_volume, put_under_transform, rotation
from trainer_panel import AFFINE, SHAPE, add_segmentation, body

from mambamim.errors import BadInputError
from MambaMIMTrainerLib.LabelExport import labelSteps


def exported(segmentation, volume, values):
    *_steps, labels = labelSteps(segmentation, volume, values)
    return labels


@pytest.mark.parametrize("grid", GRIDS)
def test_labels_come_back_voxel_by_voxel(scene, grid):
    image, labels = body()
    volume = add_volume(image, GRIDS[grid])
    node = add_segmentation(volume, labels, {1: "liver", 2: "spleen"})
    found = exported(node, volume, {"liver": 7, "spleen": 3})
    np.testing.assert_array_equal(found, np.select([labels == 1, labels == 2], [7, 3]))


def test_segments_that_are_not_asked_for_are_background(scene):
    image, labels = body()
    volume = add_volume(image, AFFINE)
    node = add_segmentation(volume, labels, {1: "liver", 2: "spleen"})
    np.testing.assert_array_equal(exported(node, volume, {"spleen": 1}), labels == 2)


def test_two_segments_may_be_one_class(scene):
    image, labels = body()
    volume = add_volume(image, AFFINE)
    node = add_segmentation(volume, labels, {1: "liver", 2: "spleen"})
    np.testing.assert_array_equal(exported(node, volume, {"liver": 1, "spleen": 1}), labels > 0)


def test_one_painted_on_a_finer_grid_is_looked_up(scene):
    image, labels = body()
    volume = add_volume(image, AFFINE)
    finer = AFFINE @ np.diag([0.5, 0.5, 0.5, 1])
    finer[:3, 3] = (AFFINE @ [-0.25, -0.25, -0.25, 1])[:3]
    double = labels.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    other = add_volume(np.zeros(double.shape, np.int16), finer, "finer")
    node = add_segmentation(other, double, {1: "liver", 2: "spleen"})
    np.testing.assert_array_equal(exported(node, volume, {"liver": 1, "spleen": 2}), labels)


def test_transforms_above_both_count(scene):
    image, labels = body()
    volume = add_volume(image, AFFINE)
    node = add_segmentation(volume, labels, {1: "liver"})
    turn = rotation(30, (1, 1, 0), (5, 6, 7))
    put_under_transform(volume, turn)
    apart = exported(node, volume, {"liver": 1})
    assert (apart != (labels == 1)).any()
    put_under_transform(node, turn)
    np.testing.assert_array_equal(exported(node, volume, {"liver": 1}), labels == 1)


def test_a_segmentation_beside_the_scan_is_refused(scene):
    image, labels = body()
    volume = add_volume(image, AFFINE)
    node = add_segmentation(volume, labels, {1: "liver"})
    put_under_transform(node, rotation(0, shift=(900, 0, 0)))
    with pytest.raises(BadInputError, match="No voxel"):
        exported(node, volume, {"liver": 1})


def test_a_bent_scan_is_refused(scene):
    image, labels = body()
    volume = add_volume(image, AFFINE)
    node = add_segmentation(volume, labels, {1: "liver"})
    bent = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLGridTransformNode")
    node.SetAndObserveTransformNodeID(bent.GetID())
    with pytest.raises(BadInputError, match="bends"):
        exported(node, volume, {"liver": 1})


def test_nothing_is_changed(scene):
    image, labels = body()
    volume = add_volume(image, AFFINE)
    node = add_segmentation(volume, labels, {1: "liver"})
    before = node.GetSegmentation().GetSegment("liver").GetRepresentation("Binary labelmap")
    stamp = before.GetMTime()
    exported(node, volume, {"liver": 1})
    assert before.GetMTime() == stamp
    assert slicer.util.arrayFromVolume(volume).T.shape == SHAPE
