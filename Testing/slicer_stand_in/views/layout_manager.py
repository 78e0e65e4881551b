"""slicer.app.layoutManager()."""

from typing import Any

import slicer
import vtk
from shiboken6 import isValid

from ..widgets.behaviour import Behaviour, behind
from ..widgets.factory import behaviour, made_classes
from . import plot_widget  # noqa: F401  (registers behaviours)
from .view_widgets import three_d_view

_SLICES = ("Red", "Green", "Yellow")


def _there(widget: Any) -> bool:
    """Views go with the window that they were put into; then there are to be new ones."""
    return widget is not None and isValid(widget)


@behind("qMRMLLayoutManager")
class LayoutManager(Behaviour):
    """Three slice views, one 3D view and, once a chart is asked for, one plot view. The layout is
    kept in the layout node; which views are on the screen does not change with it."""

    scene: Any = None
    logic: Any = None

    def start(self) -> None:
        self.slices: dict[str, Any] = {}
        self.three_d: Any = None
        self.plot: Any = None

    def mrmlScene(self) -> Any:
        return self.scene

    def setMRMLScene(self, scene: Any) -> None:
        self.scene = scene
        self.logic = slicer.vtkMRMLLayoutLogic()
        self.logic.SetMRMLScene(scene)

    def layoutLogic(self) -> Any:
        return self.logic

    def get_layout(self) -> int:
        if self.logic is None:
            return self.values["layout"]
        return self.logic.GetLayoutNode().GetViewArrangement()

    def set_layout(self, layout: int) -> None:
        changed, self.values["layout"] = layout != self.get_layout(), layout
        if self.logic is not None:
            self.logic.GetLayoutNode().SetViewArrangement(layout)
        if changed:
            self.send("layoutChanged(int)", layout)

    def get_plotViewCount(self) -> int:
        return int(_there(self.plot))

    def sliceViewNames(self) -> list[str]:
        return list(_SLICES)

    def viewWidget(self, node: Any) -> Any:
        if node is not None and node.IsA("vtkMRMLSliceNode"):
            return self.sliceWidget(node.GetLayoutName())
        return self.threeDWidget(0) if node is self.activeMRMLThreeDViewNode() else None

    def sliceWidget(self, name: str) -> Any:
        if name not in _SLICES:
            return None
        if not _there(self.slices.get(name)):
            self.slices[name] = made_classes()["qMRMLSliceWidget"]()
            behaviour(self.slices[name]).show_view(name)
        return self.slices[name]

    def threeDWidget(self, index: int) -> Any:
        if index != 0:
            return None
        if not _there(self.three_d):
            self.three_d = made_classes()["qMRMLThreeDWidget"]()
        return self.three_d

    def plotWidget(self, index: int) -> Any:
        if index != 0:
            return None
        if not _there(self.plot):
            self.plot = made_classes()["qMRMLPlotWidget"]()
            self.plot.setMRMLPlotViewNode(self.activeMRMLPlotViewNode())
        return self.plot

    def mrmlSliceLogics(self) -> Any:
        logics = vtk.vtkCollection()
        for name in _SLICES:
            logics.AddItem(self.sliceWidget(name).sliceLogic())
        return logics

    def activeMRMLThreeDViewNode(self) -> Any:
        return self.threeDWidget(0).mrmlViewNode()

    def activeThreeDRenderer(self) -> Any:
        return three_d_view().target.renderer

    def activeMRMLPlotViewNode(self) -> Any:
        node = self.scene.GetFirstNodeByClass("vtkMRMLPlotViewNode")
        return node or self.scene.AddNewNodeByClass("vtkMRMLPlotViewNode", "PlotView1")

    def resetThreeDViews(self) -> None:
        behaviour(self.threeDWidget(0).threeDView()).reset = True

    def resetSliceViews(self) -> None:
        for name in _SLICES:
            self.sliceWidget(name).sliceLogic().FitSliceToAll()
            behaviour(self.sliceWidget(name).sliceView()).reset = True
