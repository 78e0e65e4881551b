"""qMRMLNodeComboBox and qMRMLCheckableNodeComboBox: the nodes of a scene that fit."""

from typing import Any

from PySide6 import QtCore, QtWidgets

from .behaviour import Behaviour, behind
from .layouts import row
from .mrml_widget import Observations

_FILTERS = ("nodeTypes", "showHidden", "showChildNodeTypes", "hideChildNodeTypes", "noneEnabled")


@behind("qMRMLNodeComboBox")
class NodeComboBox(Behaviour):
    def start(self) -> None:
        self.scene: Any = None
        self.attributes: list[tuple[str, str, Any]] = []
        self.type_labels: dict[str, str] = {}
        self.ids: list[str] = []  # of the entries; "" is the entry None
        self.combo_box = QtWidgets.QComboBox()
        self.combo_box.setSizePolicy(QtWidgets.QSizePolicy.Expanding, QtWidgets.QSizePolicy.Fixed)
        self.combo_box.setMinimumContentsLength(10)
        row(self.q, self.combo_box)
        self.q.setSizePolicy(QtWidgets.QSizePolicy.Expanding, QtWidgets.QSizePolicy.Fixed)
        self.combo_box.enabled = False
        self.scene_observations = Observations(self.q)
        self.node_observations = Observations(self.q)
        self.combo_box.connect("currentIndexChanged(int)", lambda _: self.selection_changed())
        self.combo_box.connect("activated(int)", self._activated)

    def mrmlScene(self) -> Any:
        return self.scene

    def setMRMLScene(self, scene: Any) -> None:
        self.scene_observations.clear()
        self.scene = scene
        self.combo_box.enabled = scene is not None
        if scene is not None:
            events = (scene.NodeRemovedEvent, scene.EndCloseEvent, scene.EndImportEvent)
            for event in (scene.NodeAddedEvent, scene.EndBatchProcessEvent, *events):
                self.scene_observations.add(scene, event, self.refresh)
        self.refresh()

    def write(self, name: str, value: Any) -> None:
        super().write(name, value)
        if name in (*_FILTERS, "noneDisplay"):
            self.refresh()

    def nodes(self) -> list[Any]:
        """The nodes of the scene that pass all filters, in the scene's order."""
        if self.scene is None:
            return []
        every = [self.scene.GetNthNode(i) for i in range(self.scene.GetNumberOfNodes())]
        return [node for node in every if self._fits(node)]

    def refresh(self) -> None:
        if self.scene is not None and self.scene.IsBatchProcessing():
            return
        old, had_entries, place = self.get_currentNodeID(), bool(self.ids), self._place()
        nodes = self.nodes()
        self.node_observations.clear()
        self.combo_box.blockSignals(True)
        self.combo_box.clear()
        self.ids = [""] if self.values["noneEnabled"] else []
        self.combo_box.addItems([self.values["noneDisplay"]] * len(self.ids))
        for node in nodes:
            self.ids.append(node.GetID())
            self.combo_box.addItem(node.GetName() or "")
            self.node_observations.add(node, "ModifiedEvent", self._rename)
        self.combo_box.setCurrentIndex(self._place_after(old, had_entries, place))
        self.combo_box.blockSignals(False)
        if self.get_currentNodeID() != old:
            self.selection_changed()

    def _place(self) -> int:
        return self.combo_box.currentIndex

    def _place_after(self, old: str, had_entries: bool, place: int) -> int:
        """As QComboBox does: the first entry where there was none, the neighbour of a lost one."""
        if old in self.ids:
            return self.ids.index(old)
        if not self.ids or (had_entries and place < 0):
            return -1
        if self.values["noneEnabled"] or not had_entries:
            return 0
        return min(place, len(self.ids) - 1)

    def _fits(self, node: Any) -> bool:
        types, values = self.values["nodeTypes"], self.values
        if node.GetHideFromEditors() and not values["showHidden"]:
            return False
        exact = node.GetClassName() in types
        if not exact and not (values["showChildNodeTypes"] and any(node.IsA(t) for t in types)):
            return False
        if any(node.IsA(t) for t in values["hideChildNodeTypes"]):
            return False
        wanted = [(name, value) for t, name, value in self.attributes if node.IsA(t)]
        has = [(node.GetAttribute(name), value) for name, value in wanted]
        return all(a is not None and value in (None, a) for a, value in has)

    def _rename(self) -> None:
        for index, node_id in enumerate(self.ids):
            node = self.scene.GetNodeByID(node_id) if node_id else None
            if node is not None and self.combo_box.itemText(index) != node.GetName():
                self.combo_box.setItemText(index, node.GetName())
                self.send("currentNodeRenamed(QString)", node.GetName())

    def selection_changed(self) -> None:
        node = self.currentNode()
        self.send("currentNodeChanged(vtkMRMLNode*)", node)
        self.send("currentNodeChanged(bool)", node is not None)
        self.send("currentNodeIDChanged(QString)", self.get_currentNodeID())

    def _activated(self, _index: int) -> None:
        self.send("nodeActivated(vtkMRMLNode*)", self.currentNode())

    def get_currentNodeID(self) -> str:
        place = self._place()
        return self.ids[place] if 0 <= place < len(self.ids) else ""

    def set_currentNodeID(self, node_id: str) -> None:
        self.combo_box.setCurrentIndex(self.ids.index(node_id) if node_id in self.ids else -1)

    def currentNode(self) -> Any:
        node_id = self.get_currentNodeID()
        return self.scene.GetNodeByID(node_id) if node_id else None

    def setCurrentNode(self, node: Any) -> None:
        node_id = node if isinstance(node, str) else "" if node is None else node.GetID()
        self.set_currentNodeID(node_id or "")

    def setCurrentNodeIndex(self, index: int) -> None:
        ids = [node_id for node_id in self.ids if node_id]
        self.set_currentNodeID(ids[index] if 0 <= index < len(ids) else "")

    def nodeFromIndex(self, index: int) -> Any:
        nodes = self.nodes()
        return nodes[index] if 0 <= index < len(nodes) else None

    def nodeCount(self) -> int:
        return sum(bool(node_id) for node_id in self.ids)

    def addAttribute(self, node_type: str, name: str, value: Any = None) -> None:
        self.attributes.append((node_type, name, value))
        self.refresh()

    def removeAttribute(self, node_type: str, name: str) -> None:
        self.attributes = [a for a in self.attributes if a[:2] != (node_type, name)]
        self.refresh()

    def setNodeTypeLabel(self, label: str, node_type: str) -> None:
        self.type_labels[node_type] = label

    def nodeTypeLabel(self, node_type: str) -> str:
        return self.type_labels.get(node_type, "")

    def addMenuAction(self, action: Any) -> None:
        self.combo_box.addAction(action)

    def addNode(self, node_type: str = "") -> Any:
        node_type = node_type or self.values["nodeTypes"][0]
        if node_type not in self.values["nodeTypes"]:
            return None
        node = self.scene.CreateNodeByClass(node_type)
        node.UnRegister(None)
        base = self.values["baseName"] or node.GetNodeTagName()
        node.SetName(self.scene.GenerateUniqueName(base))
        for wanted, name, value in self.attributes:
            if node.IsA(wanted):
                node.SetAttribute(name, "" if value is None else str(value))
        node = self.scene.AddNode(node)
        self.refresh()
        if self.values["selectNodeUponCreation"]:
            self.setCurrentNode(node)
        for signal in ("nodeAdded", "nodeAddedByUser", "nodeAddedByUserAction"):
            self.send(f"{signal}(vtkMRMLNode*)", node)
        return node

    def removeCurrentNode(self) -> None:
        node = self.currentNode()
        if node is not None:
            self.send("nodeAboutToBeRemoved(vtkMRMLNode*)", node)
            self.scene.RemoveNode(node)

    def editCurrentNode(self) -> None:
        self.send("nodeAboutToBeEdited(vtkMRMLNode*)", self.currentNode())

    def renameCurrentNode(self) -> None:
        node = self.currentNode()
        name = QtWidgets.QInputDialog.getText(self.q, "Rename", "New name:") if node else ""
        if name:
            node.SetName(name)


@behind("qMRMLCheckableNodeComboBox")
class CheckableNodeComboBox(NodeComboBox):
    """Which nodes are checked is known by their ids."""

    def start(self) -> None:
        self.checked: set[str] = set()
        super().start()

    def checkedNodes(self) -> list[Any]:
        return [node for node in self.nodes() if node.GetID() in self.checked]

    def uncheckedNodes(self) -> list[Any]:
        return [node for node in self.nodes() if node.GetID() not in self.checked]

    def allChecked(self) -> bool:
        return not self.uncheckedNodes()

    def noneChecked(self) -> bool:
        return not self.checkedNodes()

    def checkState(self, node: Any) -> Any:
        known = node is not None and node.GetID() in self.checked
        return QtCore.Qt.Checked if known else QtCore.Qt.Unchecked

    def setCheckState(self, node: Any, state: Any) -> None:
        before = set(self.checked)
        (self.checked.add if int(state) else self.checked.discard)(node.GetID())
        if before != self.checked:
            self.send("checkedNodesChanged()")

    def setUserCheckable(self, node: Any, checkable: bool) -> None:
        self.values.setdefault("userCheckable", {})[node.GetID()] = checkable

    def check(self, node: Any) -> None:
        self.setCheckState(node, QtCore.Qt.Checked)

    def uncheck(self, node: Any) -> None:
        self.setCheckState(node, QtCore.Qt.Unchecked)
