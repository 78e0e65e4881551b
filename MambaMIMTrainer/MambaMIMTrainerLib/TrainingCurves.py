"""Loss and validation Dice of a run as plots of the scene."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _

from mambamim.catalogue.terminology import term

LAYOUT = 53118  # number of the layout; Slicer's own are below 1000
_MOST = 2000  # points of a curve; more are thinned, for each is drawn
_MEAN = "dice"
_LOSSES = ("loss", "validation_loss")
_CLASS = "dice_"
_GREY, _BLUE, _ORANGE = (0.45, 0.45, 0.45), (0.18, 0.44, 0.71), (0.85, 0.45, 0.13)
_CHARTS = ("loss", "dice")


class TrainingCurves:
    """A table, its series and a chart each for the loss and for the Dice.

    Nodes are made with the first number, and taken up again where the scene has them.

    Attributes:
        charts: "loss" and "dice" -> vtkMRMLPlotChartNode, empty while there is no number.
    """

    def __init__(self) -> None:
        self.charts: dict[str, Any] = {}
        self._curves: dict[str, _Curve] = {}

    def clear(self) -> None:
        """Forget the run; its plots leave the scene."""
        for curve in self._curves.values():
            curve.remove()
        for chart in self.charts.values():
            slicer.mrmlScene.RemoveNode(chart)
        self._curves, self.charts = {}, {}

    def forget(self) -> None:
        """The scene closes: its nodes are gone."""
        self._curves, self.charts = {}, {}

    def add(self, metrics: Iterable[tuple[int, str, float]]) -> None:
        """Draw further numbers.

        Args:
            metrics: (step, name, value), where the name is "loss", "validation_loss", "dice" or
                "dice_" and a class; others are not drawn.
        """
        points: dict[str, list[tuple[float, float]]] = {}
        for step, name, value in metrics:
            if name in (*_LOSSES, _MEAN) or name.startswith(_CLASS):
                points.setdefault(name, []).append((float(step), float(value)))
        for name, values in points.items():
            self._curve(name).add(values)

    def show(self) -> None:
        """Put both plots below the slice views."""
        layouts = slicer.app.layoutManager()
        if layouts is None or not self.charts:
            return
        node = layouts.layoutLogic().GetLayoutNode()
        if not node.IsLayoutDescription(LAYOUT):
            node.AddLayoutDescription(LAYOUT, _layout())
        layouts.setLayout(LAYOUT)
        for kind, chart in self.charts.items():
            _viewNode(kind).SetPlotChartNodeID(chart.GetID())

    def _curve(self, name: str) -> _Curve:
        if name not in self._curves:
            kind = "loss" if name in _LOSSES else "dice"
            if kind not in self.charts:
                self.charts[kind] = _makeChart(kind)
            self._curves[name] = _Curve(name)
            chart = self.charts[kind]
            chart.AddAndObservePlotSeriesNodeID(self._curves[name].series.GetID())
            several = chart.GetNumberOfPlotSeriesNodes() > 1
            # The colours of the classes are those of the panel's table; there may be many.
            chart.SetLegendVisibility(kind == "loss" and several)
        return self._curves[name]


class _Curve:
    """One line: a table of steps and values, and how it is drawn."""

    def __init__(self, name: str) -> None:
        title, colour, width = _style(name)
        self._every, self._count = 1, 0
        self.table = slicer.mrmlScene.AddNewNodeByClass(
            "vtkMRMLTableNode", _("{name} (training)").format(name=title)
        )
        self.table.SetHideFromEditors(True)
        for column in (_("Step"), title):
            array = vtk.vtkDoubleArray()
            array.SetName(column)
            self.table.AddColumn(array)
        self.series = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", title)
        self.series.SetAndObserveTableNodeID(self.table.GetID())
        self.series.SetXColumnName(_("Step"))
        self.series.SetYColumnName(title)
        self.series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
        self.series.SetLineStyle(slicer.vtkMRMLPlotSeriesNode.LineStyleSolid)
        self.series.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
        self.series.SetLineWidth(width)
        self.series.SetColor(*colour)

    def add(self, points: Sequence[tuple[float, float]]) -> None:
        steps, values = (self.table.GetTable().GetColumn(i) for i in range(2))
        while len(points) // self._every > _MOST:  # a run that was left for days
            self._thin(steps, values)
        for step, value in points:
            self._count += 1
            if self._count % self._every == 0:
                steps.InsertNextValue(step)
                values.InsertNextValue(value)
        while steps.GetNumberOfTuples() > _MOST:
            self._thin(steps, values)
        self.table.GetTable().Modified()
        self.table.Modified()

    def remove(self) -> None:
        slicer.mrmlScene.RemoveNode(self.series)
        slicer.mrmlScene.RemoveNode(self.table)

    def _thin(self, steps: Any, values: Any) -> None:
        """Keep each second point from now on."""
        self._every *= 2
        for array in (steps, values):
            kept = [array.GetValue(i) for i in range(1, array.GetNumberOfTuples(), 2)]
            array.SetNumberOfTuples(0)
            for value in kept:
                array.InsertNextValue(value)


def _style(name: str) -> tuple[str, tuple[float, float, float], int]:
    """Title, colour and width of a line."""
    if name == "loss":
        return _("Loss"), _BLUE, 2
    if name == "validation_loss":
        return _("Validation loss"), _ORANGE, 2
    if name == _MEAN:
        return _("Mean Dice"), _GREY, 4
    meaning = term(name.removeprefix(_CLASS))
    red, green, blue = (part / 255 for part in meaning.colour)
    return meaning.title, (red, green, blue), 2


def _makeChart(kind: str) -> Any:
    titles = {"loss": _("Loss"), "dice": _("Dice on the validation cases (grey: mean)")}
    chart = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotChartNode", titles[kind])
    chart.SetTitle(titles[kind])
    chart.SetXAxisTitle(_("Step"))
    chart.SetYAxisTitle(_("Loss") if kind == "loss" else _("Dice"))
    chart.SetLegendVisibility(False)
    if kind == "dice":
        chart.SetYAxisRangeAuto(False)
        chart.SetYAxisRange(0.0, 1.0)
    return chart


def _viewNode(kind: str) -> Any:
    """The node of a plot view; made if the view has not been on the screen yet."""
    name = _viewName(kind)
    found = slicer.mrmlScene.GetSingletonNode(name, "vtkMRMLPlotViewNode")
    if found is None:
        node = slicer.vtkMRMLPlotViewNode()
        node.SetSingletonTag(name)
        node.SetLayoutName(name)
        found = slicer.mrmlScene.AddNode(node)
    return found


def _viewName(kind: str) -> str:
    return f"MambaMIM{kind.capitalize()}"


def _layout() -> str:
    slices = "".join(
        f'<item><view class="vtkMRMLSliceNode" singletontag="{name}">'
        f'<property name="orientation" action="default">{orientation}</property>'
        f'<property name="viewlabel" action="default">{name[0]}</property>'
        f'<property name="viewcolor" action="default">{colour}</property></view></item>'
        for name, orientation, colour in (
            ("Red", "Axial", "#F34A33"),
            ("Green", "Coronal", "#6EB04B"),
        )
    )
    plots = "".join(
        f'<item><view class="vtkMRMLPlotViewNode" singletontag="{_viewName(kind)}">'
        f'<property name="viewlabel" action="default">{index}</property></view></item>'
        for index, kind in enumerate(_CHARTS, start=1)
    )
    rows = "".join(
        f'<item><layout type="horizontal">{row}</layout></item>' for row in (slices, plots)
    )
    return f'<layout type="vertical">{rows}</layout>'
