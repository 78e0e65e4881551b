"""The widgets with which modules let points be placed. Nothing is placed here: there is no mouse in
the views."""

from typing import Any

import slicer
from PySide6 import QtWidgets

from .behaviour import behind
from .layouts import row
from .mrml_widget import MRMLWidget


class _Markups(MRMLWidget):
    node: Any = None

    def currentNode(self) -> Any:
        return self.node

    def setCurrentNode(self, node: Any) -> None:
        self.node = node if node is not None and node.IsA("vtkMRMLMarkupsNode") else None


@behind("qSlicerMarkupsPlaceWidget")
class MarkupsPlaceWidget(_Markups):
    """Its place mode is the scene's own, which needs no mouse."""

    def start(self) -> None:
        super().start()
        self.place, self.remove = QtWidgets.QToolButton(), QtWidgets.QToolButton()
        row(self.q, self.place, self.remove)

    def currentMarkupsNode(self) -> Any:
        return self.node

    def currentMarkupsFiducialNode(self) -> Any:
        fiducials = self.node is not None and self.node.IsA("vtkMRMLMarkupsFiducialNode")
        return self.node if fiducials else None

    def interactionNode(self) -> Any:
        return slicer.app.applicationLogic().GetInteractionNode()

    def selectionNode(self) -> Any:
        return slicer.app.applicationLogic().GetSelectionNode()

    def placeButton(self) -> Any:
        return self.place

    def deleteButton(self) -> Any:
        return self.remove

    def set_placeModeEnabled(self, enabled: bool) -> None:
        enabled = enabled and self.node is not None
        if enabled == self.values["placeModeEnabled"]:
            return
        self.values["placeModeEnabled"] = self.values["currentNodeActive"] = enabled
        selection, interaction = self.selectionNode(), self.interactionNode()
        if enabled:
            selection.SetReferenceActivePlaceNodeClassName(self.node.GetClassName())
            selection.SetActivePlaceNodeID(self.node.GetID())
        mode = interaction.Place if enabled else interaction.ViewTransform
        interaction.SetCurrentInteractionMode(mode)
        self.send("activeMarkupsPlaceModeChanged(bool)", enabled)
        self.send("activeMarkupsFiducialPlaceModeChanged(bool)", enabled)

    def deleteLastPoint(self) -> None:
        if self.node is not None and self.node.GetNumberOfControlPoints():
            self.node.RemoveNthControlPoint(self.node.GetNumberOfControlPoints() - 1)

    def deleteAllPoints(self) -> None:
        if self.node is not None:
            self.node.RemoveAllControlPoints()


@behind("qSlicerSimpleMarkupsWidget")
class SimpleMarkupsWidget(_Markups):
    def setCurrentNode(self, node: Any) -> None:
        before = self.node
        super().setCurrentNode(node)
        if self.node is not before:
            self.send("markupsNodeChanged()")
            self.send("markupsFiducialNodeChanged()")
