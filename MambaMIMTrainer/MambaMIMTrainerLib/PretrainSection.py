"""The section "Pre-train": a network learns from scans that nobody has labelled."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from mambamim.catalogue import list_models, user_models_folder
from MambaMIMTrainerLib.Runs import newFolder
from MambaMIMTrainerLib.TrainDesk import TrainDesk
from MambaMIMTrainerLib.WatchPanel import WatchPanel

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
_PICTURE = 320  # pixels


class PretrainSection:
    """The same watch panel, and a picture of a held-out scan that the network fills in.

    Args:
        ui: `pretrainPathEdit`, `maskRatioSlider` (percent), `pretrainStepsBox`,
            `pretrainNameEdit`, `pretrainModelLabel`, `pretrainPlace`.
        runs: a `Runs`.
        getModel: gives the model to begin with, "" for fresh weights.
        getDevice: gives the device as a worker takes it.
    """

    def __init__(
        self, ui: Any, runs: Any, getModel: Callable[[], str], getDevice: Callable[[], str]
    ) -> None:
        self.ui, self._getModel, self._getDevice = ui, getModel, getDevice
        self.panel = WatchPanel(
            _("Start pre-training"), "validation_loss", _("validation loss"), lower=True
        )
        self.desk = TrainDesk(runs, self.panel, "pretrain")
        self._ready = False
        self._picture = qt.QLabel()
        self._picture.objectName = "pretrainPicture"
        self._picture.alignment = qt.Qt.AlignCenter
        self._picture.setVisible(False)
        ui.pretrainPlace.layout().addWidget(self.panel.widget)
        ui.pretrainPlace.layout().addWidget(self._picture)
        ui.pretrainPathEdit.connect("currentPathChanged(QString)", self._onFolder)
        ui.pretrainNameEdit.connect("textChanged(QString)", lambda _text: self.update())
        self.panel.job.clicked.connect(self._onClicked)
        self.desk.changed.connect(self.update)
        self.desk.previewed.connect(self._onPreview)
        self.desk.succeeded.connect(self._onSuccess)
        self.update()

    def find(self) -> None:
        """Look for a run that goes on or was paused."""
        self.desk.find(_runsFolder())

    def update(self, ready: bool | None = None) -> None:
        """Say what is missing; `ready`: whether all packages are there."""
        self._ready = self._ready if ready is None else ready
        if self.desk.resumable is not None:
            there = self._ready and self._folder.is_dir()
            tip = "" if there else _("First select the folder of scans that it learnt from.")
            self.panel.job.setButton(_("Resume pre-training"), there, tip)
            return
        missing = self._missing()
        self.panel.job.setButton(
            _("Start pre-training"),
            not missing,
            missing or _("Learn from all scans of the folder; nothing leaves this computer"),
        )
        model = Path(self._getModel()).stem
        self.ui.pretrainModelLabel.text = (
            _("Begins with {model}, which is selected in the section Train.").format(model=model)
            if model
            else _("Begins with fresh weights.")
        )

    def _missing(self) -> str:
        if not self._ready:
            return _("First install what is missing, above.")
        if not self._folder.is_dir():
            return _("First select a folder of scans.")
        name = str(self.ui.pretrainNameEdit.text).strip()
        if not _NAME.fullmatch(name):
            return _("First name the new model: letters, digits, dots and dashes.")
        if name in {entry.name for entry in list_models()}:
            return _("There is a model of that name: give the new one another.")
        return ""

    @property
    def _folder(self) -> Path:
        return Path(str(self.ui.pretrainPathEdit.currentPath or "/nowhere"))

    def _onFolder(self, _path: str) -> None:
        self.update()

    def _onClicked(self) -> None:
        if self.desk.resumable is not None:
            self.desk.resume(data=[str(self._folder)])  # a run's folder does not keep it
            return
        folder = newFolder(_runsFolder(), "pretrain")
        asked = {
            "data": [str(self._folder)],
            "out": str(folder),
            "model": self._getModel(),
            "mask_ratio": float(self.ui.maskRatioSlider.value) / 100,
            "steps": int(self.ui.pretrainStepsBox.value),
            "device": self._getDevice(),
            "name": str(self.ui.pretrainNameEdit.text).strip(),
        }
        self._picture.setVisible(False)
        self.desk.start(asked, folder)

    def _onPreview(self, path: str) -> None:
        pixmap = qt.QPixmap(path)
        if not pixmap.isNull():
            width = min(_PICTURE, max(1, self.panel.widget.width))
            self._picture.pixmap = pixmap.scaledToWidth(width, qt.Qt.SmoothTransformation)
            self._picture.setVisible(True)

    def _onSuccess(self, result: dict[str, Any]) -> None:
        self.panel.job.showMessage(
            _("{name} is one of your models now.").format(name=result.get("name", "")),
            _("Select it as the model to begin with in the section Train."),
        )


def _runsFolder() -> Path:
    """Where pre-trainings lie: they belong to no training set."""
    return user_models_folder().parent / "runs"
