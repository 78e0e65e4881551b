"""Typed parameter nodes keep every type that modules use, and follow the widgets that Slicer
connects."""

import enum
import pathlib
from typing import Annotated

import ctk
import pytest
import qt
import slicer
from slicer.parameterNodeWrapper import (
    Choice,
    Default,
    FloatRange,
    Minimum,
    RangeBounds,
    WithinRange,
    createGuiConnector,
    parameterNodeWrapper,
    parameterPack,
)


class Device(enum.Enum):
    CPU = 1
    CUDA = 2


@parameterPack
class Training:
    folder: pathlib.Path
    steps: Annotated[int, Minimum(1)] = 10
    rate: Annotated[float, WithinRange(0, 1)] = 0.5


@parameterNodeWrapper
class Parameters:
    volume: slicer.vtkMRMLScalarVolumeNode
    either: slicer.vtkMRMLModelNode | slicer.vtkMRMLSegmentationNode
    volumes: list[slicer.vtkMRMLScalarVolumeNode]
    names: list[str]
    device: Device
    window: Annotated[FloatRange, RangeBounds(-1000, 1000)]
    training: Training
    note: Annotated[str, Default("none")]
    mode: Annotated[str, Choice(["a", "b"])] = "a"
    done: bool


@pytest.fixture
def node(scene):
    return scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")


@pytest.fixture
def parameters(node):
    return Parameters(node)


def test_defaults_are_in_the_node(parameters, node):
    assert (parameters.volume, list(parameters.names), parameters.note) == (None, [], "none")
    assert (parameters.device, parameters.mode, parameters.done) == (Device.CPU, "a", False)
    assert (parameters.training.steps, parameters.window) == (10, FloatRange(0, 0))
    assert node.GetParameter("mode") == "a"


def test_values_are_read_from_the_node_again(parameters, node, scene):
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    parameters.volume = volume
    parameters.volumes = [volume, volume]
    parameters.names.append("liver")
    parameters.device = Device.CUDA
    parameters.training.steps = 3
    parameters.setValue("training.folder", pathlib.Path("/data"))
    again = Parameters(node)
    assert again.volume is volume
    assert list(again.volumes) == [volume, volume]
    assert (list(again.names), again.device) == (["liver"], Device.CUDA)
    assert again.training == Training(pathlib.Path("/data"), steps=3)
    assert again.getValue("training.steps") == 3


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("note", None, ValueError),
        ("done", 1, TypeError),
        ("mode", "c", ValueError),
        ("volume", "vtkMRMLScalarVolumeNode1", TypeError),
        ("device", "CPU", TypeError),
    ],
)
def test_wrong_values_are_refused(parameters, name, value, error):
    with pytest.raises(error):
        setattr(parameters, name, value)


def test_members_of_packs_are_checked(parameters):
    with pytest.raises(ValueError, match="at least 1"):
        parameters.training.steps = 0
    with pytest.raises(ValueError, match="Cannot find"):
        parameters.getValue("nothing")


@pytest.mark.parametrize(
    ("name", "make", "attribute", "value", "expected"),
    [
        ("training.folder", ctk.ctkPathLineEdit, "currentPath", "/data", pathlib.Path("/data")),
        ("training.folder", ctk.ctkDirectoryButton, "directory", "/data", pathlib.Path("/data")),
        ("training.steps", qt.QSpinBox, "value", 7, 7),
        ("training.rate", ctk.ctkSliderWidget, "value", 0.25, 0.25),
        ("window", ctk.ctkRangeWidget, "maximumValue", 400.0, FloatRange(0, 400)),
        ("device", qt.QComboBox, "currentIndex", 1, Device.CUDA),
        ("mode", qt.QComboBox, "currentIndex", 1, "b"),
        ("note", qt.QLineEdit, "text", "seen", "seen"),
        ("done", qt.QCheckBox, "checked", True, True),
        ("done", qt.QPushButton, "checked", True, True),
    ],
)
def test_widgets_and_parameters_follow_each_other(
    parameters, name, make, attribute, value, expected
):
    widget = make()
    tag = parameters.connectParametersToGui({name: widget})
    before, shown = parameters.getValue(name), getattr(widget, attribute)
    setattr(widget, attribute, value)
    assert parameters.getValue(name) == expected
    parameters.setValue(name, before)
    assert getattr(widget, attribute) == shown
    parameters.disconnectGui(tag)
    setattr(widget, attribute, value)
    assert parameters.getValue(name) == before


def test_node_selectors(parameters, scene):
    selector = slicer.qMRMLNodeComboBox()
    selector.setMRMLScene(scene)
    parameters.connectParametersToGui({"either": selector})
    assert selector.nodeTypes == ["vtkMRMLModelNode", "vtkMRMLSegmentationNode"]
    model = scene.AddNewNodeByClass("vtkMRMLModelNode")
    assert parameters.either is model


@pytest.mark.parametrize(
    ("kind", "make"),
    [(str, ctk.ctkComboBox), (str, qt.QLabel), (float, ctk.ctkSliderWidget), (str, qt.QComboBox)],
)
def test_other_widgets_are_refused(app, kind, make):
    with pytest.raises(RuntimeError):
        createGuiConnector(make(), kind)
