"""A contact sheet of a segmentation: slices with organs, and a legend with their volumes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from mambamim.catalogue.terminology import term
from mambamim.data.drawing import (
    FAINT,
    GAP,
    INK,
    Place,
    draw_frame,
    draw_letters,
    draw_scale,
    draw_slice,
    draw_title,
    halo,
    new_figure,
    save_figure,
)
from mambamim.data.orientation import to_ras
from mambamim.data.statistics import voxel_counts
from mambamim.data.views import View, body_box, cut, informative_slices
from mambamim.errors import BadInputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WINDOW_HU = (-160, 240)  # abdomen: width 400, level 40
_SIZE_INCHES = (15.0, 9.6)
_HEAD, _FOOT = 0.062, 0.04  # of the figure
_LEGEND_ROWS = 14
_FINE_MM = 0.8  # outlines are drawn on a grid of about this step


def write_overlay(
    path: str | Path,
    volume: np.ndarray,
    labels: np.ndarray,
    affine: np.ndarray,
    names: dict[int, str],
) -> None:
    """Write a .png of three axial, a coronal and a sagittal slice with the organs on them.

    Radiological convention: the patient's right is at the left of the picture.

    Args:
        path: the .png.
        volume: (I, J, K) HU, any orientation.
        labels: (I, J, K) class values, 0 is background.
        affine: (4, 4) RAS mm.
        names: value -> class name.

    Raises:
        BadInputError: the shapes differ, or the place cannot be written to.
        MissingDependencyError: matplotlib is not installed.
    """
    figure = new_figure(*_SIZE_INCHES)
    if volume.shape != labels.shape:
        raise BadInputError(f"The scan has {volume.shape} voxels and the labels {labels.shape}.")
    views = _views(volume, labels, affine)
    for view, place in zip(views, _places(), strict=False):
        _draw_view(figure, place, view, views, names)
    _draw_legend(figure, _places()[-1], _volumes_ml(labels, affine, names), names)
    _draw_frame(figure, volume, affine)
    save_figure(figure, Path(path))


def _views(volume: np.ndarray, labels: np.ndarray, affine: np.ndarray) -> list[View]:
    ct, turned = to_ras(volume, affine)
    organs, _ = to_ras(labels, affine)
    box = body_box(ct, turned)
    ct, organs = ct[box], organs[box]
    axial, coronal, sagittal = informative_slices(organs)
    wanted = [*((2, index) for index in axial), (1, coronal), (0, sagittal)]
    return [cut(ct, organs, turned, axis, index) for axis, index in wanted]


def _places() -> list[Place]:
    """Left, bottom, width and height of the six cells, row by row."""
    width = (1 - 4 * GAP) / 3
    height = (1 - _HEAD - _FOOT - GAP) / 2
    lefts = [GAP + column * (width + GAP) for column in range(3)]
    return [(x, y, width, height) for y in (_FOOT + height + GAP, _FOOT) for x in lefts]


def _volumes_ml(labels: np.ndarray, affine: np.ndarray, names: dict[int, str]) -> dict[int, float]:
    voxel_ml = abs(float(np.linalg.det(affine[:3, :3]))) / 1000
    counts = voxel_counts(labels)
    return {v: counts[v] * voxel_ml for v in names if v < counts.size and counts[v]}


def _draw_view(
    figure: Figure,
    place: Place,
    view: View,
    views: list[View],
    names: dict[int, str],
) -> None:
    axes = draw_slice(figure, place, view, _WINDOW_HU)
    for value in np.unique(view.labels):
        if value in names:
            _draw_organ(axes, view, int(value), names[int(value)])
    _draw_levels(axes, view, views)
    number = f" {views.index(view) + 1}" if view.axis == 2 else ""
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


def _draw_legend(
    figure: Figure,
    place: Place,
    volumes: dict[int, float],
    names: dict[int, str],
) -> None:
    from matplotlib.patches import FancyBboxPatch

    axes = figure.add_axes(place)
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.text(0.03, 0.955, "Organs", color=INK, fontsize=10, weight="bold", va="top")
    axes.text(0.97, 0.955, "volume in mL", color=FAINT, fontsize=9, va="top", ha="right")
    shown = list(volumes.items())[: 2 * _LEGEND_ROWS]
    rows = max(10, -(-len(shown) // 2))
    step = 0.82 / rows
    for index, (value, volume_ml) in enumerate(shown):
        column, row = divmod(index, rows)
        x, y = 0.03 + 0.49 * column, 0.84 - row * step
        item = term(names[value])
        colour = [part / 255 for part in item.colour]
        swatch = FancyBboxPatch(
            (x, y - 0.014), 0.022, 0.028, boxstyle="round,pad=0,rounding_size=0.006", color=colour
        )
        axes.add_patch(swatch)
        axes.text(x + 0.04, y, item.title, color=INK, fontsize=9, va="center")
        amount = f"{volume_ml:.1f}" if volume_ml < 100 else f"{volume_ml:,.0f}"
        axes.text(x + 0.45, y, amount, color=FAINT, fontsize=9, va="center", ha="right")
    if not shown:
        axes.text(0.03, 0.84, "No organ was found.", color=FAINT, fontsize=10)
    if len(volumes) > len(shown):
        more = f"and {len(volumes) - len(shown)} more"
        axes.text(0.03, -0.01, more, color=FAINT, fontsize=9)


def _draw_frame(figure: Figure, volume: np.ndarray, affine: np.ndarray) -> None:
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    sides = " × ".join(str(size) for size in volume.shape)
    millimetres = " × ".join(f"{part:.3g}" for part in spacing)
    facts = f"{sides} voxels of {millimetres} mm    window 400, level 40 HU"
    draw_frame(figure, "Segmentation", facts, _HEAD, _FOOT)
