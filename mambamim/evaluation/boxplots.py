"""Dice and NSD of every class as boxes with a dot a case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mambamim.catalogue.terminology import term
from mambamim.data.drawing import FAINT, INK, PANEL, draw_frame, new_figure, save_figure
from mambamim.evaluation.scores import CaseScore
from mambamim.evaluation.summary import ClassSummary, Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH = 13.0  # inches; so are the next numbers
_ROW, _HEAD, _FOOT, _AXIS = 0.34, 0.65, 0.4, 0.75
_LEFT, _RIGHT, _BETWEEN = 3.1, 0.35, 0.45
_LINE = "#2b313a"
_LETTERS = 34  # of a name
_JITTER = 0.24  # of a row, up and down


def write_boxplots(
    path: Path, cases: Sequence[CaseScore], summary: Summary, tolerance_mm: float
) -> None:
    """Write the .png: a row a class, boxes from Q1 to Q3, whiskers as Tukey's, a dot a case.

    Raises:
        BadInputError: the place cannot be written to.
        MissingDependencyError: matplotlib is not installed.
    """
    classes = [item for item in summary.classes if item.scored]
    rows = max(len(classes), 1)
    height = _HEAD + rows * _ROW + _AXIS + _FOOT
    figure = new_figure(_WIDTH, height)
    width = (_WIDTH - _LEFT - _RIGHT - _BETWEEN) / 2
    for column, (measure, title) in enumerate(
        (("dice", "Dice"), ("nsd", f"NSD at {tolerance_mm:g} mm"))
    ):
        left = _LEFT + column * (width + _BETWEEN)
        axes = figure.add_axes(
            (left / _WIDTH, (_FOOT + _AXIS) / height, width / _WIDTH, rows * _ROW / height),
            facecolor=PANEL,
        )
        _style(axes, rows, title)
        for row, item in enumerate(classes):
            values = [
                getattr(s, measure) for c in cases for s in c.scores
                if s.value == item.value and s.scored
            ]  # fmt: skip
            _draw_row(axes, row, values, item)
        if column == 0:
            _draw_names(axes, classes)
    facts = f"{summary.cases} cases    mean over classes: Dice {summary.overall['dice']:.3f}"
    facts += f", NSD {summary.overall['nsd']:.3f}"
    draw_frame(figure, "Agreement with manual labels", facts, _HEAD / height, _FOOT / height)
    save_figure(figure, path)


def _style(axes: Axes, rows: int, title: str) -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_yticks([])
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.tick_params(colors=FAINT, labelsize=9, length=0)
    axes.set_xlabel(title, color=INK, fontsize=11, labelpad=6)
    axes.grid(axis="x", color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_row(axes: Axes, row: int, values: list[float], item: ClassSummary) -> None:
    colour = tuple(part / 255 for part in term(item.name).colour)
    thin: dict[str, Any] = {"color": colour, "linewidth": 1.2}
    axes.boxplot(
        values,
        positions=[row],
        orientation="horizontal",
        widths=0.56,
        showfliers=False,
        manage_ticks=False,
        patch_artist=True,
        boxprops={"facecolor": (*colour, 0.28), "edgecolor": colour, "linewidth": 1.2},
        medianprops={"color": INK, "linewidth": 2},
        whiskerprops=thin,
        capprops=thin,
    )
    # Evenly spread by rank in place of chance: the same picture every time.
    spread = np.modf(np.arange(len(values)) * 0.618034)[0] * 2 - 1 if len(values) > 1 else [0.0]
    heights = row + _JITTER * np.asarray(spread)
    axes.scatter(values, heights, s=13, color=[colour], edgecolor=PANEL, linewidth=0.5, zorder=3)


def _draw_names(axes: Axes, classes: list[ClassSummary]) -> None:
    """At the left: the class, how often it was scored, and what the boxes do not tell."""
    for row, item in enumerate(classes):
        notes = [f"n {item.scored}"]
        notes += [f"{item.missed} missed"] if item.missed else []
        notes += [f"{item.false_finds} false"] if item.false_finds else []
        title = term(item.name).title
        short = title if len(title) <= _LETTERS else title[: _LETTERS - 1] + "…"
        at: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        axes.annotate(short, (0, row), xytext=(-10, 5), ha="right", va="center", color=INK,
                      fontsize=9.5, **at)  # fmt: skip
        axes.annotate(", ".join(notes), (0, row), xytext=(-10, -6), ha="right", va="center",
                      color=FAINT, fontsize=7.5, **at)  # fmt: skip
