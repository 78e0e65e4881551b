"""The organs' volumes and intensities as a table of the scene."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _

from mambamim.catalogue.terminology import Term, term
from MambaMIMLib.SegmentationResult import placeBeside


def makeStatisticsTable(
    rows: Iterable[Mapping[str, Any]],
    volumeNode: Any,
    unit: str = "HU",
    terms: Mapping[str, Term] | None = None,
) -> Any:
    """A vtkMRMLTableNode beside the volume, a row an organ that was found.

    Args:
        rows: of the worker's result: `name`, `voxels`, `volume_ml`, `mean_hu`, `sd_hu`.
        volumeNode: the volume that they are of.
        unit: of its intensities, empty for none.
        terms: class name -> what it is, where the model knows more than the catalogue.
    """
    titles = {name: meaning.title for name, meaning in (terms or {}).items()}
    found = [row for row in rows if row["voxels"]]
    of = f" [{unit}]" if unit else ""
    columns = (
        (_("Structure"), vtk.vtkStringArray(), [_title(row["name"], titles) for row in found]),
        (_("Volume [ml]"), vtk.vtkDoubleArray(), [_volume(row["volume_ml"]) for row in found]),
        (_("Mean") + of, vtk.vtkDoubleArray(), [_rounded(row["mean_hu"]) for row in found]),
        (_("SD") + of, vtk.vtkDoubleArray(), [_rounded(row["sd_hu"]) for row in found]),
        (_("Voxels"), vtk.vtkIntArray(), [int(row["voxels"]) for row in found]),
    )
    name = _("{volume} statistics").format(volume=volumeNode.GetName())
    table = slicer.mrmlScene.AddNewNodeByClass(
        "vtkMRMLTableNode", slicer.mrmlScene.GetUniqueNameByString(name)
    )
    wasModified = table.StartModify()
    for title, array, values in columns:
        array.SetName(title)
        for value in values:
            array.InsertNextValue(value)
        table.AddColumn(array)
        table.SetColumnTitle(title, title)
    table.SetUseColumnTitleAsColumnHeader(True)
    table.EndModify(wasModified)
    placeBeside(table, volumeNode)
    return table


def _title(name: str, titles: Mapping[str, str]) -> str:
    return titles.get(name) or term(name).title


def _volume(millilitres: float) -> float:
    """As precise as it may be compared: an adrenal gland has some 4 ml, a liver 1500."""
    return round(float(millilitres), 1 if millilitres >= 100 else 2)


def _rounded(value: float | None) -> float:
    return float("nan") if value is None else round(float(value), 1)
