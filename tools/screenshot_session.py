"""A person at a module in the stand-in for Slicer, with a camera."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Testing"))

import slicer_stand_in  # noqa: E402

PANEL = 480  # pixels: width of the panel
BAR, GAP, MARGIN = 22, 2, 12  # pixels: height of a view's bar, between views, around a section
WIDTH_HU, LEVEL_HU = 350, 40  # as a person sets them for an abdomen
_PATIENCE = 900  # seconds for one job


class Session:
    """The open module and a person at it.

    Args:
        folder: for the PNG files.
        module: its name.
    """

    def __init__(self, folder: Path, module: str) -> None:
        self.folder = folder
        self.app = slicer_stand_in.boot(testing=False)
        self.panel = slicer_stand_in.open_module(ROOT / module / f"{module}.py")
        self.ui = self.panel.self().ui
        self.parts = self.panel.self().panel

    def find(self, name: str, inside: Any = None) -> Any:
        """The widget of this name in the panel, or in a part of it."""
        import slicer

        return slicer.util.findChild(inside or self.panel, name)

    def click(self, button: Any) -> None:
        """Press a button.

        Raises:
            RuntimeError: it is grey; says why.
        """
        if not button.enabled:
            raise RuntimeError(f"'{button.text}' cannot be pressed: {button.toolTip}")
        button.click()

    def wait(self, what: str, there: Callable[[], Any]) -> None:
        """Let the application work until something is there.

        Raises:
            RuntimeError: it takes too long, or something went wrong in a slot.
        """
        deadline = time.monotonic() + _PATIENCE
        while not there():
            if slicer_stand_in.uncaught() or time.monotonic() > deadline:
                raise RuntimeError(f"no {what}: {slicer_stand_in.uncaught()}")
            self.app.processEvents()
            time.sleep(0.02)

    def photograph(self, name: str, widget: Any = None) -> Path:
        """Write a picture of the panel, or of another widget."""
        path = self.folder / f"{name}.png"
        return slicer_stand_in.grab(widget or self.panel, path, width=PANEL)

    def slice_picture(
        self, side: tuple[int, int], volume: Any, orientation: str = "Axial", offset: Any = None
    ) -> Image.Image:
        """What a slice view shows of a volume."""
        path = self.folder / "view.png"
        slicer_stand_in.render_slice(path, orientation, side, offset, volume)
        return _taken(path)

    def plot_picture(self, size: tuple[int, int], chart: Any) -> Image.Image:
        """What a plot view shows."""
        path = self.folder / "view.png"
        slicer_stand_in.render_plot(path, chart, size)
        return _taken(path)


def _taken(path: Path) -> Image.Image:
    picture = Image.open(path).convert("RGB")
    path.unlink()
    return picture


def frame(path: Path) -> Path:
    """Put a margin around the picture of a section."""
    section = Image.open(path).convert("RGB")
    size = (section.width + 2 * MARGIN, section.height + 2 * MARGIN)
    picture = Image.new("RGB", size, section.getpixel((0, section.height - 1)))
    picture.paste(section, (MARGIN, MARGIN))
    picture.save(path)
    return path


def below_bar(picture: Image.Image, name: str, colour: str) -> Image.Image:
    """A view's picture below a bar with its name."""
    view = Image.new("RGB", (picture.width, picture.height + BAR), colour)
    view.paste(picture, (0, BAR))
    font = ImageFont.load_default(13)
    ImageDraw.Draw(view).text((8, BAR / 2), name, "black", font, anchor="lm")
    return view


def beside(panel: Image.Image, views: list[Image.Image]) -> Image.Image:
    """Four views of one size, two and two, at the right of a panel."""
    width, height = views[0].size
    left = panel.width + 2 * MARGIN
    size = (left + 2 * width + GAP, max(panel.height + 2 * MARGIN, 2 * height + GAP))
    picture = Image.new("RGB", size, "black")
    picture.paste(panel.getpixel((0, panel.height - 1)), (0, 0, left, size[1]))
    picture.paste(panel, (MARGIN, MARGIN))
    for place, view in enumerate(views):
        column, row = place % 2, place // 2
        picture.paste(view, (left + column * (width + GAP), row * (height + GAP)))
    return picture


def look_at(scan: Any, segmentation: Any, segment: str) -> None:
    """Set window and level, and go to the middle of a segment in all slice views.

    Raises:
        RuntimeError: there is no such segment.
    """
    import slicer

    scan.GetDisplayNode().SetAutoWindowLevel(False)
    scan.GetDisplayNode().SetWindowLevel(WIDTH_HU, LEVEL_HU)
    place = segmentation.GetSegmentCenterRAS(segment)
    if place is None:
        raise RuntimeError(f"there is no {segment} to look at")
    slicer.vtkMRMLSliceNode.JumpAllSlices(
        slicer.mrmlScene, *place, slicer.vtkMRMLSliceNode.OffsetJumpSlice
    )
