"""What all pictures share: colours, a slice or organs in a cell, letters, scale, head, foot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mambamim.data.views import View
from mambamim.errors import MissingDependencyError
from mambamim.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mambamim.data.organ_rendering import Rendering

PAPER, PANEL, INK, FAINT = "#14171c", "#000000", "#eef1f5", "#8b94a1"
GAP = 0.012  # between cells, of the figure
_DPI = 120
_BARS_CM = (5, 2, 1)
Place = tuple[float, float, float, float]  # left, bottom, width, height of the figure


def new_figure(width: float, height: float) -> Figure:
    """An empty sheet of that many inches.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "Pictures need matplotlib, which is not installed.",
            'Install it with: pip install "mambamim[pictures]"',
        ) from error
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a .png, whole or not at all.

    Raises:
        BadInputError: the place cannot be written to.
    """
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", facecolor=PAPER, metadata={"Software": None})


def draw_slice(
    figure: Figure, place: Place, view: View, window: tuple[float, float], colours: str = "gray"
) -> Axes:
    """Show a slice's intensities, centred in its cell with room at the edge for the letters.

    Args:
        figure: the sheet.
        place: the cell.
        view: the slice.
        window: intensities of the first and the last colour.
        colours: a colour map of matplotlib.

    Returns:
        Axes in mm from the slice's top left corner.
    """
    axes = figure.add_axes(place, facecolor=PANEL)
    width, height = view.size_mm
    axes.imshow(
        view.ct,
        cmap=colours,
        vmin=window[0],
        vmax=window[1],
        extent=(0, width, height, 0),
        interpolation="bicubic",
        aspect="equal",
    )
    _fit(figure, axes, place, view.size_mm)
    return axes


def draw_rendering(figure: Figure, place: Place, rendering: Rendering) -> Axes:
    """Show rendered organs, as `draw_slice` does a slice.

    Args:
        figure: the sheet.
        place: the cell.
        rendering: of `render_organs`.

    Returns:
        Axes in mm from the rendering's top left corner.
    """
    axes = figure.add_axes(place, facecolor=PANEL)
    width, height = rendering.size_mm
    extent = (0, width, height, 0)
    axes.imshow(rendering.image, extent=extent, interpolation="antialiased", aspect="equal")
    _fit(figure, axes, place, rendering.size_mm)
    return axes


def _fit(figure: Figure, axes: Axes, place: Place, size_mm: tuple[float, float]) -> None:
    """Centre what is shown, with room at the edge for the letters, and no ticks."""
    width, height = size_mm
    sheet_width, sheet_height = figure.get_size_inches()
    cell = (place[2] * sheet_width) / (place[3] * sheet_height)
    tall = max(height * 1.11, width * 1.1 / cell)
    wide = tall * cell
    axes.set_xlim(width / 2 - wide / 2, width / 2 + wide / 2)
    axes.set_ylim(height / 2 + tall / 2, height / 2 - tall / 2)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_title(axes: Axes, title: str) -> None:
    """A slice's name at the top left."""
    style = _words(axes, INK)
    axes.text(0.025, 0.955, title, va="top", weight="bold", **style)


def draw_letters(axes: Axes, view: View | Rendering) -> None:
    """The patient's directions at the four edges."""
    edges = ((0.025, 0.5), (0.975, 0.5), (0.5, 0.97), (0.5, 0.03))
    for letter, (x, y) in zip(view.letters, edges, strict=True):
        style = _words(axes, FAINT)
        style["ha"] = "left" if x < 0.1 else "right" if x > 0.9 else "center"
        style["va"] = "bottom" if y < 0.1 else "top" if y > 0.9 else "center"
        axes.text(x, y, letter, **style)


def draw_scale(axes: Axes) -> None:
    """A bar at the bottom left: 5 cm, or less where that would be over half of the picture."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    cm = next((cm for cm in _BARS_CM if 20 * cm <= abs(right - left)), _BARS_CM[-1])
    x, y = left + 0.025 * (right - left), bottom + 0.045 * (top - bottom)
    axes.plot([x, x + 10 * cm], [y, y], color=INK, linewidth=2, path_effects=halo())
    words: dict[str, Any] = {"color": INK, "fontsize": 8, "va": "bottom", "path_effects": halo()}
    axes.text(x, y + 0.015 * (top - bottom), f"{cm} cm", **words)


def draw_frame(figure: Figure, title: str, facts: str, head: float, foot: float) -> None:
    """Title and facts above the cells, the warning and the program's name below them.

    Args:
        figure: the sheet.
        title: at the left.
        facts: at the right.
        head: height of the head, of the figure.
        foot: height of the foot, of the figure.
    """
    figure.text(GAP, 1 - head / 2, title, color=INK, fontsize=15, va="center")
    style: dict[str, Any] = {"color": FAINT, "fontsize": 9, "va": "center"}
    figure.text(1 - GAP, 1 - head / 2, facts, ha="right", **style)
    figure.text(GAP, foot / 2, "Not for clinical use", **style)
    figure.text(1 - GAP, foot / 2, "MambaMIM", ha="right", **style)


def halo() -> list[Any]:
    """A dark rim that keeps words legible on bone."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=2.5, foreground=PANEL)]


def _words(axes: Axes, colour: str) -> dict[str, Any]:
    style = {"transform": axes.transAxes, "fontsize": 10, "color": colour}
    return {**style, "path_effects": halo()}
