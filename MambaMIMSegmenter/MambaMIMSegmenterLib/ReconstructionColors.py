"""Colours of errors, a scale whose lightness grows evenly with its bar, and of masks."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

# Black, violet, red, orange, pale yellow. CIELAB's lightness grows from 0 to 97 in equal steps, so
# the order of the colours is seen in grey and by the colour-blind too.
_SCALE = bytes.fromhex(
    "000000 120e31 1f1453 3c1767 571a7a 741e87 981f7e b62a6f cf3b5b "
    "e54e48 f4643d fc8036 ff9a36 ffb53a ffcd49 ffe376 fff9b4"
)
_COLORS = 256
_HIDDEN = (0.16, 0.22, 0.30)
_FONT = 12  # points


def errorColorNode() -> Any:
    """The scene's colour table for errors, made when it is first asked for."""
    colors = [(f"{index}", *_color(index / (_COLORS - 1)), 1.0) for index in range(_COLORS)]
    return _table("MambaMIM error", colors)


def maskColorNode() -> Any:
    """The scene's colour table for masks: what was hidden is slate, unlike any grey of a scan."""
    return _table("MambaMIM mask", [("visible", 0, 0, 0, 0), ("hidden", *_HIDDEN, 1)])


def _table(name: str, colors: list[tuple[Any, ...]]) -> Any:
    tag = name.replace(" ", "")  # one of each in a scene
    node = slicer.mrmlScene.GetSingletonNode(tag, "vtkMRMLColorTableNode")
    if node is not None:
        return node
    node = slicer.vtkMRMLColorTableNode()
    node.SetName(name)
    node.SetSingletonTag(tag)
    node.SetTypeToUser()
    node.SetNumberOfColors(len(colors))
    for index, (title, *color) in enumerate(colors):
        node.SetColor(index, title, *color)
    node.SetHideFromEditors(True)
    return slicer.mrmlScene.AddNode(node)


def colorBar(volumeNode: Any) -> Any:
    """The vtkMRMLColorLegendDisplayNode of a volume; None without, or where there are none."""
    if not hasattr(slicer, "vtkMRMLColorLegendDisplayNode"):
        return None
    return slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(volumeNode)


def addColorBar(volumeNode: Any, unit: str) -> None:
    """Give a volume a colour legend, unless the application has none.

    Args:
        volumeNode: of absolute errors; has a display node.
        unit: of its intensities, empty for none.
    """
    if not hasattr(slicer, "vtkMRMLColorLegendDisplayNode"):
        return
    legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(volumeNode)
    if legend is None:  # the module Colors, which brings them, is switched off
        return
    legend.SetTitleText(_("Error [{unit}]").format(unit=unit) if unit else _("Error"))
    legend.SetLabelFormat("%.0f")
    legend.SetNumberOfLabels(5)
    legend.SetMaxNumberOfColors(_COLORS)
    legend.SetSize(0.12, 0.6)
    legend.SetPosition(0.97, 0.5)
    legend.GetTitleTextProperty().SetFontSize(_FONT)
    legend.GetLabelTextProperty().SetFontSize(_FONT)


def _color(place: float) -> tuple[float, float, float]:
    """Red, green, blue (0..1) at a place of the scale (0..1)."""
    steps = len(_SCALE) // 3 - 1
    first = min(int(place * steps), steps - 1)
    share = place * steps - first
    low, high = _SCALE[3 * first : 3 * first + 3], _SCALE[3 * first + 3 : 3 * first + 6]
    red, green, blue = ((a + (b - a) * share) / 255 for a, b in zip(low, high, strict=True))
    return red, green, blue
