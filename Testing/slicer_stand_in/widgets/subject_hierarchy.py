"""qMRMLSubjectHierarchyComboBox and qMRMLSubjectHierarchyTreeView."""

from collections.abc import Iterator
from typing import Any

import slicer
from PySide6 import QtCore, QtGui, QtWidgets
from vtkmodules.vtkCommonCore import vtkIdList

from .behaviour import Behaviour, behind
from .mrml_widget import Observations

_ITEM = QtCore.Qt.UserRole + 1


class _Items(Behaviour):
    """The items of a scene's subject hierarchy that pass the filters."""

    def start(self) -> None:
        self.scene: Any = None
        self.node_types: list[str] = []
        self.hidden_types: list[str] = []
        self.levels: list[str] = []
        self.root = 0
        self.observations = Observations(self.q)

    def mrmlScene(self) -> Any:
        return self.scene

    def subjectHierarchyNode(self) -> Any:
        find = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode
        return None if self.scene is None else find(self.scene)

    def setMRMLScene(self, scene: Any) -> None:
        self.observations.clear()
        self.scene = scene
        hierarchy = self.subjectHierarchyNode()
        if hierarchy is not None:
            for name in ("Added", "Removed", "Modified", "Reparented"):
                event = getattr(hierarchy, f"SubjectHierarchyItem{name}Event")
                self.observations.add(hierarchy, event, self.refresh)
            self.observations.add(scene, scene.EndCloseEvent, self.refresh)
        self.refresh()

    def setNodeTypes(self, types: list[str]) -> None:
        self.node_types = types
        self.refresh()

    def setHideChildNodeTypes(self, types: list[str]) -> None:
        self.hidden_types = types
        self.refresh()

    def setLevelFilter(self, levels: list[str]) -> None:
        self.levels = levels
        self.refresh()

    def rootItem(self) -> int:
        return self.root

    def setRootItem(self, item: int) -> None:
        self.root = item
        self.refresh()

    def shown(self) -> Iterator[tuple[int, int]]:
        """Yield (item, parent) for each item that is shown, parents first."""
        hierarchy = self.subjectHierarchyNode()
        if hierarchy is None:
            return
        items = vtkIdList()
        hierarchy.GetItemChildren(self.root or hierarchy.GetSceneItemID(), items, True)
        for index in range(items.GetNumberOfIds()):
            item = items.GetId(index)
            if self._fits(hierarchy, item):
                yield item, hierarchy.GetItemParent(item)

    def _fits(self, hierarchy: Any, item: int) -> bool:
        node = hierarchy.GetItemDataNode(item)
        if self.levels:
            return hierarchy.GetItemLevel(item) in self.levels
        if node is None:
            # A segment or another item without a node is shown with its parent, not here.
            return bool(hierarchy.GetItemLevel(item)) and self._keeps_folder(hierarchy, item)
        if node.GetHideFromEditors() or any(node.IsA(t) for t in self.hidden_types):
            return False
        return not self.node_types or any(node.IsA(t) for t in self.node_types)

    def _keeps_folder(self, hierarchy: Any, item: int) -> bool:
        if self.values.get("showEmptyHierarchyItems", True) and not self.node_types:
            return True
        below = vtkIdList()
        hierarchy.GetItemChildren(item, below, True)
        ids = [below.GetId(i) for i in range(below.GetNumberOfIds())]
        return any(hierarchy.GetItemDataNode(i) and self._fits(hierarchy, i) for i in ids)

    def refresh(self) -> None:
        """Show the items anew."""


@behind("qMRMLSubjectHierarchyComboBox")
class SubjectHierarchyComboBox(_Items):
    def start(self) -> None:
        super().start()
        self.q.connect("currentIndexChanged(int)", lambda _: self._changed())

    def write(self, name: str, value: Any) -> None:
        super().write(name, value)
        if name in ("noneEnabled", "noneDisplay", "showEmptyHierarchyItems"):
            self.refresh()

    def currentItem(self) -> int:
        item = self.q.itemData(self.q.currentIndex)
        return item if item else 0

    def setCurrentItem(self, item: int) -> None:
        items = [self.q.itemData(i) for i in range(self.q.count)]
        self.q.setCurrentIndex(items.index(item) if item in items else self._none())

    def clearSelection(self) -> None:
        self.q.setCurrentIndex(self._none())

    def refresh(self) -> None:
        old = self.currentItem()
        self.q.blockSignals(True)
        self.q.clear()
        if self.values["noneEnabled"]:
            self.q.addItem(self.values["noneDisplay"], 0)
        for item, _parent in self.shown():
            self.q.addItem(self._title(item), item)
        self.setCurrentItem(old)
        self.q.blockSignals(False)
        if self.currentItem() != old:
            self._changed()

    def _title(self, item: int) -> str:
        hierarchy = self.subjectHierarchyNode()
        names, top = [hierarchy.GetItemName(item)], (0, hierarchy.GetSceneItemID())
        parent = hierarchy.GetItemParent(item)
        while self.values["showCurrentItemParents"] and parent not in top:
            names.insert(0, hierarchy.GetItemName(parent))
            parent = hierarchy.GetItemParent(parent)
        return " / ".join(names)

    def _none(self) -> int:
        return 0 if self.values["noneEnabled"] else -1

    def _changed(self) -> None:
        self.send("currentItemChanged(vtkIdType)", self.currentItem())


@behind("qMRMLSubjectHierarchyTreeView")
class SubjectHierarchyTreeView(_Items):
    def start(self) -> None:
        super().start()
        self.model = QtGui.QStandardItemModel(self.q)
        self.q.setModel(self.model)
        self.q.setHeaderHidden(True)
        self.q.setEditTriggers(QtWidgets.QAbstractItemView.NoEditTriggers)
        self._selection().connect("selectionChanged(QItemSelection,QItemSelection)", self._changed)

    def set_nodeTypes(self, types: list[str]) -> None:
        self.values["nodeTypes"] = types
        self.setNodeTypes(types)

    def set_hideChildNodeTypes(self, types: list[str]) -> None:
        self.values["hideChildNodeTypes"] = types
        self.setHideChildNodeTypes(types)

    def set_levelFilter(self, levels: list[str]) -> None:
        self.values["levelFilter"] = levels
        self.setLevelFilter(levels)

    def set_multiSelection(self, multi: bool) -> None:
        self.values["multiSelection"] = multi
        mode = "ExtendedSelection" if multi else "SingleSelection"
        self.q.setSelectionMode(getattr(QtWidgets.QAbstractItemView, mode))

    def refresh(self) -> None:
        chosen = self._chosen()
        self.model.clear()
        entries: dict[int, QtGui.QStandardItem] = {}
        for item, parent in self.shown():
            entry = QtGui.QStandardItem(self.subjectHierarchyNode().GetItemName(item))
            entry.setData(item, _ITEM)
            entries.get(parent, self.model.invisibleRootItem()).appendRow(entry)
            entries[item] = entry
        self.q.expandAll()
        self._choose([item for item in chosen if item in entries])

    def displayedItemCount(self) -> int:
        return len(list(self.shown()))

    def currentItem(self) -> int:
        return next(iter(self._chosen()), 0)

    def currentItems(self, items: Any) -> None:
        items.Reset()
        for item in self._chosen():
            items.InsertNextId(item)

    def setCurrentItem(self, item: int) -> None:
        self._choose([item])

    def setCurrentItems(self, items: Any) -> None:
        self._choose([items.GetId(i) for i in range(items.GetNumberOfIds())])

    def setCurrentNode(self, node: Any) -> None:
        self._choose([self.subjectHierarchyNode().GetItemByDataNode(node)] if node else [])

    def _selection(self) -> QtCore.QItemSelectionModel:
        return self.q.selectionModel()

    def _chosen(self) -> list[int]:
        return [index.data(_ITEM) for index in self._selection().selectedRows()]

    def _choose(self, items: list[int]) -> None:
        self._selection().clearSelection()
        for item in items:
            for index in self.model.match(
                self.model.index(0, 0), _ITEM, item, 1, QtCore.Qt.MatchRecursive
            ):
                rows = QtCore.QItemSelectionModel.Rows
                self._selection().select(index, QtCore.QItemSelectionModel.Select | rows)

    def _changed(self) -> None:
        self.send("currentItemChanged(vtkIdType)", self.currentItem())
        self.send("currentItemsChanged(QList<vtkIdType>)", self._chosen())
