"""Pictures of panels and views, as PNG files."""

from pathlib import Path
from typing import Any

from .start import boot

_VIEWS = {"Axial": "Red", "Coronal": "Green", "Sagittal": "Yellow"}


def grab(widget: Any, path: str | Path, width: int = 480, height: int | None = None) -> Path:
    """Photograph a widget, at the width that a module panel has; return the picture's path.

    Without `height` it is as high as it wants to be. A widget that is shown already keeps its size.
    """
    app = boot()
    if not widget.visible:
        widget.resize(
            width, height or max(widget.sizeHint.height(), widget.minimumSizeHint.height())
        )
        widget.show()
    for _ in range(3):  # layouts settle, then what depends on them
        app.processEvents()
    if not widget.grab().save(str(path)):
        raise RuntimeError(f"{path}: the picture could not be written")
    return Path(path)


def render_slice(
    path: str | Path,
    orientation: str = "Axial",
    size: tuple[int, int] = (400, 400),
    offset: float | None = None,
    volume: Any = None,
) -> Path:
    """Write what the slice view of this orientation shows, whole; `offset` is in mm, `volume` is a
    volume node to put into the background first."""
    boot()
    from .views.view_widgets import slice_view
    from .views.window import save

    view = slice_view(_VIEWS[orientation])
    if volume is not None:
        view.logic.GetSliceCompositeNode().SetBackgroundVolumeID(volume.GetID())
    return save(view.picture(size, fit=True, offset=offset), path)


def render_3d(path: str | Path, size: tuple[int, int] = (400, 400)) -> Path:
    """Write what the 3D view shows, all of it, from the front."""
    boot()
    from .views.view_widgets import three_d_view
    from .views.window import save

    return save(three_d_view().picture(size, reset=True), path)


def render_plot(path: str | Path, chart: Any, size: tuple[int, int] = (500, 350)) -> Path:
    """Write a chart, a vtkMRMLPlotChartNode."""
    boot()
    from .views.plot_view import PlotView
    from .views.window import save

    return save(PlotView(chart).picture(size), path)
