"""A sheet of a bad case: three slices with the outlines of manual label and prediction."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from mambamim.catalogue.terminology import term
from mambamim.data.drawing import (
    GAP,
    INK,
    draw_frame,
    draw_letters,
    draw_scale,
    draw_slice,
    draw_title,
    new_figure,
    save_figure,
)
from mambamim.data.views import View
from mambamim.evaluation.worst import FOUND, TRUTH, WorstCase

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Told apart by people who see colours in another way too, and both bright on grey.
TRUTH_COLOUR, FOUND_COLOUR = "#56c8ff", "#ffb02e"
_SIZE_INCHES = (15.0, 6.1)
_HEAD, _FOOT = 0.1, 0.075  # of the figure
_FINE_MM = 0.6  # outlines are drawn on a grid of about this step
_TITLE_LETTERS = 48


def write_worst(path: Path, worst: WorstCase, number: int) -> None:
    """Write the .png of one case.

    Args:
        path: the .png.
        worst: the case.
        number: its place, 1 is the worst.

    Raises:
        BadInputError: the place cannot be written to.
        MissingDependencyError: matplotlib is not installed.
    """
    figure = new_figure(*_SIZE_INCHES)
    width = (1 - 4 * GAP) / 3
    for column, view in enumerate(worst.views):
        place = (GAP + column * (width + GAP), _FOOT, width, 1 - _HEAD - _FOOT)
        axes = draw_slice(figure, place, view, worst.window)
        _fill(axes, view)
        for bit, colour in ((TRUTH, TRUTH_COLOUR), (FOUND, FOUND_COLOUR)):
            _outline(axes, view, (view.labels & bit) > 0, colour)
        draw_title(axes, view.name)
        draw_letters(axes, view)
        draw_scale(axes)
    name = worst.case.case
    short = name if len(name) <= _TITLE_LETTERS else name[: _TITLE_LETTERS - 1] + "…"
    title = f"{number}   {short}   {term(worst.score.name).title}"
    draw_frame(figure, title, _facts(worst), _HEAD, _FOOT)
    _draw_key(figure)
    save_figure(figure, path)


def _facts(worst: WorstCase) -> str:
    score = worst.score
    parts = [f"Dice {score.dice:.3f}", f"NSD {score.nsd:.3f}"]
    if math.isfinite(score.hd95_mm):
        parts.append(f"HD95 {score.hd95_mm:.1f} mm")
    else:
        parts.append(score.outcome)
    parts.append(f"manual {score.truth_ml:,.1f} mL, prediction {score.found_ml:,.1f} mL")
    parts.append(f"mean Dice of the case {worst.case.mean_dice:.3f}")
    return "    ".join(parts)


def _fill(axes: Axes, view: View) -> None:
    """What only one of the two has, translucent in its colour."""
    for bit, colour in ((TRUTH, TRUTH_COLOUR), (FOUND, FOUND_COLOUR)):
        only = view.labels == bit
        if only.any():
            axes.contourf(*_fine(only, view), levels=[0.5, 2], colors=[colour], alpha=0.22)


def _outline(axes: Axes, view: View, inside: np.ndarray, colour: str) -> None:
    if inside.any():
        axes.contour(*_fine(inside, view), levels=[0.5], colors=[colour], linewidths=1.5)


def _fine(inside: np.ndarray, view: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places (mm, across and down) and values of a mask, smoothed within a voxel."""
    rows, columns = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    factors = [max(1, round(mm / _FINE_MM)) for mm in (view.row_mm, view.column_mm)]
    padded = np.pad(inside[box].astype(np.float32), 2)
    fine = ndimage.zoom(padded, factors, order=1, grid_mode=True, mode="nearest")
    fine = ndimage.gaussian_filter(fine, [0.4 * factor for factor in factors])
    down, across = (
        (np.arange(n) + 0.5) / factor - 2 for n, factor in zip(fine.shape, factors, strict=True)
    )
    return (columns[0] + across) * view.column_mm, (rows[0] + down) * view.row_mm, fine


def _draw_key(figure: Figure) -> None:
    """Which outline is which, in the middle of the foot."""
    from matplotlib.lines import Line2D

    for x, colour, words in (
        (0.40, TRUTH_COLOUR, "manual label"),
        (0.52, FOUND_COLOUR, "prediction"),
    ):
        y = _FOOT / 2
        figure.add_artist(Line2D([x - 0.03, x - 0.008], [y, y], color=colour, linewidth=2.5))
        figure.text(x, y, words, color=INK, fontsize=10, va="center")
