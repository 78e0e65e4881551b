"""qMRMLSegmentEditorWidget and qMRMLSegmentationShow3DButton."""

from typing import Any

from PySide6 import QtWidgets

from .behaviour import Behaviour, behind
from .layouts import column, row
from .mrml_widget import MRMLWidget


@behind("qMRMLSegmentationShow3DButton")
class Show3DButton(Behaviour):
    node: Any = None

    def start(self) -> None:
        self.q.text = "Show 3D"
        self.q.setCheckable(True)
        self.q.connect("toggled(bool)", self._toggled)

    def segmentationNode(self) -> Any:
        return self.node

    def setSegmentationNode(self, node: Any) -> None:
        self.node = node
        shown = node is not None and node.GetSegmentation().ContainsRepresentation("Closed surface")
        self.q.blockSignals(True)
        self.q.setChecked(shown)
        self.q.blockSignals(False)

    def set_locked(self, locked: bool) -> None:
        self.values["locked"] = locked
        self.q.enabled = not locked

    def _toggled(self, shown: bool) -> None:
        if self.node is None:
            return
        if shown:
            self.node.CreateClosedSurfaceRepresentation()
        else:
            self.node.RemoveClosedSurfaceRepresentation()


@behind("qMRMLSegmentEditorWidget")
class SegmentEditorWidget(MRMLWidget):
    """The selectors and the table of segments; effects are buttons that do nothing."""

    parameters: Any = None

    def start(self) -> None:
        from .factory import made_classes

        classes = made_classes()
        self.segmentations, self.volumes = (classes["qMRMLNodeComboBox"]() for _ in range(2))
        self.segmentations.nodeTypes = ["vtkMRMLSegmentationNode"]
        self.volumes.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        self.segmentations.noneEnabled = self.volumes.noneEnabled = True
        self.table = classes["qMRMLSegmentsTableView"]()
        self.effects = QtWidgets.QWidget()
        row(self.effects, *(QtWidgets.QPushButton(n) for n in ("Paint", "Erase", "Islands")))
        column(self.q, self.table, self.effects)
        for place, selector in enumerate((self.segmentations, self.volumes)):
            self.q.layout().insertWidget(place, selector)
        self.segmentations.connect("currentNodeChanged(vtkMRMLNode*)", self._segmentation_changed)
        self.volumes.connect("currentNodeChanged(vtkMRMLNode*)", self._volume_changed)

    def scene_changed(self) -> None:
        self.segmentations.setMRMLScene(self.scene)
        self.volumes.setMRMLScene(self.scene)

    def mrmlSegmentEditorNode(self) -> Any:
        return self.parameters

    def setMRMLSegmentEditorNode(self, node: Any) -> None:
        self.parameters = node
        if node is not None:
            self.segmentations.setCurrentNode(node.GetSegmentationNode())
            self.volumes.setCurrentNode(node.GetSourceVolumeNode())

    def segmentationNode(self) -> Any:
        return self.segmentations.currentNode()

    def setSegmentationNode(self, node: Any) -> None:
        self.segmentations.setCurrentNode(node)

    def setSegmentationNodeID(self, node_id: str) -> None:
        self.segmentations.setCurrentNodeID(node_id)

    def sourceVolumeNode(self) -> Any:
        return self.volumes.currentNode()

    def setSourceVolumeNode(self, node: Any) -> None:
        self.volumes.setCurrentNode(node)

    def setSourceVolumeNodeID(self, node_id: str) -> None:
        self.volumes.setCurrentNodeID(node_id)

    def segmentationNodeID(self) -> str:
        return self.segmentations.currentNodeID

    def sourceVolumeNodeID(self) -> str:
        return self.volumes.currentNodeID

    def activeEffect(self) -> None:
        return None

    def availableEffectNames(self) -> list[str]:
        return []

    def setupViewObservations(self) -> None:
        """Nothing: there are no effects that would listen."""

    removeViewObservations = setupViewObservations

    def currentSegmentID(self) -> str:
        return next(iter(self.table.selectedSegmentIDs()), "")

    def setCurrentSegmentID(self, segment_id: str) -> None:
        self.table.setSelectedSegmentIDs([segment_id])
        self.send("currentSegmentIDChanged(QString)", segment_id)

    def _segmentation_changed(self, node: Any) -> None:
        self.table.setSegmentationNode(node)
        if self.parameters is not None:
            self.parameters.SetAndObserveSegmentationNode(node)
        self.send("segmentationNodeChanged(vtkMRMLSegmentationNode*)", node)

    def _volume_changed(self, node: Any) -> None:
        if self.parameters is not None:
            self.parameters.SetAndObserveSourceVolumeNode(node)
        self.send("sourceVolumeNodeChanged(vtkMRMLVolumeNode*)", node)
