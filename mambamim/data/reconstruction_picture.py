"""Sheets that show a reconstruction: what went in, was hidden, came back, and how far off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

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
    new_figure,
    save_figure,
)
from mambamim.data.orientation import to_ras
from mambamim.data.views import View, body_box, cut

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mambamim.pretraining.reconstruction import Reconstruction

_WIDTH = 15.0  # of a sheet, inches; so are the next numbers
_HEAD, _FOOT, _CAPTION = 0.6, 0.38, 0.3
_LETTERS = 0.5  # room above and below a slice
_BAR = 0.75  # room for the colour bar
_HIDDEN, _HATCH = (0.115, 0.135, 0.165), (0.21, 0.24, 0.285)
_HATCH_MM, _LINE_MM = 7.0, 1.0  # from line to line, and a line's width
_FINE_MM = 0.4  # hatches are drawn on a grid of about this step
_ERROR_COLOURS = "magma"
_AXES = (2, 1, 0)  # axial, coronal, sagittal
_COLUMNS = ("Input", "Masked", "Reconstruction", "Absolute error")
_OWN_MOMENTS = (
    "Masked patches are shown with the scan's own mean and deviation, which are not predicted."
)


@dataclass(frozen=True, eq=False)
class _Slice:
    """One slice of everything; `given.labels` is what is visible, 1 = not masked."""

    given: View
    made: View
    error: View


@dataclass(frozen=True, eq=False)
class Slices:
    """What is shown of a reconstruction: small, while the volumes that it was cut from are not.

    Attributes:
        rows: axial, coronal and sagittal slice.
        ratio: as all that follow, of the `Reconstruction`.
        seed: of the mask.
        psnr: dB.
        window: low and high end, the scan's units.
        unit: of intensities.
        own_moments: whether masked patches have the scan's own mean and deviation.
    """

    rows: tuple[_Slice, ...]
    ratio: float
    seed: int
    psnr: float
    window: tuple[float, float]
    unit: str
    own_moments: bool


def take_slices(volume: np.ndarray, affine: np.ndarray, made: Reconstruction) -> Slices:
    """Cut the slices through the middle of the body.

    Radiological convention: the patient's right is at the left of the picture.

    Args:
        volume: (I, J, K) HU, any orientation.
        affine: (4, 4) RAS mm.
        made: of `Reconstructor.reconstruct` for that volume.
    """
    ras, turned = to_ras(volume, affine)
    box = body_box(ras, turned)
    # As the reconstruction is: what lies far outside of the window would spoil the interpolation.
    clamped = np.clip(volume, *made.window)
    given, back, error, visible = (
        to_ras(part, affine)[0][box]
        for part in (clamped, made.reconstruction, made.error, made.visible)
    )

    def taken(part: np.ndarray, axis: int) -> View:
        view = cut(part, visible, turned, axis, part.shape[axis] // 2)
        # Copies: the volumes need not stay in memory.
        return replace(view, ct=view.ct.copy(), labels=view.labels.copy())

    rows = tuple(_Slice(*(taken(part, axis) for part in (given, back, error))) for axis in _AXES)
    return Slices(rows, made.ratio, made.seed, made.psnr, made.window, made.unit, made.own_moments)


def write_reconstruction(path: str | Path, shown: Slices, model: str) -> None:
    """Write a .png: an axial, a coronal and a sagittal slice of input, mask, reconstruction, error.

    Args:
        path: the .png.
        shown: what to show.
        model: name of the network.

    Raises:
        BadInputError: the place cannot be written to.
        MissingDependencyError: matplotlib is not installed.
    """
    sheet = _Sheet([row.given.size_mm for row in shown.rows], len(_COLUMNS), _BAR)
    figure = new_figure(_WIDTH, sheet.height)
    most = _ceiling(shown)
    for number, row in enumerate(shown.rows):
        places = [sheet.place(number, column) for column in range(len(_COLUMNS))]
        _draw_input(figure, places[0], row.given, shown.window)
        _draw_masked(figure, places[1], row.given, shown.window)
        draw_slice(figure, places[2], row.made, shown.window)
        draw_slice(figure, places[3], row.error, (0, most), _ERROR_COLOURS)
    for column, words in enumerate(_COLUMNS):
        sheet.caption(figure, column, words)
    _draw_bar(figure, sheet, most, shown.unit)
    facts = (
        f"{model}    {100 * shown.ratio:g} % of patches masked    seed {shown.seed}    "
        f"PSNR {shown.psnr:.1f} dB    {_window(shown)}"
    )
    _finish(figure, sheet, "Reconstruction", facts, shown.own_moments)
    save_figure(figure, Path(path))


def write_ratios(path: str | Path, shown: Sequence[Slices], model: str) -> None:
    """Write a .png with a row per ratio, masked and reconstructed, beside the input.

    Args:
        path: the .png.
        shown: two or more of one scan and one seed, in the order of the rows.
        model: name of the network.

    Raises:
        BadInputError: the place cannot be written to.
        MissingDependencyError: matplotlib is not installed.
    """
    first = shown[0]
    sizes = [row.given.size_mm for row in first.rows[:2]]
    largest = (max(width for width, _ in sizes), max(height for _, height in sizes))
    sheet = _Sheet([largest] * len(shown), 5, 0.0)
    figure = new_figure(_WIDTH, sheet.height)
    for number, row in enumerate(first.rows[:2]):
        _draw_input(figure, sheet.place(number, 0), row.given, first.window)
    for number, one in enumerate(shown):
        for column, row in zip((1, 3), one.rows[:2], strict=True):
            place = sheet.place(number, column)
            masked = _draw_masked(figure, place, row.given, one.window)
            made = draw_slice(figure, sheet.place(number, column + 1), row.made, one.window)
            if column == 1:
                draw_title(masked, f"{100 * one.ratio:g} %")
                draw_title(made, f"{one.psnr:.1f} dB")
    planes = [
        f"{step}, {row.given.name.lower()}" for row in first.rows[:2] for step in _COLUMNS[1:3]
    ]
    for column, words in enumerate((_COLUMNS[0], *planes)):
        sheet.caption(figure, column, words)
    facts = f"{model}    seed {first.seed}    {_window(first)}"
    _finish(figure, sheet, "Reconstruction by share masked", facts, first.own_moments)
    save_figure(figure, Path(path))


class _Sheet:
    """Where the cells of a table of slices lie.

    Args:
        sizes: width and height of the slices of each row, mm.
        columns: cells in a row.
        aside: inches to leave free at the right.
    """

    def __init__(self, sizes: Sequence[tuple[float, float]], columns: int, aside: float) -> None:
        gap = GAP * _WIDTH
        self._width = (_WIDTH - aside - gap * (columns + 1)) / columns
        # As wide and as tall as it has to be: a scan of a few slices has flat upright views.
        shapes = [min(max(tall / wide, 0.3), 1.4) for wide, tall in sizes]
        self._heights = [self._width * shape / 1.1 + _LETTERS for shape in shapes]
        self._gap = gap
        self.height = _HEAD + _CAPTION + sum(self._heights) + gap * len(sizes) + _FOOT
        self._top = self.height - _HEAD - _CAPTION

    def place(self, row: int, column: int) -> Place:
        """The cell, in parts of the figure."""
        left = self._gap + column * (self._width + self._gap)
        bottom = self._top - sum(self._heights[: row + 1]) - self._gap * row
        tall = self._heights[row] / self.height
        return left / _WIDTH, bottom / self.height, self._width / _WIDTH, tall

    def caption(self, figure: Figure, column: int, words: str) -> None:
        """A word above a column."""
        left, bottom, width, height = self.place(0, column)
        y = bottom + height + 0.1 / self.height
        figure.text(left + width / 2, y, words, color=INK, fontsize=10, ha="center", va="bottom")


def _ceiling(shown: Slices) -> float:
    """Where the colours of the error end, a round number: nearly all that is shown lies below."""
    errors = np.concatenate([row.error.ct[row.error.labels == 0] for row in shown.rows])
    most = float(np.quantile(errors, 0.99)) if errors.size else 0.0
    step = 10.0 ** math.floor(math.log10(shown.window[1] - shown.window[0])) / 2  # 50 HU in CT
    return step * max(1, math.ceil(most / step))


def _window(shown: Slices) -> str:
    low, high = (f"{end:.4g}".replace("-", "\N{MINUS SIGN}") for end in shown.window)
    return f"window {low} to {high} {shown.unit}".rstrip()


def _draw_input(figure: Figure, place: Place, view: View, window: tuple[float, float]) -> None:
    axes = draw_slice(figure, place, view, window)
    draw_title(axes, view.name)
    draw_letters(axes, view)
    draw_scale(axes)


def _draw_masked(figure: Figure, place: Place, view: View, window: tuple[float, float]) -> Axes:
    """The input under dark, finely hatched places where it is masked."""
    axes = draw_slice(figure, place, view, window)
    fine = [max(1, round(mm / _FINE_MM)) for mm in (view.row_mm, view.column_mm)]
    masked = (view.labels == 0).repeat(fine[0], 0).repeat(fine[1], 1)
    down = (np.arange(masked.shape[0]) + 0.5)[:, None] * view.row_mm / fine[0]
    across = (np.arange(masked.shape[1]) + 0.5)[None] * view.column_mm / fine[1]
    line = (down + across) % _HATCH_MM < _LINE_MM
    cover = np.dstack([np.where(line[..., None], _HATCH, _HIDDEN), masked.astype(np.float64)])
    width, height = view.size_mm
    axes.imshow(cover, extent=(0, width, height, 0), interpolation="antialiased", aspect="equal")
    return axes


def _draw_bar(figure: Figure, sheet: _Sheet, most: float, unit: str) -> None:
    """The colours of the error, beside the first row."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    left, bottom, width, height = sheet.place(0, len(_COLUMNS) - 1)
    place = (left + width + 0.12 / _WIDTH, bottom + 0.1 * height, 0.11 / _WIDTH, 0.8 * height)
    axes = figure.add_axes(place)
    colours = ScalarMappable(Normalize(0, most), _ERROR_COLOURS)
    bar: Any = figure.colorbar(colours, cax=axes, ticks=np.linspace(0, most, 3))
    bar.outline.set_visible(False)
    axes.tick_params(colors=FAINT, labelsize=8, length=0, pad=3)
    axes.set_title(unit, color=FAINT, fontsize=8, pad=6)


def _finish(figure: Figure, sheet: _Sheet, title: str, facts: str, own_moments: bool) -> None:
    head, foot = _HEAD / sheet.height, _FOOT / sheet.height
    draw_frame(figure, title, facts, head, foot)
    if own_moments:
        style: dict[str, Any] = {"color": FAINT, "fontsize": 9, "ha": "center", "va": "center"}
        figure.text(0.5, foot / 2, _OWN_MOMENTS, **style)
