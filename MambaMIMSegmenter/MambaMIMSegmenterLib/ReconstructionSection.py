"""The panel's section Reconstruction: mask a scan, have it filled in, look at it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from mambamim.catalogue import ModelEntry
from mambamim.checkpoint_header import CheckpointHeader, read_header
from mambamim.errors import CheckpointError
from MambaMIMLib.DeviceChoice import SETTING
from MambaMIMLib.JobPanel import JobPanel
from MambaMIMLib.ModelSelector import ModelSelector
from MambaMIMLib.WorkerJob import WorkerLike
from MambaMIMSegmenterLib import ReconstructionWords as Words
from MambaMIMSegmenterLib.CompareView import CompareView
from MambaMIMSegmenterLib.ReconstructionResult import ReconstructionResult
from MambaMIMSegmenterLib.ReconstructionRun import ReconstructionOptions, ReconstructionRun
from MambaMIMSegmenterLib.WindowLink import WindowLink

_UI = Path(__file__).resolve().parents[1] / "Resources" / "UI" / "MambaMIMReconstruction.ui"


class ReconstructionSection:
    """Chooses, runs and shows; the volume is chosen elsewhere in the panel.

    Args:
        worker: does the work.
        getVolumeNode: gives the selected volume, None for none.
        uiPath: of MambaMIMReconstruction.ui.

    Attributes:
        widget: for the panel's layout.
    """

    def __init__(
        self, worker: WorkerLike, getVolumeNode: Callable[[], Any], uiPath: str = str(_UI)
    ) -> None:
        self._worker, self._getVolumeNode = worker, getVolumeNode
        self._run: ReconstructionRun | None = None
        self._result: ReconstructionResult | None = None
        self._header: CheckpointHeader | None = None
        self._view, self._link = CompareView(), WindowLink()
        self.widget = slicer.util.loadUI(uiPath)
        self._ui = slicer.util.childWidgetVariables(self.widget)
        self.models = ModelSelector(kinds=("pretraining",))
        self.panel = JobPanel(Words.runButton(self._percent))
        self._ui.modelPlace.layout().addWidget(self.models.widget)
        self._ui.jobPlace.layout().addWidget(self.panel.widget)
        self._connect()
        self._updateView()
        self._onModel(self.models.currentEntry)
        self.onVolumeChanged()

    def onVolumeChanged(self) -> None:
        """Call it when another volume is selected, or none: shows what there is of it."""
        volume = self._getVolumeNode()
        self._result = None if volume is None else ReconstructionResult(volume)
        self._updateButton()
        self._updateResult()
        if self._ui.viewButton.checked:
            self._show()

    def leave(self) -> None:
        """Call it when the module is left: the old layout comes back; a run goes on."""
        self._link.part()
        self._view.close()
        self._ui.viewButton.checked = False
        self._updateView()

    def cleanup(self) -> None:
        """Call it when the scene closes or the panel goes: a run is cancelled too."""
        if self._run is not None:
            self._run.cancel()
        self.leave()

    @property
    def _percent(self) -> int:
        return round(self._ui.ratioSlider.value)

    def _connect(self) -> None:
        self.models.modelChanged.connect(self._onModel)
        self.models.failed.connect(lambda text, hint: self.panel.showMessage(text, hint, "error"))
        self.models.convertRequested.connect(self._onForeignFile)
        self.panel.clicked.connect(self.run)
        self._ui.ratioSlider.connect("valueChanged(double)", self._updateButton)
        self._ui.diceButton.connect("clicked()", self._onDice)
        self._ui.viewButton.connect("toggled(bool)", self._onView)
        self._ui.fadeSlider.connect("valueChanged(int)", lambda v: self._view.fade(v / 100))

    def run(self) -> None:
        """Reconstruct the selected volume as the section says."""
        volume, entry = self._getVolumeNode(), self.models.currentEntry
        if self.panel.busy or volume is None or entry is None or self._header is None:
            return
        window = self._header.window_hu if entry.modality == "CT" else ()
        options = ReconstructionOptions(
            entry,
            self._percent,
            int(self._ui.seedSpinBox.value),
            str(slicer.app.settings().value(SETTING, "auto") or "auto"),
            tuple(window),
        )
        self._run = ReconstructionRun(self._worker, volume, options)
        self._run.succeeded.connect(self._onResult)
        self._run.ended.connect(self._onEnd)
        self.panel.watch(self._run)

    def _onResult(self, result: ReconstructionResult) -> None:
        if result.volumeNode is not self._getVolumeNode():
            self.panel.showMessage(Words.elsewhere())
            return
        self._result = result
        self._updateResult()
        if self._ui.viewButton.checked:
            self._show()
        else:
            self._ui.viewButton.checked = True  # shows them

    def _onEnd(self) -> None:
        self._run = None

    def _onModel(self, entry: ModelEntry | None) -> None:
        self._header = None
        if entry is not None:
            try:
                self._header = read_header(entry.path)
            except CheckpointError as error:
                self.panel.showMessage(error.message, error.hint, "error")
        self._ui.tokenLabel.text = Words.token(self._header)
        self._updateButton()

    def _onForeignFile(self, _path: str) -> None:
        self.panel.showMessage(
            _("A .pth file is converted in the section Model above."),
            _("Add it there; it appears here when it is ready."),
        )

    def _onDice(self) -> None:
        seed = int(self._ui.seedSpinBox.value)
        while seed == self._ui.seedSpinBox.value:
            seed = random.randint(0, 9999)
        self._ui.seedSpinBox.value = seed

    def _onView(self, shown: bool) -> None:
        self._updateView()
        if shown:
            self._show()
        else:
            self.leave()

    def _show(self) -> None:
        """The four views, if the volumes are all still there."""
        self._result.find()
        if not self._result.complete:
            self._ui.viewButton.checked = False
            self._updateResult()
            self.panel.showMessage(
                _("Some of the volumes of this reconstruction were deleted."), _("Run it again.")
            )
            return
        nodes = self._result.nodes
        self._link.join(self._result.volumeNode, [nodes["reconstruction"], nodes["masked"]])
        self._view.show({"input": self._result.volumeNode, **nodes})

    def _updateView(self) -> None:
        shown = self._ui.viewButton.checked
        self._ui.viewButton.text = Words.viewButton(shown)
        for widget in (self._ui.fadeSlider, self._ui.fadeInputLabel, self._ui.fadeOutputLabel):
            widget.enabled = shown

    def _updateButton(self, *_values: Any) -> None:
        missing = ""
        if self._getVolumeNode() is None:
            missing = _("Select a volume first.")
        elif self.models.currentEntry is None or self._header is None:
            missing = _("Select a pre-trained model first.")
        elif not self._header.pretraining:
            missing = _("This model was saved without its decoder: it cannot reconstruct.")
        self.panel.setButton(Words.runButton(self._percent), not missing, missing)

    def _updateResult(self) -> None:
        """What is said about the volumes that are there, and whether they can be shown."""
        there = self._result is not None and self._result.complete
        self._ui.resultFrame.setVisible(there)
        if there:
            self._ui.psnrLabel.text = Words.score(self._result.facts)
        elif self._ui.viewButton.checked:
            self.leave()
