"""The MRML scene with the application logic and the logics of Slicer's own modules."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer
import vtk

_TERMINOLOGIES = Path(__file__).parent / "terminologies"

# Module name -> class of its logic, as slicer-core has them.
_LOGICS = {
    "Volumes": "vtkSlicerVolumesLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Models": "vtkSlicerModelsLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Texts": "vtkSlicerTextsLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "VolumeRendering": "vtkSlicerVolumeRenderingLogic",
    "Cameras": "vtkSlicerCamerasModuleLogic",
}
# Nodes that get an item in the subject hierarchy.
_IN_HIERARCHY = (
    "vtkMRMLVolumeNode", "vtkMRMLSegmentationNode", "vtkMRMLMarkupsNode", "vtkMRMLModelNode",
    "vtkMRMLTableNode", "vtkMRMLPlotChartNode", "vtkMRMLPlotSeriesNode", "vtkMRMLTransformNode",
    "vtkMRMLTextNode", "vtkMRMLSequenceNode", "vtkMRMLSequenceBrowserNode",
)  # fmt: skip
_SLICE_VIEWS = ("Red", "Green", "Yellow")


@dataclass
class Scene:
    """The scene and what works on it."""

    mrml: Any
    application_logic: Any
    module_logics: dict[str, Any]
    slice_logics: dict[str, Any]


def make_scene() -> Scene:
    """Return a scene as Slicer has it at its start: colours, layout, three slice views, one 3D
    view."""
    mrml = slicer.vtkMRMLScene()
    mrml.RegisterNodeClass(slicer.vtkMRMLColorLegendDisplayNode())  # as the module Colors does
    application = slicer.vtkSlicerApplicationLogic()
    application.SetMRMLScene(mrml)
    colors = application.GetColorLogic()
    colors.SetMRMLScene(mrml)
    colors.AddDefaultColorNodes()
    application.SetSliceLogics(vtk.vtkCollection())
    application.SetViewLogics(vtk.vtkCollection())
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(mrml, True)
    logics = {name: _logic(name, application, mrml) for name in _LOGICS}
    application.SetModuleLogic("Colors", colors)
    _follow_subject_hierarchy(mrml)
    _keep_parameter_nodes(mrml)
    slices = {name: _slice_logic(name, application, mrml) for name in _SLICE_VIEWS}
    view = slicer.vtkMRMLViewNode()
    view.SetName("View1")
    view.SetLayoutName("1")
    view.SetLayoutLabel("1")
    view.SetSingletonTag("1")
    mrml.AddNode(view)
    return Scene(mrml, application, {**logics, "Colors": colors}, slices)


def _logic(name: str, application: Any, mrml: Any) -> Any:
    logic = getattr(slicer, _LOGICS[name])()
    if name == "Terminologies":
        logic.SetModuleShareDirectory(str(_TERMINOLOGIES))
    logic.SetMRMLApplicationLogic(application)
    application.SetModuleLogic(name, logic)
    logic.SetMRMLScene(mrml)
    return logic


def _slice_logic(name: str, application: Any, mrml: Any) -> Any:
    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLApplicationLogic(application)
    application.GetSliceLogics().AddItem(logic)
    logic.SetMRMLScene(mrml)
    node = logic.AddSliceNode(name)
    orientation = {"Red": "Axial", "Green": "Coronal", "Yellow": "Sagittal"}[name]
    node.SetOrientation(orientation)
    return logic


def _follow_subject_hierarchy(mrml: Any) -> None:
    """Make and remove items with their nodes, which in Slicer a Qt plugin does."""

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def added(_caller: Any, _event: str, node: Any) -> None:
        if node is None or node.GetHideFromEditors() or not any(map(node.IsA, _IN_HIERARCHY)):
            return
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(mrml)
        if not hierarchy.GetItemByDataNode(node):
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def removed(_caller: Any, _event: str, node: Any) -> None:
        if node is None or mrml.IsClosing() or not any(map(node.IsA, _IN_HIERARCHY)):
            return
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(mrml)
        item = hierarchy.GetItemByDataNode(node)
        if item:
            hierarchy.RemoveItem(item, False, False)

    mrml.AddObserver(mrml.NodeAddedEvent, added)
    mrml.AddObserver(mrml.NodeAboutToBeRemovedEvent, removed)


def _keep_parameter_nodes(mrml: Any) -> None:
    """Keep the Python side of parameter nodes. Their wrappers observe them with functions that
    refer back to them; where nothing else does, Python takes the ring for garbage and empties it,
    while the node lives on in the scene and calls what is no more."""
    kept: dict[str, Any] = {}

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def added(_caller: Any, _event: str, node: Any) -> None:
        if node is not None and node.IsA("vtkMRMLScriptedModuleNode"):
            kept[node.GetID()] = node

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def removed(_caller: Any, _event: str, node: Any) -> None:
        if node is not None:
            kept.pop(node.GetID(), None)

    mrml.AddObserver(mrml.NodeAddedEvent, added)
    mrml.AddObserver(mrml.NodeRemovedEvent, removed)
