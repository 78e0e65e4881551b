"""The cells of a picture of a segmentation: a slice with its organs, and their surfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from mambamim.catalogue.terminology import term
from mambamim.data.drawing import (
    INK,
    Place,
    draw_letters,
    draw_rendering,
    draw_scale,
    draw_slice,
    draw_title,
    halo,
)
from mambamim.data.organ_rendering import Rendering
from mambamim.data.views import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WINDOW_HU = (-160, 240)  # abdomen: width 400, level 40
_FINE_MM = 0.8  # outlines are drawn on a grid of about this step


def draw_organs(
    figure: Figure,
    place: Place,
    view: View,
    views: list[View],
    names: dict[int, str],
) -> None:
    """Draw a slice with its organs, its name, letters and a scale.

    Args:
        figure: the sheet.
        place: the cell.
        view: the slice.
        views: all slices of the sheet: the upright ones show where the axial ones lie.
        names: value -> class name; other values are not shown.
    """
    axes = draw_slice(figure, place, view, WINDOW_HU)
    for value in np.unique(view.labels):
        if value in names:
            _draw_organ(axes, view, int(value), names[int(value)])
    _draw_levels(axes, view, views)
    axial = [other for other in views if other.axis == 2]
    number = f" {axial.index(view) + 1}" if view in axial and len(axial) > 1 else ""
    draw_title(axes, f"{view.name}{number}")
    draw_letters(axes, view)
    draw_scale(axes)


def _draw_organ(axes: Axes, view: View, value: int, name: str) -> None:
    """A translucent fill and a crisp outline, smoothed within a voxel."""
    rows, columns = (np.flatnonzero((view.labels == value).any(axis)) for axis in (1, 0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    factors = [max(1, round(mm / _FINE_MM)) for mm in (view.row_mm, view.column_mm)]
    inside = np.pad((view.labels[box] == value).astype(np.float32), 2)
    fine = ndimage.zoom(inside, factors, order=1, grid_mode=True, mode="nearest")
    fine = ndimage.gaussian_filter(fine, [0.45 * factor for factor in factors])
    down, across = (
        (np.arange(n) + 0.5) / factor - 2 for n, factor in zip(fine.shape, factors, strict=True)
    )
    grid = ((columns[0] + across) * view.column_mm, (rows[0] + down) * view.row_mm, fine)
    colour = [part / 255 for part in term(name).colour]
    axes.contourf(*grid, levels=[0.45, 2], colors=[colour], alpha=0.3)
    axes.contour(*grid, levels=[0.45], colors=[colour], linewidths=1.2)


def _draw_levels(axes: Axes, view: View, views: list[View]) -> None:
    """On the upright slices: where the axial ones were cut."""
    if view.axis == 2:
        return
    width, height = view.size_mm
    for number, other in enumerate((other for other in views if other.axis == 2), start=1):
        level = height - (other.index + 0.5) * view.row_mm
        axes.plot([0, width], [level, level], color=INK, linewidth=0.6, alpha=0.35, dashes=(4, 4))
        style: dict[str, Any] = {"color": INK, "fontsize": 8, "path_effects": halo()}
        # Inside of the slice: the letter of the patient's side stands beside it.
        axes.text(0.985 * width, level, f"{number}", ha="right", va="center", **style)


def draw_surfaces(figure: Figure, place: Place, rendering: Rendering) -> None:
    """Draw rendered organs with the side they are seen from, letters and a scale."""
    axes = draw_rendering(figure, place, rendering)
    draw_title(axes, f"From the {rendering.side}")
    draw_letters(axes, rendering)
    draw_scale(axes)
