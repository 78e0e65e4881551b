"""qMRMLSegmentsTableView and qMRMLSegmentSelectorWidget."""

from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from .behaviour import behind
from .layouts import column
from .mrml_widget import MRMLWidget, Observations

_COLUMNS = ("", "Color", "Opacity", "Name")
_ID = QtCore.Qt.UserRole


class _OfSegmentation(MRMLWidget):
    """Follows the segments of one segmentation node."""

    node: Any = None

    def follow(self, node: Any) -> None:
        if not hasattr(self, "observations"):
            self.observations = Observations(self.q)
        self.observations.clear()
        self.node = node
        if node is not None:
            segmentation = node.GetSegmentation()
            for name in ("SegmentAdded", "SegmentRemoved", "SegmentModified"):
                self.observations.add(segmentation, getattr(segmentation, name), self.refresh)
        self.refresh()

    def segment_ids(self) -> list[str]:
        return [] if self.node is None else list(self.node.GetSegmentation().GetSegmentIDs())

    def refresh(self) -> None:
        """Show the segments anew."""


@behind("qMRMLSegmentsTableView")
class SegmentsTableView(_OfSegmentation):
    def start(self) -> None:
        self.hidden: list[str] = []
        self.table = QtWidgets.QTableWidget(0, len(_COLUMNS))
        self.table.setHorizontalHeaderLabels(_COLUMNS)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.verticalHeader().hide()
        self.table.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectRows)
        column(self.q, self.table)
        self.table.connect("itemSelectionChanged()", self._selected)

    def set_headerVisible(self, visible: bool) -> None:
        self.values["headerVisible"] = visible
        self.table.horizontalHeader().setVisible(visible)

    def set_selectionMode(self, mode: int) -> None:
        self.values["selectionMode"] = mode
        self.table.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode(mode))

    def write(self, name: str, value: Any) -> None:
        super().write(name, value)
        for index, kind in enumerate(("visibility", "color", "opacity")):
            self.table.setColumnHidden(index, not self.values[f"{kind}ColumnVisible"])
        if name == "textFilter":
            self.refresh()

    def get_segmentCount(self) -> int:
        return len(self.segment_ids())

    def segmentationNode(self) -> Any:
        return self.node

    def setSegmentationNode(self, node: Any) -> None:
        self.follow(node)

    def setHideSegments(self, segment_ids: list[str]) -> None:
        self.hidden = segment_ids
        self.refresh()

    def hideSegments(self) -> list[str]:
        return self.hidden

    def displayedSegmentIDs(self) -> list[str]:
        text = self.values["textFilter"].lower()
        shown = [i for i in self.segment_ids() if i not in self.hidden]
        return [i for i in shown if text in self._segment(i).GetName().lower()]

    def rowForSegmentID(self, segment_id: str) -> int:
        shown = self.displayedSegmentIDs()
        return shown.index(segment_id) if segment_id in shown else -1

    def segmentIDForRow(self, place: int) -> str:
        shown = self.displayedSegmentIDs()
        return shown[place] if 0 <= place < len(shown) else ""

    def selectedSegmentIDs(self) -> list[str]:
        rows = {index.row() for index in self.table.selectedIndexes()}
        return [self.table.item(place, 3).data(_ID) for place in sorted(rows)]

    def setSelectedSegmentIDs(self, segment_ids: list[str]) -> None:
        model = self.table.selectionModel()
        model.clearSelection()
        flags = QtCore.QItemSelectionModel.Select | QtCore.QItemSelectionModel.Rows
        for place in map(self.rowForSegmentID, segment_ids):
            if place >= 0:
                model.select(self.table.model().index(place, 0), flags)

    def clearSelection(self) -> None:
        self.table.clearSelection()

    def tableWidget(self) -> QtWidgets.QTableWidget:
        return self.table

    def showOnlySelectedSegments(self) -> None:
        display, chosen = self.node.GetDisplayNode(), self.selectedSegmentIDs()
        for segment_id in self.displayedSegmentIDs():
            display.SetSegmentVisibility(segment_id, segment_id in chosen)

    def toggleSelectedSegmentsVisibility(self) -> None:
        display = self.node.GetDisplayNode()
        for segment_id in self.selectedSegmentIDs():
            display.SetSegmentVisibility(segment_id, not display.GetSegmentVisibility(segment_id))

    def refresh(self) -> None:
        chosen = self.selectedSegmentIDs()
        self.table.blockSignals(True)
        self.table.setRowCount(0)
        for place, segment_id in enumerate(self.displayedSegmentIDs()):
            self.table.insertRow(place)
            for index, entry in enumerate(self._entries(segment_id)):
                entry.setData(_ID, segment_id)
                self.table.setItem(place, index, entry)
        self.setSelectedSegmentIDs(chosen)
        self.table.blockSignals(False)

    def _entries(self, segment_id: str) -> list[QtWidgets.QTableWidgetItem]:
        segment, display = self._segment(segment_id), self.node.GetDisplayNode()
        shown = display is None or display.GetSegmentVisibility(segment_id)
        opacity = 1 if display is None else display.GetSegmentOpacity2DFill(segment_id)
        color = QtWidgets.QTableWidgetItem("")
        color.setBackground(QtGui.QColor.fromRgbF(*segment.GetColor()))
        texts = ("●" if shown else "○", None, f"{opacity:.2f}", segment.GetName())
        return [color if text is None else QtWidgets.QTableWidgetItem(text) for text in texts]

    def _segment(self, segment_id: str) -> Any:
        return self.node.GetSegmentation().GetSegment(segment_id)

    def _selected(self) -> None:
        nothing = QtCore.QItemSelection()
        self.send("selectionChanged(QItemSelection,QItemSelection)", nothing, nothing)


@behind("qMRMLSegmentSelectorWidget")
class SegmentSelectorWidget(_OfSegmentation):
    def start(self) -> None:
        from .factory import made_classes

        self.nodes = made_classes()["qMRMLNodeComboBox"]()
        self.nodes.nodeTypes = ["vtkMRMLSegmentationNode"]
        self.segments = QtWidgets.QComboBox()
        column(self.q, self.nodes, self.segments)
        self.nodes.connect("currentNodeChanged(vtkMRMLNode*)", self._node_changed)
        self.segments.connect("currentIndexChanged(int)", lambda _: self._segment_changed())

    def scene_changed(self) -> None:
        self.nodes.setMRMLScene(self.scene)

    def set_noneEnabled(self, enabled: bool) -> None:
        self.values["noneEnabled"] = enabled
        self.nodes.noneEnabled = enabled

    def set_segmentationNodeSelectorVisible(self, visible: bool) -> None:
        self.values["segmentationNodeSelectorVisible"] = visible
        self.nodes.setVisible(visible)

    def currentNode(self) -> Any:
        return self.nodes.currentNode()

    def currentNodeID(self) -> str:
        return self.nodes.currentNodeID

    def currentSegmentID(self) -> str:
        return self.segments.itemData(self.segments.currentIndex) or ""

    def setCurrentNode(self, node: Any) -> None:
        self.nodes.setCurrentNode(node)

    def setCurrentNodeID(self, node_id: str) -> None:
        self.nodes.setCurrentNodeID(node_id)

    def setCurrentSegmentID(self, segment_id: str) -> None:
        self.segments.setCurrentIndex(self.segments.findData(segment_id))

    def refresh(self) -> None:
        old = self.currentSegmentID()
        self.segments.clear()
        for segment_id in self.segment_ids():
            name = self.node.GetSegmentation().GetSegment(segment_id).GetName()
            self.segments.addItem(name, segment_id)
        if old in self.segment_ids():
            self.setCurrentSegmentID(old)

    def _node_changed(self, node: Any) -> None:
        self.follow(node)
        self.send("currentNodeChanged(vtkMRMLNode*)", node)

    def _segment_changed(self) -> None:
        self.send("currentSegmentChanged(QString)", self.currentSegmentID())
