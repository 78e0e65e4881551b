"""The panel opens without torch, says what to do next, and follows the scene."""

import sys
import unittest

import numpy as np
import slicer

_HEAVY = {"torch", "monai", "nibabel"}


class MambaMIMSegmenterPanelTest(unittest.TestCase):
    def setUp(self):
        slicer.mrmlScene.Clear(False)
        self.loadedBefore = _HEAVY & set(sys.modules)
        self.widget = slicer.modules.mambamimsegmenter.widgetRepresentation().self()
        self.widget.enter()
        self.addCleanup(self.widget.exit)
        self.button = slicer.util.findChild(self.widget.panel.job.widget, "jobButton")

    def test_it_opens_without_torch(self):
        self.assertEqual(_HEAVY & set(sys.modules), self.loadedBefore)

    def test_an_empty_scene_has_nothing_to_click_and_says_why(self):
        self.assertIsNone(self.widget.ui.inputSelector.currentNode())
        self.assertFalse(self.button.enabled)
        self.assertIn("First", self.button.toolTip)

    def test_the_button_follows_the_model(self):
        models = self.widget.panel.models
        self.assertTrue(models.select("abdomen-small"))
        self.assertEqual(self.button.text, "Segment abdomen")
        self.assertTrue(models.select("hippocampus-small"))
        self.assertNotEqual(self.button.text, "Segment abdomen")

    def test_a_scan_of_the_scene_is_taken(self):
        volume = slicer.util.addVolumeFromArray(np.zeros((3, 4, 5), np.int16))
        self.widget.enter()
        self.assertEqual(self.widget.ui.inputSelector.currentNodeID, volume.GetID())

    def test_the_parameters_are_kept_with_the_scene(self):
        self.widget.ui.statisticsBox.checked = False
        self.widget.exit()
        self.widget.enter()
        self.assertFalse(self.widget.ui.statisticsBox.checked)

    def test_a_closed_scene_leaves_the_panel_usable(self):
        slicer.util.addVolumeFromArray(np.zeros((3, 4, 5), np.int16))
        slicer.mrmlScene.Clear(False)
        self.widget.enter()
        self.assertIsNone(self.widget.ui.inputSelector.currentNode())
        self.assertTrue(self.widget.ui.statisticsBox.checked)
