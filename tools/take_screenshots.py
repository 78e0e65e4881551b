"""Takes the pictures of docs/tutorial.md in the stand-in for Slicer.

`python tools/take_screenshots.py` works with the modules as a person does: it loads the sample CT,
clicks the button, reconstructs, trains. It needs torch and what the stand-in needs, and some
minutes; `--module trainer` takes MambaMIM Trainer's pictures alone.
"""

import argparse
from pathlib import Path

from PIL import Image
from screenshot_session import (
    BAR,
    GAP,
    MARGIN,
    ROOT,
    Session,
    below_bar,
    beside,
    look_at,
    slicer_stand_in,
)
from trainer_screenshots import take_trainer_screenshots

_FOLDER = ROOT / "Resources" / "Screenshots"
_WINDOW = (1400, 900)  # pixels: size of the application
_MODULES = ("segmenter", "trainer")
_VIEWS = {"Input": "#8c8c8c", "Masked": "#8c8c8c", "Reconstruction": "#4c8fd9", "Error": "#e5763d"}


def take_screenshots(folder: Path, scan: Path | None, modules: tuple[str, ...]) -> list[Path]:
    """Take all pictures and return their files; without a scan it is the sample CT."""
    pictures = _take_segmenter_screenshots(folder, scan) if "segmenter" in modules else []
    if "trainer" in modules:
        pictures += take_trainer_screenshots(folder)
    slicer_stand_in.shut_down()
    for picture in pictures:
        Image.open(picture).convert("RGB").save(picture, optimize=True)
    return pictures


def _take_segmenter_screenshots(folder: Path, scan: Path | None) -> list[Path]:
    session = Session(folder, "MambaMIMSegmenter")
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
    look_at(session.ui.inputSelector.currentNode(), session.parts.result.node, "kidney_right")
    picture = session.photograph(name, window)
    session.panel.setParent(None)  # it is to outlive the window
    window.deleteLater()
    return picture


def _reconstruction(session: Session) -> Path:
    """The section beside what its layout shows; the stand-in's window has always the same views."""
    section = session.ui.reconstructionSection
    section.collapsed = False
    session.click(session.find("jobButton", section))
    session.wait("reconstruction", lambda: not session.parts.reconstruction.panel.busy)
    session.photograph("slicer-reconstruction")  # the panel is laid out anew
    path = session.photograph("slicer-reconstruction", section)
    panel = Image.open(path).convert("RGB")
    side = (panel.height + 2 * MARGIN - GAP) // 2 - BAR
    views = [below_bar(_slice(session, name, side), name, _VIEWS[name]) for name in _VIEWS]
    beside(panel, views).save(path)
    return path


def _slice(session: Session, name: str, side: int) -> Image.Image:
    """What a view of the section's layout shows."""
    import slicer

    composite = slicer.mrmlScene.GetSingletonNode(f"MambaMIM{name}", "vtkMRMLSliceCompositeNode")
    shown = composite.GetForegroundVolumeID() or composite.GetBackgroundVolumeID()
    return session.slice_picture((side, side), slicer.mrmlScene.GetNodeByID(shown))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="take_screenshots", description=__doc__)
    parser.add_argument("--folder", type=Path, default=_FOLDER, help="for the PNG files")
    parser.add_argument("--scan", type=Path, help="a CT instead of the sample; mind its licence")
    parser.add_argument("--module", choices=_MODULES, help="take the pictures of this module alone")
    asked = parser.parse_args()
    take_screenshots(asked.folder, asked.scan, (asked.module,) if asked.module else _MODULES)
