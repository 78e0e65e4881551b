"""Pictures of a segmentation: slices with organs, their surfaces, and a legend with volumes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mambamim.catalogue.terminology import term
from mambamim.data.drawing import (
    FAINT,
    GAP,
    INK,
    Place,
    draw_frame,
    new_figure,
    save_figure,
)
from mambamim.data.organ_cells import draw_organs, draw_surfaces
from mambamim.data.organ_rendering import SIDES, render_organs
from mambamim.data.orientation import to_ras
from mambamim.data.statistics import voxel_counts
from mambamim.data.views import View, body_box, cut, informative_slices
from mambamim.errors import BadInputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIZE_INCHES = (17.4, 9.6)
_HEAD, _FOOT = 0.062, 0.04  # of the figure
_LEGEND = 0.155  # width, of the figure
_LEGEND_ROWS = 28
_TITLE_LETTERS = 30
_PIXELS = 540  # longer side of a rendering: about as its cell is
_SINGLE_INCHES = 6.0  # the longer side of a picture of one view


def write_overlay(
    path: str | Path,
    volume: np.ndarray,
    labels: np.ndarray,
    affine: np.ndarray,
    names: dict[int, str],
) -> None:
    """Write a .png: two axial, a coronal and a sagittal slice, and the surfaces from two sides.

    Radiological convention: the patient's right is at the left of the picture, but from the back.

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
    *cells, legend = _places()
    for view, place in zip(views, cells[:4], strict=True):
        draw_organs(figure, place, view, views, names)
    renderings = render_organs(labels, affine, names, list(SIDES), _PIXELS)
    for rendering, place in zip(renderings, cells[4:], strict=True):
        draw_surfaces(figure, place, rendering)
    _draw_legend(figure, legend, _volumes_ml(labels, affine, names), names)
    _draw_frame(figure, volume, affine)
    save_figure(figure, Path(path))


def write_axial(
    path: str | Path,
    volume: np.ndarray,
    labels: np.ndarray,
    affine: np.ndarray,
    names: dict[int, str],
) -> None:
    """Write a .png of the axial slice that shows most; arguments as of `write_overlay`."""
    views = _views(volume, labels, affine)
    view = max(views[:2], key=lambda view: len(np.unique(view.labels)))
    figure = new_figure(*_single_inches(view.size_mm))
    draw_organs(figure, (0, 0, 1, 1), view, [view], names)
    save_figure(figure, Path(path))


def write_surfaces(
    path: str | Path,
    labels: np.ndarray,
    affine: np.ndarray,
    names: dict[int, str],
    side: str = "front",
) -> None:
    """Write a .png of the organs' surfaces alone.

    Args:
        path: the .png.
        labels: (I, J, K) class values, 0 is background; any orientation, oblique too.
        affine: (4, 4) RAS mm.
        names: value -> class name.
        side: of the patient where the viewer stands, "front" or "back".

    Raises:
        BadInputError: the place cannot be written to.
        MissingDependencyError: matplotlib is not installed.
    """
    (rendering,) = render_organs(labels, affine, names, [side])
    figure = new_figure(*_single_inches(rendering.size_mm))
    draw_surfaces(figure, (0, 0, 1, 1), rendering)
    save_figure(figure, Path(path))


def _single_inches(size_mm: tuple[float, float]) -> tuple[float, float]:
    """Width and height of a picture of one view."""
    width, height = (_SINGLE_INCHES * mm / max(size_mm) for mm in size_mm)
    return max(width, _SINGLE_INCHES / 2), max(height, _SINGLE_INCHES / 2)


def _views(volume: np.ndarray, labels: np.ndarray, affine: np.ndarray) -> list[View]:
    """Two axial slices, a coronal and a sagittal one."""
    ct, turned = to_ras(volume, affine)
    organs, _ = to_ras(labels, affine)
    box = body_box(ct, turned)
    ct, organs = ct[box], organs[box]
    axial, coronal, sagittal = informative_slices(organs)
    wanted = [*((2, index) for index in axial), (1, coronal), (0, sagittal)]
    return [cut(ct, organs, turned, axis, index) for axis, index in wanted]


def _places() -> list[Place]:
    """Left, bottom, width and height of the cells.

    Two axial ones in the first row and two upright ones in the second, then the two at the right
    of these, then the legend.
    """
    width = (1 - 5 * GAP - _LEGEND) / 3
    height = (1 - _HEAD - _FOOT - GAP) / 2
    lefts = [GAP + column * (width + GAP) for column in range(3)]
    rows = [(x, y, width, height) for y in (_FOOT + height + GAP, _FOOT) for x in lefts]
    legend = (lefts[2] + width + GAP, _FOOT, _LEGEND, 1 - _HEAD - _FOOT)
    return [*rows[:2], *rows[3:5], rows[2], rows[5], legend]


def _volumes_ml(labels: np.ndarray, affine: np.ndarray, names: dict[int, str]) -> dict[int, float]:
    voxel_ml = abs(float(np.linalg.det(affine[:3, :3]))) / 1000
    counts = voxel_counts(labels)
    return {v: counts[v] * voxel_ml for v in names if v < counts.size and counts[v]}


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
    axes.text(0.02, 0.978, "Organs", color=INK, fontsize=10, weight="bold", va="top")
    axes.text(0.98, 0.978, "mL", color=FAINT, fontsize=9, va="top", ha="right")
    flat = _LEGEND * _SIZE_INCHES[0] / _SIZE_INCHES[1]  # the cell is higher than wide
    shown = list(volumes.items())[:_LEGEND_ROWS]
    step = min(0.9 / max(len(shown), 1), 0.04)
    for row, (value, volume_ml) in enumerate(shown):
        y = 0.925 - row * step
        item = term(names[value])
        colour = [part / 255 for part in item.colour]
        shape = "round,pad=0,rounding_size=0.012"
        box: dict[str, Any] = {"boxstyle": shape, "mutation_aspect": flat, "color": colour}
        swatch = FancyBboxPatch((0.02, y - 0.0065), 0.05, 0.013, **box)
        axes.add_patch(swatch)
        axes.text(0.11, y, _short(item.title), color=INK, fontsize=9, va="center")
        amount = f"{volume_ml:.1f}" if volume_ml < 100 else f"{volume_ml:,.0f}"
        axes.text(0.98, y, amount, color=FAINT, fontsize=9, va="center", ha="right")
    if not shown:
        axes.text(0.02, 0.925, "No organ was found.", color=FAINT, fontsize=10)
    if len(volumes) > len(shown):
        more = f"and {len(volumes) - len(shown)} more"
        axes.text(0.02, 0.0, more, color=FAINT, fontsize=9)


def _short(title: str) -> str:
    return title if len(title) <= _TITLE_LETTERS else title[: _TITLE_LETTERS - 1] + "…"


def _draw_frame(figure: Figure, volume: np.ndarray, affine: np.ndarray) -> None:
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    sides = " × ".join(str(size) for size in volume.shape)
    millimetres = " × ".join(f"{part:.3g}" for part in spacing)
    facts = f"{sides} voxels of {millimetres} mm    window 400, level 40 HU"
    draw_frame(figure, "Segmentation", facts, _HEAD, _FOOT)
