"""What the widgets of the subject hierarchy have in common: which items they show."""

from collections.abc import Iterator
from typing import Any

import slicer
from vtkmodules.vtkCommonCore import vtkIdList

from .behaviour import Behaviour
from .mrml_widget import Observations


class Items(Behaviour):
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
        if not self._has_name_and_attribute(hierarchy, item):
            return False
        if self.levels:
            return hierarchy.GetItemLevel(item) in self.levels
        if node is None:
            # A segment or another item without a node is shown with its parent, not here.
            return bool(hierarchy.GetItemLevel(item)) and self._keeps_folder(hierarchy, item)
        if node.GetHideFromEditors() or any(node.IsA(t) for t in self.hidden_types):
            return False
        return not self.node_types or any(node.IsA(t) for t in self.node_types)

    def _has_name_and_attribute(self, hierarchy: Any, item: int) -> bool:
        name = self.values.get("nameFilter", "")
        attribute, value = self.values["attributeNameFilter"], self.values["attributeValueFilter"]
        if name.lower() not in hierarchy.GetItemName(item).lower():
            return False
        if attribute and value:
            return hierarchy.GetItemAttribute(item, attribute) == value
        return not attribute or hierarchy.HasItemAttribute(item, attribute)

    def _keeps_folder(self, hierarchy: Any, item: int) -> bool:
        if self.values.get("showEmptyHierarchyItems", True) and not self.node_types:
            return True
        below = vtkIdList()
        hierarchy.GetItemChildren(item, below, True)
        ids = [below.GetId(i) for i in range(below.GetNumberOfIds())]
        return any(hierarchy.GetItemDataNode(i) and self._fits(hierarchy, i) for i in ids)

    def refresh(self) -> None:
        """Show the items anew."""
