"""Takes the pictures of docs/tutorial.md in the stand-in for Slicer.

`python tools/take_screenshots.py` works with the module as a person does: it loads the sample CT,
clicks the button, reconstructs. It needs torch and what the stand-in needs, and some minutes.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Testing"))

import slicer_stand_in  # noqa: E402

_MODULE = ROOT / "MambaMIMSegmenter" / "MambaMIMSegmenter.py"
_FOLDER = ROOT / "Resources" / "Screenshots"
_PANEL, _WINDOW = 480, (1400, 900)  # pixels: width of the panel, size of the application
_BAR, _GAP, _MARGIN = 22, 2, 12  # pixels: height of a view's bar, between views, around the section
_VIEWS = {"Input": "#8c8c8c", "Masked": "#8c8c8c", "Reconstruction": "#4c8fd9", "Error": "#e5763d"}
_WIDTH_HU, _LEVEL_HU = 350, 40  # as a person sets them for an abdomen
_PATIENCE = 900  # seconds for one job


class Session:
    """The open module and a person at it.

    Args:
        folder: for the PNG files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.app = slicer_stand_in.boot(testing=False)
        self.panel = slicer_stand_in.open_module(_MODULE)
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
        return slicer_stand_in.grab(widget or self.panel, path, width=_PANEL)


def take_screenshots(folder: Path, scan: Path | None) -> list[Path]:
    """Take all pictures and return their files; without a scan it is the sample CT."""
    session = Session(folder)
    pictures = [session.photograph("slicer-panel")]
    _load(session, scan)
    parts = session.parts
    session.click(session.find("jobButton", parts.job.widget))
    session.wait("coarse result", lambda: parts.result.node)
    pictures.append(session.photograph("slicer-running"))
    session.wait("result", lambda: not parts.job.busy)
    session.find("show3DButton").checked = True
    session.wait("surfaces", lambda: session.find("show3DButton").enabled)
    pictures.append(_application(session, "slicer-segmented"))
    parts.result.node.GetDisplayNode().SetVisibility(False)
    pictures.append(_reconstruction(session))
    slicer_stand_in.shut_down()
    for picture in pictures:
        Image.open(picture).convert("RGB").save(picture, optimize=True)
    return pictures


def _load(session: Session, scan: Path | None) -> None:
    import slicer

    if scan is None:
        session.click(session.ui.sampleButton)
    else:
        slicer.util.loadVolume(str(scan), {"name": "CT"})
        session.panel.enter()
    session.wait("scan", session.ui.inputSelector.currentNode)


def _application(session: Session, name: str) -> Path:
    window = slicer_stand_in.show_application("MambaMIMSegmenter", _WINDOW)
    session.app.processEvents()  # views that are drawn first go to the middle of the scan
    _look_at(session.ui.inputSelector.currentNode(), session.parts.result.node, "kidney_right")
    picture = session.photograph(name, window)
    session.panel.setParent(None)  # it is to outlive the window
    window.deleteLater()
    return picture


def _look_at(scan: Any, segmentation: Any, segment: str) -> None:
    import slicer

    scan.GetDisplayNode().SetAutoWindowLevel(False)
    scan.GetDisplayNode().SetWindowLevel(_WIDTH_HU, _LEVEL_HU)
    place = segmentation.GetSegmentCenterRAS(segment)
    if place is None:
        raise RuntimeError(f"there is no {segment} to look at")
    slicer.vtkMRMLSliceNode.JumpAllSlices(
        slicer.mrmlScene, *place, slicer.vtkMRMLSliceNode.OffsetJumpSlice
    )


def _reconstruction(session: Session) -> Path:
    """The section beside what its layout shows; the stand-in's window has always the same views."""
    section = session.ui.reconstructionSection
    section.collapsed = False
    session.click(session.find("jobButton", section))
    session.wait("reconstruction", lambda: not session.parts.reconstruction.panel.busy)
    session.photograph("slicer-reconstruction")  # the panel is laid out anew
    path = session.photograph("slicer-reconstruction", section)
    panel = Image.open(path).convert("RGB")
    height = panel.height + 2 * _MARGIN
    left = panel.width + 2 * _MARGIN
    side = (height - _GAP) // 2 - _BAR
    picture = Image.new("RGB", (left + 2 * side + _GAP, height))
    picture.paste(panel.getpixel((0, panel.height - 1)), (0, 0, left, height))
    picture.paste(panel, (_MARGIN, _MARGIN))
    for place, name in enumerate(_VIEWS):
        column, row = place % 2, place // 2
        corner = (left + column * (side + _GAP), row * (side + _BAR + _GAP))
        picture.paste(_slice(session, name, side), corner)
    picture.save(path)
    return path


def _slice(session: Session, name: str, side: int) -> Image.Image:
    """What a view of the section's layout shows, below a bar with its name."""
    import slicer

    composite = slicer.mrmlScene.GetSingletonNode(f"MambaMIM{name}", "vtkMRMLSliceCompositeNode")
    shown = composite.GetForegroundVolumeID() or composite.GetBackgroundVolumeID()
    path = session.folder / f"{name}.png"
    slicer_stand_in.render_slice(
        path, "Axial", (side, side), volume=slicer.mrmlScene.GetNodeByID(shown)
    )
    view = Image.new("RGB", (side, side + _BAR), _VIEWS[name])
    view.paste(Image.open(path).convert("RGB"), (0, _BAR))
    font = ImageFont.load_default(13)
    ImageDraw.Draw(view).text((8, _BAR / 2), name, "black", font, anchor="lm")
    path.unlink()
    return view


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="take_screenshots", description=__doc__)
    parser.add_argument("--folder", type=Path, default=_FOLDER, help="for the PNG files")
    parser.add_argument("--scan", type=Path, help="a CT instead of the sample; mind its licence")
    asked = parser.parse_args()
    take_screenshots(asked.folder, asked.scan)
