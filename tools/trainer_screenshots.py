"""The pictures of MambaMIM Trainer: three synthetic cases, and a short training on them.

The training is a real one, made short: few steps on small crops. Its numbers are what it measures.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from screenshot_session import (
    BAR,
    GAP,
    MARGIN,
    ROOT,
    Session,
    below_bar,
    beside,
    frame,
    look_at,
    slicer_stand_in,
)

sys.path.append(str(ROOT / "Testing" / "slicer" / "support"))

_CLASSES = ("liver", "spleen", "kidney_right", "kidney_left")
_SEEDS = (21, 22, 23)
_SHAPE, _SPACING_MM = (128, 104, 112), 3.0
_SLAB = slice(60, 92)  # planes with all of the classes
_BODY_HU = -300
_STEPS, _BATCH, _RATE = 18, 1, 1.0  # what the panel is told; the rate in 10^-4
_SHORT = {"image_size": [48, 48, 48], "validate_every": 6, "save_every": 18, "average": 0.9}
_SHOWN = 2  # checks on the validation case before the picture is taken
_VIEW = 440  # pixels: width of a view


def take_trainer_screenshots(folder: Path) -> list[Path]:
    """Take the pictures and return their files. What is trained on and for is deleted again."""
    with tempfile.TemporaryDirectory() as place:
        kept = os.environ.get("MAMBAMIM_HOME")
        os.environ["MAMBAMIM_HOME"] = str(Path(place) / "home")  # the new model is no one's
        try:
            return _take(folder, Path(place) / "abdomen")
        finally:
            os.environ.pop("MAMBAMIM_HOME")
            if kept is not None:
                os.environ["MAMBAMIM_HOME"] = kept


def _take(folder: Path, place: Path) -> list[Path]:
    session = Session(folder, "MambaMIMTrainer")
    import slicer

    slicer.mrmlScene.Clear()
    slicer_stand_in.open_module(ROOT / "MambaMIMSegmenter" / "MambaMIMSegmenter.py", enter=False)
    session.parts.desk._runs = _short_runs()
    pictures = [_training_set(session, place)]
    _start(session)
    desk, watch = session.parts.desk, session.parts.watch
    checks: list[int] = []
    desk.run.measured.connect(
        lambda told: checks.extend(s for s, name, _v in told if name == "dice")
    )
    session.wait("score", lambda: len(checks) >= _SHOWN or not desk.busy)
    session.wait("preview", lambda: _preview(session) is not None)
    pictures.append(_running(session))
    session.wait("end", lambda: not watch.job.busy)
    pictures.append(_result(session))
    return pictures


def _short_runs() -> Any:
    """The real runs, on smaller crops than the panel asks for."""
    from MambaMIMLib.PythonChoice import choosePython
    from MambaMIMTrainerLib.Runs import Runs

    class ShortRuns(Runs):
        def start(self, job: str, parameters: dict[str, Any], folder: Path) -> None:
            preset = {**parameters["preset"], **_SHORT}
            super().start(job, {**parameters, "preset": preset}, folder)

    return ShortRuns(choosePython)


def _case(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[int, str]]:
    """CT, labels, affine and the classes' values of a slab of a synthetic patient."""
    from mambamim.catalogue.terminology import ABDOMEN_LABELS
    from mambamim.data.phantom import make_phantom

    phantom = make_phantom(seed, _SHAPE, _SPACING_MM)
    inside = (phantom.ct > _BODY_HU)[:, :, _SLAB]
    sides = [np.flatnonzero(inside.any(axis=other)) for other in ((1, 2), (0, 2))]
    box = (*(slice(side[0], side[-1] + 1) for side in sides), _SLAB)
    values = {value: name for value, name in ABDOMEN_LABELS.items() if name in _CLASSES}
    labels = np.where(np.isin(phantom.labels, list(values)), phantom.labels, 0)
    return phantom.ct[box], labels[box].astype(np.uint8), phantom.affine, values


def _training_set(session: Session, place: Path) -> Path:
    """Two cases are there, the third is the open one and is added by the button."""
    import slicer
    from scene_volumes import add_volume
    from trainer_panel import add_segmentation

    from mambamim.project import Project

    project = Project.create(place, _CLASSES)
    for seed in _SEEDS[:2]:
        project.add_case(*_case(seed), "CT")
    session.parts.trainingSet.chooser.openFolder(place)
    image, labels, affine, values = _case(_SEEDS[2])
    volume = add_volume(image, affine, "CT")
    segmentation = add_segmentation(volume, labels, values)
    segmentation.SetName("CT segmentation")
    session.parts.take(volume, segmentation)
    section = session.ui.trainingSetSection
    session.click(session.find("jobButton", section))
    session.wait("third case", lambda: len(session.parts.trainingSet.project.cases) == 3)
    session.wait("end", lambda: not session.parts.trainingSet.busy)
    session.photograph("slicer-trainer-set")  # the panel is laid out
    picture = frame(session.photograph("slicer-trainer-set", section))
    for node in (segmentation, volume):  # the training set has its copy
        slicer.mrmlScene.RemoveNode(node)
    return picture


def _start(session: Session) -> None:
    ui = session.ui
    ui.presetBox.currentIndex = ui.presetBox.count - 1
    ui.stepsBox.value, ui.batchBox.value, ui.rateBox.value = _STEPS, _BATCH, _RATE
    session.wait("answer on packages", lambda: session.parts.dependencies.ready)
    session.click(session.find("jobButton", ui.trainSection))


def _preview(session: Session) -> Any:
    """The segmentation of the validation case, None while there is none."""
    result = session.parts.preview._result
    return None if result is None else result.node


def _running(session: Session) -> Path:
    """The section beside what the layout of the curves shows."""
    session.click(session.find("curvesButton", session.ui.trainSection))
    session.photograph("slicer-trainer-running")
    path = session.photograph("slicer-trainer-running", session.ui.trainSection)
    panel = Image.open(path).convert("RGB")
    volume, charts = session.parts.preview.volume, session.parts.desk.curves.charts
    look_at(volume, _preview(session), "kidney_right")
    width, height = _VIEW, (panel.height + 2 * MARGIN - GAP) // 2 - BAR
    views = [
        below_bar(session.slice_picture((width, height), volume, "Axial"), "Axial", "#F34A33"),
        below_bar(session.slice_picture((width, height), volume, "Coronal"), "Coronal", "#6EB04B"),
    ]
    for kind, title in (("loss", "1"), ("dice", "2")):
        plot = session.plot_picture((width, height), charts[kind])
        views.append(below_bar(plot, title, "#8c8c8c"))
    beside(panel, views).save(path)
    return path


def _result(session: Session) -> Path:
    session.photograph("slicer-trainer-result")
    return frame(session.photograph("slicer-trainer-result", session.ui.resultSection))
