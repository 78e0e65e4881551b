"""A scan with a segmentation, a training set, and the Trainer's panel with fakes behind it."""

from pathlib import Path

import numpy as np
import slicer
from fake_dependencies import FakeDependencies
from fake_runs import FakeRuns
from fake_worker import FakeWorker
from scene_volumes import add_volume

from mambamim.catalogue.terminology import term
from mambamim.project import Project
from MambaMIMLib import Terminology

MODULE = Path(__file__).parents[3] / "MambaMIMTrainer"
AFFINE = np.diag([4.0, 4.0, 5.0, 1.0])
SHAPE = (24, 20, 16)


def body(seed=0):
    """(I, J, K) a body in air with two bright organs, and their label map."""
    random = np.random.default_rng(seed)
    image = np.full(SHAPE, -1000, np.int16)
    image[2:-2, 2:-2] = random.integers(-20, 40, (SHAPE[0] - 4, SHAPE[1] - 4, SHAPE[2]))
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:12, 5:15, 4:12], labels[14:20, 6:12, 5:11] = 1, 2
    image[labels == 1] += 60
    image[labels == 2] += 110
    return image, labels


def add_case(project, seed=0, values=None, unknown=()):
    """Put a body into a training set."""
    image, labels = body(seed)
    values = {1: "liver", 2: "spleen"} if values is None else values
    labels[~np.isin(labels, list(values))] = 0
    return project.add_case(image, labels, AFFINE, values, "CT", unknown)


def make_project(folder, cases=2):
    """A training set of liver and spleen."""
    project = Project.create(folder, ["liver", "spleen"])
    for seed in range(cases):
        add_case(project, seed)
    return project


def add_segmentation(volume, labels, names, terms=True):
    """A segmentation node of a label map: value -> name of its segment."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Segmentation")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    for value, name in names.items():
        node.GetSegmentation().AddEmptySegment(name, name)
        slicer.util.updateSegmentBinaryLabelmapFromArray(
            np.ascontiguousarray((labels == value).T.astype(np.uint8)), node, name, volume
        )
        segment = node.GetSegmentation().GetSegment(name)
        if terms:
            Terminology.apply(segment, term(name))
        segment.SetColor(*(part / 255 for part in term(name).colour))
    return node


def add_open_case(seed=5, names=None, terms=True):
    """A scan and its segmentation in the scene."""
    image, labels = body(seed)
    volume = add_volume(image, AFFINE, "A Patient's CT")
    names = {1: "liver", 2: "spleen"} if names is None else names
    return volume, add_segmentation(volume, labels, names, terms)


def make_panel(runs=None, ready=True):
    """The panel bound to parameters as the module binds it: (panel, widget, parameters, tag)."""
    from MambaMIMTrainer import MambaMIMTrainerParameterNode
    from MambaMIMTrainerLib.TrainerPanel import TrainerPanel

    widget = slicer.util.loadUI(str(MODULE / "Resources/UI/MambaMIMTrainer.ui"))
    widget.setMRMLScene(slicer.mrmlScene)
    ui = slicer.util.childWidgetVariables(widget)
    panel = TrainerPanel(ui, FakeWorker(), FakeDependencies(ready), runs or FakeRuns())
    panel.runs = runs
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    parameters = MambaMIMTrainerParameterNode(node)
    tag = parameters.connectGui(ui)
    panel.setParameters(parameters)
    return panel, widget, parameters, tag
