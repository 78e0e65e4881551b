"""The panel opens without torch, trains nothing by itself, and gathers cases without a worker."""

import sys
import tempfile
import time
import unittest

import numpy as np
import slicer

_HEAVY = {"torch", "monai", "nibabel"}
_SHAPE = (4, 6, 8)  # K, J, I


class MambaMIMTrainerPanelTest(unittest.TestCase):
    def setUp(self):
        slicer.mrmlScene.Clear(False)
        self.loadedBefore = _HEAVY & set(sys.modules)
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.widget = slicer.modules.mambamimtrainer.widgetRepresentation().self()
        self.widget.enter()
        self.addCleanup(self.widget.exit)

    def test_it_opens_without_torch(self):
        self.assertEqual(_HEAVY & set(sys.modules), self.loadedBefore)

    def test_nothing_trains_by_itself(self):
        self.assertFalse(self.widget.panel.desk.busy)
        self.assertFalse(self.widget.panel.pretrain.desk.busy)

    def test_what_is_missing_is_said(self):
        button = slicer.util.findChild(self.widget.panel.watch.job.widget, "jobButton")
        self.assertFalse(button.enabled)
        self.assertIn("First", button.toolTip)

    def test_a_case_of_the_scene_is_copied(self):
        from mambamim.project import Project
        from MambaMIMTrainerLib.CaseAddition import CaseAddition

        voxels = np.arange(np.prod(_SHAPE), dtype=np.int16).reshape(_SHAPE)
        volume = slicer.util.addVolumeFromArray(voxels, np.diag([1.0, 2.0, 3.0, 1.0]))
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        node.GetSegmentation().AddEmptySegment("mine", "Mine")
        painted = (voxels % 5 == 0).astype(np.uint8)
        slicer.util.updateSegmentBinaryLabelmapFromArray(painted, node, "mine", volume)
        project = Project.create(self.folder.name + "/set")
        added = []
        addition = CaseAddition(project, volume, node, {"mine": "liver"}, "CT", ())
        addition.succeeded.connect(added.append)
        deadline = time.monotonic() + 20
        while addition.active and time.monotonic() < deadline:
            slicer.app.processEvents()
        self.assertEqual([case.id for case in added], ["case-0001"])
        count = np.count_nonzero(painted)
        self.assertAlmostEqual(
            Project(project.folder).case("case-0001").labels["liver"], count * 6 / 1000
        )
