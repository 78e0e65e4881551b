import math

import numpy as np
import slicer
from scene_volumes import add_volume

from mambamim.catalogue.terminology import Term
from MambaMIMLib.StatisticsTable import makeStatisticsTable

_ROWS = [
    {"name": "kidney_right", "voxels": 1000, "volume_ml": 151.26, "mean_hu": 34.04, "sd_hu": 9.96},
    {"name": "spleen", "voxels": 0, "volume_ml": 0.0, "mean_hu": None, "sd_hu": None},
    {"name": "cyst", "voxels": 1, "volume_ml": 0.04, "mean_hu": 5.0, "sd_hu": None},
]


def _column(table, title):
    column = table.GetTable().GetColumnByName(title)
    return [column.GetValue(row) for row in range(column.GetNumberOfValues())]


def _volume():
    return add_volume(np.zeros((3, 3, 3), np.int16))


def test_a_row_for_each_structure_that_was_found(scene):
    cyst = Term("cyst", "Cyst of kidney", (1, 2, 3), ("1", "a"), ("2", "b"))
    table = makeStatisticsTable(_ROWS, _volume(), "HU", {"cyst": cyst})
    assert table.GetName() == "A Patient's CT statistics"
    assert table.GetColumnTitle("Volume [ml]") == "Volume [ml]"
    assert table.GetUseColumnTitleAsColumnHeader()
    assert _column(table, "Structure") == ["Right kidney", "Cyst of kidney"]
    assert _column(table, "Volume [ml]") == [151.3, 0.04]
    assert _column(table, "Mean [HU]") == [34.0, 5.0]
    assert _column(table, "Voxels") == [1000, 1]
    deviation = _column(table, "SD [HU]")
    assert deviation[0] == 10.0
    assert math.isnan(deviation[1])


def test_units_and_names_are_those_of_the_volume(scene):
    volume = _volume()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "study")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), study)
    first = makeStatisticsTable(_ROWS, volume, "")
    second = makeStatisticsTable(_ROWS, volume, "")
    assert _column(first, "Mean") == [34.0, 5.0]
    assert first.GetName() != second.GetName()
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(first)) == study
