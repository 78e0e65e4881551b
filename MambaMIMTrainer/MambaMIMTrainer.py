"""MambaMIM Trainer: teaches a network from the user's own annotations, beside Slicer."""

import enum
import importlib.util
import sys
from pathlib import Path
from typing import Annotated

import slicer
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

# From a source tree, the packages lie in the repository; installed, beside this file.
if importlib.util.find_spec("MambaMIMLib") is None or importlib.util.find_spec("mambamim") is None:
    sys.path.append(str(Path(__file__).resolve().parents[1]))


class Preset(enum.Enum):
    """How long a training goes on, and by which recipe."""

    QUICK = "quick"
    STANDARD = "standard"
    PAPER = "paper"
    CUSTOM = "custom"

    def label(self) -> str:
        """What the list shows."""
        return {
            "quick": _("Quick: 300 steps, shows where it goes"),
            "standard": _("Standard: 10,000 steps"),
            "paper": _("As in the paper: 50,000 steps"),
            "custom": _("Custom"),
        }[self.value]


@parameterNodeWrapper
class MambaMIMTrainerParameterNode:
    """What is kept with the scene: no folder. `baseModel` is a name in the catalogue."""

    caseVolume: vtkMRMLScalarVolumeNode
    caseSegmentation: vtkMRMLSegmentationNode
    baseModel: str = ""
    fromScratch: bool = False
    preset: Preset = Preset.QUICK
    steps: int = 1000
    batch: int = 2
    learningRate: float = 5.0
    preview: bool = True
    maskRatio: Annotated[float, WithinRange(10, 95)] = 75.0
    pretrainSteps: int = 2000
    pretrainName: str = "pretrained-1"


class MambaMIMTrainer(ScriptedLoadableModule):
    """What the list of modules shows."""

    def __init__(self, parent) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("MambaMIM Trainer")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = []
        self.parent.contributors = ["MambaMIM for 3D Slicer developers"]
        self.parent.helpText = _(
            "Trains a model of MambaMIM Segmenter further on your own segmentations, on this "
            "computer, while you work on. For research, not for clinical use."
        )
        self.parent.acknowledgementText = _(
            "After MambaMIM: Pre-training Mamba with State Space Token Interpolation."
        )


class MambaMIMTrainerWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel; what its parts do is in MambaMIMTrainerLib."""

    def __init__(self, parent=None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = self.panel = None
        self._parameterNode = self._tag = None

    def setup(self) -> None:
        """Called once, when the module is opened first."""
        ScriptedLoadableModuleWidget.setup(self)
        from MambaMIMLib import Packages
        from MambaMIMLib.Dependencies import Dependencies
        from MambaMIMLib.DependenciesPanel import DependenciesPanel
        from MambaMIMLib.PythonChoice import choosePython
        from MambaMIMTrainerLib.Runs import Runs
        from MambaMIMTrainerLib.TrainerPanel import TrainerPanel

        uiWidget = slicer.util.loadUI(self.resourcePath("UI/MambaMIMTrainer.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = MambaMIMTrainerLogic()
        dependencies = DependenciesPanel(Dependencies(choosePython, more=Packages.forTraining()))
        self.panel = TrainerPanel(self.ui, self.logic.worker, dependencies, Runs(choosePython))
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent):
            self.addObserver(scene, event, self.panel.onSceneChanged)
        self.initializeParameterNode()

    def cleanup(self) -> None:
        """Called when the application closes or the module is reloaded; what trains goes on."""
        self.setParameterNode(None)
        self.removeObservers()
        if self.panel is not None:
            self.panel.cleanup()

    def enter(self) -> None:
        """Called each time the module is opened."""
        self.initializeParameterNode()
        self.panel.open()

    def exit(self) -> None:
        """Called each time another module is opened; what runs goes on."""
        self.setParameterNode(None)

    def onSceneStartClose(self, _caller, _event) -> None:
        """The nodes go."""
        self.panel.onSceneClosing()
        self.setParameterNode(None)

    def onSceneEndClose(self, _caller, _event) -> None:
        """A new scene has new parameters."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def useForTraining(self, volumeNode, segmentationNode) -> None:
        """Open the module with a case selected to be added."""
        slicer.util.selectModule("MambaMIMTrainer")
        self.initializeParameterNode()
        self.panel.take(volumeNode, segmentationNode)

    def initializeParameterNode(self) -> None:
        """Take the scene's parameters, and its first scan and segmentation if none is chosen."""
        self.setParameterNode(self.logic.getParameterNode())
        for name, kind in (
            ("caseVolume", "vtkMRMLScalarVolumeNode"),
            ("caseSegmentation", "vtkMRMLSegmentationNode"),
        ):
            first = slicer.mrmlScene.GetFirstNodeByClass(kind)
            if first and not getattr(self._parameterNode, name):
                setattr(self._parameterNode, name, first)

    def setParameterNode(self, node) -> None:
        """Bind the panel to other parameters, or to none."""
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._tag)
        self._parameterNode = node
        if node:
            self._tag = node.connectGui(self.ui)
        self.panel.setParameters(node)


class MambaMIMTrainerLogic(ScriptedLoadableModuleLogic):
    """Holds the worker and the parameters."""

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        from MambaMIMLib.PythonChoice import choosePython
        from MambaMIMLib.WorkerProcess import WorkerProcess

        self.worker = WorkerProcess(choosePython)

    def getParameterNode(self) -> MambaMIMTrainerParameterNode:
        """The parameters kept with the scene."""
        return MambaMIMTrainerParameterNode(super().getParameterNode())


class MambaMIMTrainerTest(ScriptedLoadableModuleTest):
    """Runs in Slicer's own self-test, without torch."""

    def setUp(self) -> None:
        """Begin with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """The panel opens, and nothing trains by itself."""
        self.setUp()
        panel = slicer.util.getModuleWidget("MambaMIMTrainer").panel
        assert not panel.desk.busy
        self.delayDisplay(_("Passed"))
