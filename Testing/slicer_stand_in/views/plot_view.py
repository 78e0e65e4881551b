"""The plot view: a chart of the series that a vtkMRMLPlotChartNode has."""

from typing import Any

import slicer
import vtk

from .. import environment


class PlotView:
    """Draws the plot chart node `chart` with VTK's charts, as Slicer does."""

    def __init__(self, chart: Any) -> None:
        if environment.missing_for_rendering():
            raise RuntimeError(environment.missing_for_rendering())
        self.node = chart
        self.view = vtk.vtkContextView()
        self.view.GetRenderWindow().SetOffScreenRendering(1)
        self.view.GetRenderWindow().SetMultiSamples(0)
        self.view.GetRenderer().SetBackground(1, 1, 1)

    def picture(self, size: tuple[int, int]) -> Any:
        """Return the chart as vtkImageData of `size` pixels."""
        self.view.GetScene().ClearItems()
        chart = vtk.vtkChartXY()
        self.view.GetScene().AddItem(chart)
        chart.SetTitle(self.node.GetTitle() or "")
        chart.SetShowLegend(self.node.GetLegendVisibility())
        for axis, name in ((1, "X"), (0, "Y")):
            title = getattr(self.node, f"Get{name}AxisTitle")() or ""
            chart.GetAxis(axis).SetTitle(title)
            chart.GetAxis(axis).SetLogScale(bool(getattr(self.node, f"Get{name}AxisLogScale")()))
        for index in range(self.node.GetNumberOfPlotSeriesNodes()):
            self._add(chart, self.node.GetNthPlotSeriesNode(index))
        self.view.GetRenderWindow().SetSize(*size)
        self.view.GetRenderWindow().Render()
        reader = vtk.vtkWindowToImageFilter()
        reader.SetInput(self.view.GetRenderWindow())
        reader.ReadFrontBufferOff()
        reader.Update()
        return reader.GetOutput()

    def _add(self, chart: Any, series: Any) -> None:
        table = series.GetTableNode()
        if table is None:
            return
        kinds = slicer.vtkMRMLPlotSeriesNode
        is_bar = series.GetPlotType() == kinds.PlotTypeBar
        is_points = series.GetPlotType() == kinds.PlotTypeScatter and not series.GetLineStyle()
        kind = (
            vtk.vtkChart.BAR if is_bar else vtk.vtkChart.POINTS if is_points else vtk.vtkChart.LINE
        )
        plot = chart.AddPlot(kind)
        x, y = series.GetXColumnName(), series.GetYColumnName()
        if x and series.IsXColumnRequired():
            plot.SetInputData(table.GetTable(), x, y)
        else:
            plot.SetInputData(table.GetTable(), y, y)
            plot.SetUseIndexForXSeries(True)
        plot.SetLabel(series.GetName())
        plot.SetColorF(*series.GetColor())
        plot.SetWidth(series.GetLineWidth())
