"""qMRMLPlotView, qMRMLPlotWidget and qMRMLTableView."""

from typing import Any

from PySide6 import QtGui

from ..widgets.behaviour import Behaviour, behind
from ..widgets.factory import behaviour, made_classes
from ..widgets.layouts import column
from ..widgets.mrml_widget import Observations
from .plot_view import PlotView
from .view_widgets import RenderedView


@behind("qMRMLPlotView")
class PlotViewWidget(RenderedView):
    background = "white"
    node: Any = None

    def picture(self, size: tuple[int, int]) -> Any:
        return None if self.chart() is None else PlotView(self.chart()).picture(size)

    def chart(self) -> Any:
        return None if self.node is None else self.node.GetPlotChartNode()

    def mrmlPlotViewNode(self) -> Any:
        return self.node

    def setMRMLPlotViewNode(self, node: Any) -> None:
        self.node = node
        self.q.update()

    def setMRMLScene(self, scene: Any) -> None:
        """The view node says which chart is shown."""

    def fitToContent(self) -> None:
        self.q.update()


@behind("qMRMLPlotWidget")
class PlotWidget(Behaviour):
    def start(self) -> None:
        self.view = made_classes()["qMRMLPlotView"]()
        column(self.q, self.view)

    def plotView(self) -> Any:
        return self.view

    def mrmlPlotViewNode(self) -> Any:
        return self.view.mrmlPlotViewNode()

    def setMRMLPlotViewNode(self, node: Any) -> None:
        self.view.setMRMLPlotViewNode(node)

    def setMRMLScene(self, scene: Any) -> None:
        behaviour(self.view).setMRMLScene(scene)


@behind("qMRMLTableView")
class TableView(Behaviour):
    node: Any = None
    first_row_locked = False

    def start(self) -> None:
        self.model = QtGui.QStandardItemModel(self.q)
        self.q.setModel(self.model)
        self.observations = Observations(self.q)

    def mrmlTableNode(self) -> Any:
        return self.node

    def setMRMLTableNode(self, node: Any) -> None:
        self.observations.clear()
        self.node = node
        if node is not None:
            self.observations.add(node, "ModifiedEvent", self._show)
        self._show()

    def setMRMLScene(self, scene: Any) -> None:
        """The table node is all that is shown."""

    def setFirstRowLocked(self, locked: bool) -> None:
        self.first_row_locked = locked

    def _show(self) -> None:
        self.model.clear()
        if self.node is None:
            return
        table = self.node.GetTable()
        columns = [table.GetColumn(i) for i in range(table.GetNumberOfColumns())]
        self.model.setHorizontalHeaderLabels([c.GetName() or "" for c in columns])
        for row in range(table.GetNumberOfRows()):
            texts = [c.GetVariantValue(row).ToString() for c in columns]
            self.model.appendRow([QtGui.QStandardItem(text) for text in texts])
