"""MambaMIM Segmenter: finds structures in a scan with a Mamba network, beside Slicer."""

import enum
import importlib.util
import sys
from pathlib import Path

import slicer
import vtk
from slicer import vtkMRMLMarkupsROINode, vtkMRMLScalarVolumeNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import SlicerParameterNamePropertyName, parameterNodeWrapper
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


class Quality(enum.Enum):
    """How fine the work is."""

    FULL = "full"
    COARSE = "coarse"

    def label(self) -> str:
        """What the list shows."""
        return {"full": _("Full"), "coarse": _("Coarse preview (3 mm)")}[self.value]


@parameterNodeWrapper
class MambaMIMSegmenterParameterNode:
    """What is kept with the scene. `model` is a name in the catalogue."""

    inputVolume: vtkMRMLScalarVolumeNode
    model: str = ""
    quality: Quality = Quality.FULL
    regionOfInterest: vtkMRMLMarkupsROINode
    uncheckedStructures: list[str]
    show3D: bool = False
    statistics: bool = True


class MambaMIMSegmenter(ScriptedLoadableModule):
    """What the list of modules shows."""

    def __init__(self, parent) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("MambaMIM Segmenter")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = []
        self.parent.contributors = ["MambaMIM for 3D Slicer developers"]
        self.parent.helpText = _(
            "Finds organs in CT, and other structures with other models, on any computer. "
            "For research, not for clinical use."
        )
        self.parent.acknowledgementText = _(
            "After MambaMIM: Pre-training Mamba with State Space Token Interpolation."
        )
        slicer.app.connect("startupCompleted()", self.onStartupCompleted)

    def onStartupCompleted(self) -> None:
        """Offer the sample CT."""
        from MambaMIMSegmenterLib import SampleCT

        SampleCT.register(self.resourcePath("Icons/MambaMIMSegmenter.png"))


class MambaMIMSegmenterWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel; what its parts do is in MambaMIMSegmenterLib."""

    def __init__(self, parent=None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = self.panel = None
        self._parameterNode = self._tag = None

    def setup(self) -> None:
        """Called once, when the module is opened first."""
        ScriptedLoadableModuleWidget.setup(self)
        from MambaMIMLib.Dependencies import Dependencies
        from MambaMIMLib.DependenciesPanel import DependenciesPanel
        from MambaMIMLib.PythonChoice import choosePython
        from MambaMIMSegmenterLib.SegmenterPanel import SegmenterPanel

        uiWidget = slicer.util.loadUI(self.resourcePath("UI/MambaMIMSegmenter.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = MambaMIMSegmenterLogic()
        dependencies = DependenciesPanel(Dependencies(choosePython))
        self.panel = SegmenterPanel(self.ui, self.logic.worker, dependencies)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent):
            self.addObserver(scene, event, self.panel.onSceneChanged)
        slicer.app.connect("aboutToQuit()", self.logic.worker.stop)
        self.initializeParameterNode()

    def cleanup(self) -> None:
        """Called when the application closes or the module is reloaded."""
        self.setParameterNode(None)
        self.removeObservers()
        if self.panel is not None:
            slicer.app.disconnect("aboutToQuit()", self.logic.worker.stop)
            self.panel.cleanup()

    def enter(self) -> None:
        """Called each time the module is opened."""
        self.initializeParameterNode()

    def exit(self) -> None:
        """Called each time another module is opened; what runs goes on."""
        self.panel.reconstruction.leave()
        self.setParameterNode(None)

    def onSceneStartClose(self, _caller, _event) -> None:
        """What runs is ended, for its scan goes."""
        self.panel.onSceneClosing()
        self.setParameterNode(None)

    def onSceneEndClose(self, _caller, _event) -> None:
        """A new scene has new parameters."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self) -> None:
        """Take the scene's parameters, and its first volume if none is chosen."""
        self.setParameterNode(self.logic.getParameterNode())
        if not self._parameterNode.inputVolume:
            first = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
            if first:
                self._parameterNode.inputVolume = first

    def setParameterNode(self, node) -> None:
        """Bind the panel to other parameters, or to none."""
        modified = vtk.vtkCommand.ModifiedEvent
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._tag)
            self.removeObserver(self._parameterNode, modified, self.panel.update)
        self._parameterNode = node
        if node:
            # connectGui does the same, but Slicer's gives no tag to disconnect by.
            named = {w.property(SlicerParameterNamePropertyName): w for w in vars(self.ui).values()}
            self._tag = node.connectParametersToGui({n: w for n, w in named.items() if n})
            self.addObserver(node, modified, self.panel.update)
        self.panel.setParameters(node)


class MambaMIMSegmenterLogic(ScriptedLoadableModuleLogic):
    """For scripts: `MambaMIMSegmenterLogic().segment(volumeNode, "abdomen-small").node`."""

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        from MambaMIMLib.PythonChoice import choosePython
        from MambaMIMLib.WorkerProcess import WorkerProcess

        self.worker = WorkerProcess(choosePython)

    def getParameterNode(self) -> MambaMIMSegmenterParameterNode:
        """The parameters kept with the scene."""
        return MambaMIMSegmenterParameterNode(super().getParameterNode())

    def segment(self, volumeNode, model, **options):
        """Segment a volume and wait for it; see `SegmentLogic.segment`."""
        from MambaMIMSegmenterLib.SegmentLogic import SegmentLogic

        return SegmentLogic(self.worker).segment(volumeNode, model, **options)


class MambaMIMSegmenterTest(ScriptedLoadableModuleTest):
    """Runs in Slicer's own self-test, without torch."""

    def setUp(self) -> None:
        """Begin with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """The panel opens with a model selected, and waits for a scan."""
        self.setUp()
        panel = slicer.util.getModuleWidget("MambaMIMSegmenter").panel
        assert panel.models.currentEntry is not None
        assert not panel.job.busy
        self.delayDisplay(_("Passed"))
