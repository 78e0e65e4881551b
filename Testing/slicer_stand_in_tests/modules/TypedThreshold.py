"""In the idiom of today's module template: a .ui file, a parameterNodeWrapper, enter and exit."""

import enum
import logging
from typing import Annotated

import slicer
import vtk
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, Default, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import *
from slicer.util import VTKObservationMixin


class Side(enum.Enum):
    ABOVE = "above"
    BELOW = "below"

    def label(self):
        return self.value.capitalize()


@parameterNodeWrapper
class TypedThresholdParameterNode:
    inputVolume: vtkMRMLScalarVolumeNode
    output: vtkMRMLSegmentationNode
    threshold: Annotated[float, WithinRange(-1000, 3000)] = 100
    side: Side
    rounds: Annotated[int, WithinRange(1, 9)] = 2
    mode: Annotated[str, Choice(["fast", "exact"])] = "fast"
    smooth: Annotated[bool, Default(True)]
    note: str = "none"


class TypedThreshold(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Typed threshold")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = []
        self.parent.contributors = ["A. Tester"]
        self.parent.helpText = _("Makes a segment of what is bright.")
        self.parent.acknowledgementText = ""
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData():
    import SampleData

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="TypedThreshold",
        sampleName="TypedThreshold1",
        thumbnailFileName="",
        uris="https://example.org/volume.nrrd",
        fileNames="volume.nrrd",
        nodeNames="Volume1",
    )


class TypedThresholdWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._tag = None

    def setup(self) -> None:
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/TypedThreshold.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = TypedThresholdLogic()
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        self.ui.applyButton.connect("clicked(bool)", self.onApplyButton)
        self.initializeParameterNode()

    def cleanup(self) -> None:
        self.removeObservers()

    def enter(self) -> None:
        self.initializeParameterNode()

    def exit(self) -> None:
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._tag)
            self.removeObserver(
                self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._checkCanApply
            )
            self._parameterNode = None

    def onSceneStartClose(self, caller, event) -> None:
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event) -> None:
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self) -> None:
        self.setParameterNode(self.logic.getParameterNode())
        if not self._parameterNode.inputVolume:
            first = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
            if first:
                self._parameterNode.inputVolume = first

    def setParameterNode(self, node: TypedThresholdParameterNode | None) -> None:
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._tag)
            self.removeObserver(
                self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._checkCanApply
            )
        self._parameterNode = node
        if self._parameterNode:
            self._tag = self._parameterNode.connectGui(self.ui)
            self.addObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._checkCanApply)
            self._checkCanApply()

    def _checkCanApply(self, caller=None, event=None) -> None:
        ready = self._parameterNode is not None and self._parameterNode.inputVolume is not None
        self.ui.applyButton.toolTip = _("Compute") if ready else _("Select an input volume")
        self.ui.applyButton.enabled = ready

    def onApplyButton(self) -> None:
        with slicer.util.tryWithErrorDisplay(_("Failed to compute results."), waitCursor=True):
            parameters = self._parameterNode
            if not parameters.output:
                parameters.output = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
            self.logic.process(parameters.inputVolume, parameters.output, parameters.threshold)


class TypedThresholdLogic(ScriptedLoadableModuleLogic):
    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)

    def getParameterNode(self):
        return TypedThresholdParameterNode(super().getParameterNode())

    def process(self, volume, segmentation, threshold) -> None:
        if not volume:
            raise ValueError("Input volume is invalid")
        array = slicer.util.arrayFromVolume(volume)
        segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        segmentation.CreateDefaultDisplayNodes()
        segment = segmentation.GetSegmentation().AddEmptySegment("bright", "bright")
        mask = (array > threshold).astype("uint8")
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, segment, volume)
        logging.info("done")
