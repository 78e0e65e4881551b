"""In the idiom of modules that report: statistics, tables, charts, terminology, the subject
hierarchy."""

import SegmentStatistics
import slicer
from slicer.ScriptedLoadableModule import *


class MeasuresSegments(ScriptedLoadableModule):
    def __init__(self, parent):
        super().__init__(parent)
        parent.title = "Measures segments"
        parent.categories = ["Quantification"]


class MeasuresSegmentsWidget(ScriptedLoadableModuleWidget):
    def setup(self):
        super().setup()
        self.selector = slicer.qMRMLSubjectHierarchyComboBox()
        self.selector.setNodeTypes(["vtkMRMLSegmentationNode"])
        self.selector.setMRMLScene(slicer.mrmlScene)
        self.segments = slicer.qMRMLSegmentsTableView()
        self.segments.setMRMLScene(slicer.mrmlScene)
        self.show3D = slicer.qMRMLSegmentationShow3DButton()
        for widget in (self.selector, self.segments, self.show3D):
            self.layout.addWidget(widget)
        self.selector.connect("currentItemChanged(vtkIdType)", self.onItem)

    def node(self):
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        item = self.selector.currentItem()
        return hierarchy.GetItemDataNode(item) if item else None

    def onItem(self, item):
        self.segments.setSegmentationNode(self.node())
        self.show3D.setSegmentationNode(self.node())

    def measure(self, volume):
        statistics = SegmentStatistics.SegmentStatisticsLogic()
        parameters = statistics.getParameterNode()
        parameters.SetParameter("Segmentation", self.node().GetID())
        parameters.SetParameter("ScalarVolume", volume.GetID())
        statistics.computeStatistics()
        table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "Volumes")
        statistics.exportToTable(table)
        return statistics.getStatistics(), table

    def chart(self, table):
        series = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", "Volume")
        series.SetAndObserveTableNodeID(table.GetID())
        series.SetYColumnName("Volume [mm3]")
        series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeBar)
        series.SetUniqueColor()
        chart = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotChartNode", "Volumes")
        chart.AddAndObservePlotSeriesNodeID(series.GetID())
        chart.SetTitle("Volumes of segments")
        chart.SetYAxisTitle("mm3")
        slicer.modules.plots.logic().ShowChartInLayout(chart)
        return chart
