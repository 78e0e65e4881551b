"""What a training is asked for: the model to begin with, how long, on what, under which name."""

from __future__ import annotations

import re
from typing import Any

from slicer.i18n import tr as _

from mambamim.catalogue import list_models
from MambaMIMLib import Words
from MambaMIMLib.DeviceChoice import DeviceChoice
from MambaMIMLib.ModelSelector import ModelSelector
from MambaMIMLib.Signal import Signal

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
_PRESETS = ("quick", "standard", "paper", "custom")  # in the order of the list


class TrainForm:
    """Reads and fills the widgets of the section "2 Train".

    Args:
        ui: the .ui file's widgets by their names.
        worker: makes the estimate, and looks for devices.

    Attributes:
        models: a `ModelSelector`.
        changed: Signal(), something else is asked for.
    """

    def __init__(self, ui: Any, worker: Any) -> None:
        self.changed = Signal()
        self.ui, self._worker = ui, worker
        self.models = ModelSelector(kinds=("segmentation", "pretraining"))
        self.devices = DeviceChoice(worker, ui.deviceBox, ui.deviceFoundLabel)
        self._project: Any = None
        self._proposed = ""
        self._estimate: Any = None
        ui.baseModelPlace.layout().addWidget(self.models.widget)
        self.models.modelChanged.connect(lambda _entry: self._onAsked())
        self.devices.changed.connect(self._onAsked)
        ui.scratchBox.connect("toggled(bool)", self._onAsked)
        ui.presetBox.connect("currentIndexChanged(int)", self._onAsked)
        for box in (ui.stepsBox, ui.batchBox):
            box.connect("valueChanged(int)", self._onAsked)
        ui.rateBox.connect("valueChanged(double)", self._onAsked)
        ui.modelNameEdit.connect("textChanged(QString)", lambda _text: self.changed())
        ui.estimateButton.connect("clicked()", self.estimate)
        self._onAsked()

    @property
    def fromScratch(self) -> bool:
        """Whether no model is begun with."""
        return bool(self.ui.scratchBox.checked)

    @property
    def knownClasses(self) -> list[str]:
        """Names of the classes of the model that is begun with."""
        entry = self.models.currentEntry
        return [] if self.fromScratch or entry is None else list(entry.labels.values())

    @property
    def name(self) -> str:
        """Of the model to be."""
        return str(self.ui.modelNameEdit.text).strip()

    def parameters(self) -> dict[str, Any]:
        """Of the job "finetune", without project, run folder and what depends on them."""
        entry = self.models.currentEntry
        model = "" if self.fromScratch or entry is None else str(entry.path)
        return {
            "model": model,
            "preset": self._preset(),
            "device": self.devices.device,
            "name": self.name,
            "title": "",
        }

    def setProject(self, project: Any) -> None:
        """Another training set is open: propose a name that no model has."""
        self._project = project
        self.proposeName()
        self._onAsked()

    def proposeName(self) -> None:
        """Fill in a name that no model has, unless the user has typed one that none has either."""
        taken = {entry.name for entry in list_models()}
        if self.name and self.name != self._proposed and self.name not in taken:
            return
        stem = "my-model" if self._project is None else str(self._project.folder.name)
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._") or "my-model"
        number = 1
        while f"{stem}-{number}" in taken:
            number += 1
        self._proposed = f"{stem}-{number}"
        self.ui.modelNameEdit.text = self._proposed

    def refresh(self) -> None:
        """Show what goes with the choices, which others may have made."""
        self._onAsked()

    def missing(self) -> str:
        """What is not said yet, empty if all is."""
        if not self.fromScratch and self.models.currentEntry is None:
            return _("First select a model to begin with.")
        if not _NAME.fullmatch(self.name):
            return _("First name the new model: letters, digits, dots and dashes.")
        if self.name in {entry.name for entry in list_models()}:
            return _("There is a model of that name: give the new one another.")
        return ""

    def estimate(self) -> None:
        """Let the worker time a few steps."""
        if self._project is None or self._estimating:
            return
        asked = self.parameters()
        asked = {key: asked[key] for key in ("model", "preset", "device")}
        self._tell(_("Timing a few steps..."))
        self.ui.estimateButton.enabled = False
        job = self._worker.submit("estimate", {"project": str(self._project.folder), **asked})
        self._estimate = job
        job.succeeded.connect(lambda result: self._onEstimate(job, result))
        job.failed.connect(lambda failure: self._onNoEstimate(job, failure))

    def update(self, ready: bool) -> None:
        """Whether all packages are there, and what can be clicked then."""
        self.ui.estimateButton.enabled = (
            ready
            and not self._estimating
            and self._project is not None
            and bool(self._project.cases)
            and (self.fromScratch or self.models.currentEntry is not None)
        )

    @property
    def _estimating(self) -> bool:
        return self._estimate is not None and bool(self._estimate.active)

    def _preset(self) -> str | dict[str, Any]:
        name = _PRESETS[max(0, int(self.ui.presetBox.currentIndex))]
        if name != "custom":
            return name
        return {
            "steps": int(self.ui.stepsBox.value),
            "batch": int(self.ui.batchBox.value),
            "learning_rate": float(self.ui.rateBox.value) * 1e-4,
        }

    def _onAsked(self, *_value: Any) -> None:
        """The estimate was for something else."""
        self.ui.customWidget.setVisible(isinstance(self._preset(), dict))
        self.models.widget.setVisible(not self.fromScratch)
        if self._estimating:
            self._estimate.cancel()
        self._tell("")
        self.changed()

    def _onEstimate(self, job: Any, result: dict[str, Any]) -> None:
        if job is not self._estimate:
            return
        seconds, memory = result.get("seconds"), result.get("memory_bytes")
        parts = []
        if seconds:
            parts.append(_("about {time}").format(time=Words.aboutDuration(float(seconds))))
        if memory:
            parts.append(_("{size} of memory").format(size=Words.size(int(memory))))
        if result.get("steps"):
            parts.append(_("{count} steps").format(count=result["steps"]))
        self._tell(", ".join(parts)[:1].upper() + ", ".join(parts)[1:] + ".")
        self.changed()

    def _onNoEstimate(self, job: Any, failure: Any) -> None:
        if job is self._estimate:
            self._tell("" if failure.isStop else f"{failure.message} {failure.hint}".strip())
            self.changed()

    def _tell(self, text: str) -> None:
        self.ui.estimateLabel.text = text
