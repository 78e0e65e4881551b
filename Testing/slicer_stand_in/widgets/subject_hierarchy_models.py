"""The models of a qMRMLSubjectHierarchyTreeView, as far as modules reach for them."""

from typing import Any

from PySide6 import QtCore

from .behaviour import Behaviour, behind


@behind("qMRMLSubjectHierarchyModel")
class SubjectHierarchyModel(Behaviour):
    """The entries of the view. There is one column, whatever the numbers of the columns say."""

    scene: Any = None

    def mrmlScene(self) -> Any:
        return self.scene

    def setMRMLScene(self, scene: Any) -> None:
        self.scene = scene


@behind("qMRMLSortFilterSubjectHierarchyProxyModel")
class SortFilterModel(Behaviour):
    """The filters of the view, which filters by itself; `view` stands behind the view."""

    view: Any = None  # one that a module makes itself has none, and keeps its values

    def read(self, name: str) -> Any:
        values = self.values if self.view is None else self.view.values
        return values.get(name, self.values[name])

    def write(self, name: str, value: Any) -> None:
        if self.view is None:
            self.values[name] = value
        elif name in self.view.values:
            self.view.write(name, value)
        else:
            raise NotImplementedError(f"the stand-in's view does not filter by {name}")

    def setNameFilter(self, text: str) -> None:
        self.write("nameFilter", text)

    def setAttributeNameFilter(self, name: str) -> None:
        self.write("attributeNameFilter", name)

    def setAttributeValueFilter(self, value: str) -> None:
        self.write("attributeValueFilter", value)

    def setLevelFilter(self, levels: list[str]) -> None:
        self.write("levelFilter", levels)

    def setNodeTypes(self, types: list[str]) -> None:
        self.write("nodeTypes", types)

    def setHideChildNodeTypes(self, types: list[str]) -> None:
        self.write("hideChildNodeTypes", types)

    def mrmlScene(self) -> Any:
        return None if self.view is None else self.view.mrmlScene()

    def subjectHierarchyNode(self) -> Any:
        return None if self.view is None else self.view.subjectHierarchyNode()

    def acceptedItemCount(self, root: int) -> int:
        hierarchy = self.subjectHierarchyNode()
        return sum(
            hierarchy.IsItemAncestor(item, root) if root != hierarchy.GetSceneItemID() else True
            for item, _parent in self.view.shown()
        )

    def subjectHierarchyItemFromIndex(self, index: QtCore.QModelIndex) -> int:
        return self.view.item_at(index)

    def indexFromSubjectHierarchyItem(self, item: int, column: int = 0) -> QtCore.QModelIndex:
        return self.view.index_of(item)
