"""A volume goes out of the scene and labels come back into it, with no torch and no worker."""

import tempfile
import unittest
from pathlib import Path

import numpy as np
import slicer
import vtk

_LABELS = {1: "spleen", 5: "liver"}


class MambaMIMSegmenterSceneTest(unittest.TestCase):
    def setUp(self):
        slicer.mrmlScene.Clear(False)
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.voxels = np.arange(6 * 5 * 4, dtype=np.int16).reshape(6, 5, 4)  # K, J, I
        self.volume = slicer.util.addVolumeFromArray(self.voxels, obliqueMatrix())
        self.volume.SetName("Scan")

    def test_voxels_and_their_places_reach_the_worker(self):
        from MambaMIMLib.VolumeExport import exportVolume

        files = exportVolume(self.volume, self.folder.name)
        np.testing.assert_array_equal(np.load(files.array), self.voxels.T)
        np.testing.assert_allclose(files.affine, slicer.util.arrayFromVTKMatrix(obliqueMatrix()))

    def test_a_transform_above_the_volume_counts(self):
        from MambaMIMLib.VolumeExport import affineOf

        shift = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        matrix = np.eye(4)
        matrix[:3, 3] = 10, 20, 30
        shift.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
        self.volume.SetAndObserveTransformNodeID(shift.GetID())
        expected = matrix @ slicer.util.arrayFromVTKMatrix(obliqueMatrix())
        np.testing.assert_allclose(affineOf(self.volume), expected)

    def test_labels_become_segments_on_the_grid_of_the_volume(self):
        from mambamim.catalogue.terminology import term

        labels = np.zeros(self.voxels.T.shape, np.uint8)  # I, J, K
        labels[0, 1:3, 2], labels[3, 4, 5] = 1, 5
        node = self.shown(labels)
        segmentation = node.GetSegmentation()
        names = [segmentation.GetNthSegment(n).GetName() for n in range(2)]
        self.assertEqual(names, [term("spleen").title, term("liver").title])
        for value, name in _LABELS.items():
            segment = segmentation.GetSegment(name)
            entry = vtk.mutable("")
            segment.GetTag(segment.GetTerminologyEntryTagName(), entry)
            self.assertIn("SCT", entry.get())
            found = slicer.util.arrayFromSegmentBinaryLabelmap(node, name, self.volume)
            np.testing.assert_array_equal(found.T.astype(bool), labels == value)

    def test_what_the_user_had_stays(self):
        own = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Mine")
        own.GetSegmentation().AddEmptySegment("mine")
        node = self.shown(np.ones(self.voxels.T.shape, np.uint8))
        self.assertNotEqual(node.GetID(), own.GetID())
        self.assertEqual(own.GetSegmentation().GetNumberOfSegments(), 1)
        np.testing.assert_array_equal(slicer.util.arrayFromVolume(self.volume), self.voxels)

    def test_the_shipped_models_are_listed(self):
        from mambamim.catalogue import list_models

        shipped = {entry.name for entry in list_models() if entry.path and not entry.problem}
        self.assertIn("abdomen-small", shipped)

    def shown(self, labels):
        from MambaMIMLib.SegmentationResult import SegmentationResult

        path = Path(self.folder.name) / "labels.npy"
        np.save(path, labels)
        result = SegmentationResult(self.volume, _LABELS)
        for _step in result.showSteps(str(path), False):
            pass
        return result.node


def obliqueMatrix():
    """Voxel to RAS mm: 1 x 2 x 3 mm, turned about S."""
    turned = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]]) @ np.diag([1, 2, 3])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turned, (-7, 5, 40)
    return slicer.util.vtkMatrixFromArray(matrix)
