"""SegmentStatistics: the measurements of label maps and of volumes under them, by Slicer's
names."""

import csv

import numpy as np
import slicer
import vtk

_LABELMAP, _SCALAR = "LabelmapSegmentStatisticsPlugin", "ScalarVolumeSegmentStatisticsPlugin"
_TITLES = {
    "Segment": "Segment",
    f"{_LABELMAP}.voxel_count": "Number of voxels [voxels]",
    f"{_LABELMAP}.volume_mm3": "Volume [mm3]",
    f"{_LABELMAP}.volume_cm3": "Volume [cm3]",
    f"{_SCALAR}.min": "Minimum",
    f"{_SCALAR}.max": "Maximum",
    f"{_SCALAR}.mean": "Mean",
    f"{_SCALAR}.median": "Median",
    f"{_SCALAR}.stdev": "Standard deviation",
}


class SegmentStatisticsLogic:
    """Parameters: "Segmentation" and "ScalarVolume", the ids of nodes."""

    def __init__(self, parent=None):
        self._node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
        self.reset()

    def getParameterNode(self):
        return self._node

    def getStatistics(self):
        return self.statistics

    def reset(self):
        self.keys = ("Segment",)
        self.statistics = {"SegmentIDs": [], "MeasurementInfo": {}}

    def computeStatistics(self):
        self.reset()
        node = self._of("Segmentation")
        if node is None:
            raise ValueError("No segmentation is selected")
        for segment_id in node.GetSegmentation().GetSegmentIDs():
            self.statistics["SegmentIDs"].append(segment_id)
            self.updateStatisticsForSegment(segment_id)

    def updateStatisticsForSegment(self, segmentID):
        node, volume = self._of("Segmentation"), self._of("ScalarVolume")
        segment = node.GetSegmentation().GetSegment(segmentID)
        self._add(segmentID, {"Segment": segment.GetName()})
        image = slicer.vtkOrientedImageData()
        if volume is None:
            node.GetBinaryLabelmapRepresentation(segmentID, image)
            spacing, voxels = image.GetSpacing(), _array(image)
        else:
            voxels = slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentID, volume)
            spacing = volume.GetSpacing()
        inside = voxels > 0
        volume_mm3 = float(inside.sum() * np.prod(spacing))
        measured = {"voxel_count": int(inside.sum()), "volume_mm3": volume_mm3}
        measured["volume_cm3"] = volume_mm3 / 1000
        self._add(segmentID, {f"{_LABELMAP}.{key}": value for key, value in measured.items()})
        if volume is not None and inside.any():
            values = slicer.util.arrayFromVolume(volume)[inside]
            functions = {"min": np.min, "max": np.max, "mean": np.mean, "median": np.median}
            scalars = {name: float(f(values)) for name, f in functions.items()}
            scalars["stdev"] = float(np.std(values, ddof=1)) if values.size > 1 else 0.0
            scalars |= measured
            self._add(segmentID, {f"{_SCALAR}.{key}": value for key, value in scalars.items()})

    def getNonEmptyKeys(self):
        present = {key for _, key in (k for k in self.statistics if isinstance(k, tuple))}
        return [key for key in self.keys if key in present]

    def exportToTable(self, table, nonEmptyKeysOnly=True):
        keys = self.getNonEmptyKeys() if nonEmptyKeysOnly else list(self.keys)
        wasModified = table.StartModify()
        table.RemoveAllColumns()
        for key in keys:
            column = vtk.vtkStringArray() if key == "Segment" else vtk.vtkDoubleArray()
            column.SetName(_TITLES.get(key, key))
            for segment_id in self.statistics["SegmentIDs"]:
                value = self.statistics.get((segment_id, key), "" if key == "Segment" else np.nan)
                column.InsertNextValue(value)
            table.AddColumn(column)
        table.EndModify(wasModified)

    def exportToCSVFile(self, fileName, nonEmptyKeysOnly=True):
        keys = self.getNonEmptyKeys() if nonEmptyKeysOnly else list(self.keys)
        with open(fileName, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([_TITLES.get(key, key) for key in keys])
            for segment_id in self.statistics["SegmentIDs"]:
                writer.writerow([self.statistics.get((segment_id, key), "") for key in keys])

    def showTable(self, table, planeOrientation=""):
        slicer.app.applicationLogic().GetSelectionNode().SetActiveTableID(table.GetID())
        slicer.app.applicationLogic().PropagateTableSelection()

    def _of(self, parameter):
        node_id = self._node.GetParameter(parameter)
        return slicer.mrmlScene.GetNodeByID(node_id) if node_id else None

    def _add(self, segment_id, values):
        self.keys += tuple(key for key in values if key not in self.keys)
        self.statistics.update({(segment_id, key): value for key, value in values.items()})


def _array(image):
    from vtkmodules.util.numpy_support import vtk_to_numpy

    if image.GetPointData().GetScalars() is None:
        return np.zeros((0, 0, 0), np.uint8)
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
