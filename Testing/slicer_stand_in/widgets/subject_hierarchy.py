"""qMRMLSubjectHierarchyComboBox and qMRMLSubjectHierarchyTreeView."""

from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from .behaviour import behind
from .factory import behaviour, made_classes
from .subject_hierarchy_items import Items

_ITEM = QtCore.Qt.UserRole + 1


@behind("qMRMLSubjectHierarchyComboBox")
class SubjectHierarchyComboBox(Items):
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
class SubjectHierarchyTreeView(Items):
    def start(self) -> None:
        super().start()
        classes = made_classes()
        self.items = classes["qMRMLSubjectHierarchyModel"](self.q)
        self.filters = classes["qMRMLSortFilterSubjectHierarchyProxyModel"](self.q)
        behaviour(self.filters).view = self
        self.q.setModel(self.items)
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

    def write(self, name: str, value: Any) -> None:
        super().write(name, value)
        if name in ("nameFilter", "attributeNameFilter", "attributeValueFilter"):
            self.refresh()

    def model(self) -> Any:
        return self.items

    def sortFilterProxyModel(self) -> Any:
        return self.filters

    def setAttributeFilter(self, name: str, value: Any = None) -> None:
        self.values["attributeValueFilter"] = "" if value is None else str(value)
        self.write("attributeNameFilter", name)

    def removeAttributeFilter(self) -> None:
        self.setAttributeFilter("")

    def deleteSelectedItems(self) -> None:
        hierarchy = self.subjectHierarchyNode()
        for item in self._chosen():
            node = hierarchy.GetItemDataNode(item)
            if node is not None:
                self.scene.RemoveNode(node)  # its item goes with it
            else:
                hierarchy.RemoveItem(item)

    def set_multiSelection(self, multi: bool) -> None:
        self.values["multiSelection"] = multi
        mode = "ExtendedSelection" if multi else "SingleSelection"
        self.q.setSelectionMode(getattr(QtWidgets.QAbstractItemView, mode))

    def refresh(self) -> None:
        chosen = self._chosen()
        self.items.clear()
        entries: dict[int, QtGui.QStandardItem] = {}
        for item, parent in self.shown():
            entry = QtGui.QStandardItem(self.subjectHierarchyNode().GetItemName(item))
            entry.setData(item, _ITEM)
            entries.get(parent, self.items.invisibleRootItem()).appendRow(entry)
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

    def item_at(self, index: QtCore.QModelIndex) -> int:
        """The item of an entry, 0 for none."""
        return index.data(_ITEM) or 0

    def index_of(self, item: int) -> QtCore.QModelIndex:
        """The entry of an item, an invalid one if it is not shown."""
        first, found = self.items.index(0, 0), QtCore.Qt.MatchRecursive
        return next(iter(self.items.match(first, _ITEM, item, 1, found)), QtCore.QModelIndex())

    def _selection(self) -> QtCore.QItemSelectionModel:
        return self.q.selectionModel()

    def _chosen(self) -> list[int]:
        return [index.data(_ITEM) for index in self._selection().selectedRows()]

    def _choose(self, items: list[int]) -> None:
        self._selection().clearSelection()
        rows = QtCore.QItemSelectionModel.Select | QtCore.QItemSelectionModel.Rows
        for index in filter(QtCore.QModelIndex.isValid, map(self.index_of, items)):
            self._selection().select(index, rows)

    def _changed(self) -> None:
        self.send("currentItemChanged(vtkIdType)", self.currentItem())
        self.send("currentItemsChanged(QList<vtkIdType>)", self._chosen())
