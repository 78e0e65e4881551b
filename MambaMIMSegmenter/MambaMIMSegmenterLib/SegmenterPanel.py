"""The panel of MambaMIM Segmenter: what its widgets do."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from mambamim.errors import MambaMIMError
from MambaMIMLib import Timer
from MambaMIMLib.DeviceChoice import DeviceChoice
from MambaMIMLib.JobPanel import JobPanel
from MambaMIMLib.ModelSelector import ModelSelector
from MambaMIMSegmenterLib import PanelPlaces, RegionOfInterest, SegmenterWords, Views
from MambaMIMSegmenterLib.BatchList import BatchList
from MambaMIMSegmenterLib.ConversionForm import ConversionForm
from MambaMIMSegmenterLib.OrganList import OrganList
from MambaMIMSegmenterLib.ReconstructionSection import ReconstructionSection
from MambaMIMSegmenterLib.ResultView import ResultView
from MambaMIMSegmenterLib.RunDesk import RunDesk
from MambaMIMSegmenterLib.SegmentLogic import SegmentLogic
from MambaMIMSegmenterLib.SegmentOptions import SegmentOptions

_SOON = 0.1  # seconds after a change of the scene; loading a study makes many


class SegmenterPanel:
    """Connects the .ui file's widgets, the parts of the panel and the logic.

    Args:
        ui: the widgets by their names.
        worker: does the work.
        dependencies: a `DependenciesPanel`.
    """

    def __init__(self, ui: Any, worker: Any, dependencies: Any) -> None:
        self.ui, self.worker, self.dependencies = ui, worker, dependencies
        self.models, self.organs, self.batchList = ModelSelector(), OrganList(), BatchList()
        self.job, self.result = JobPanel(_("Segment")), ResultView()
        self.conversionForm = ConversionForm()
        self.devices = DeviceChoice(worker, ui.deviceBox, ui.deviceFoundLabel)
        self.desk = RunDesk(
            SegmentLogic(worker), worker, self.models, self.job, self.result, self.batchList
        )
        self._parameters: Any = None
        self.reconstruction = ReconstructionSection(worker, lambda: self._volume)
        self._shownVolume: Any = None
        self._refreshing: Any = None
        PanelPlaces.fill(self)
        self._connect()
        self._onModelChanged(self.models.currentEntry)

    def setParameters(self, parameters: Any) -> None:
        """Show another parameter node; None while the scene closes."""
        self._parameters = parameters
        if parameters is None:
            return
        if parameters.model:
            self.models.select(parameters.model)
        self._onModelChanged(self.models.currentEntry)

    def options(self) -> SegmentOptions:
        """What the panel says.

        Raises:
            BadInputError: the region of interest is empty.
        """
        asked = self._parameters
        roi = asked.regionOfInterest
        return SegmentOptions(
            model=self.models.currentEntry,
            quality=asked.quality.value,
            device=self.devices.device,
            roi=None if roi is None else RegionOfInterest.corners(roi),
            organs=self.organs.names,
            statistics=asked.statistics,
            show3D=asked.show3D,
        )

    def update(self, *_event: Any) -> None:
        """Bring buttons and notes up to date with what is chosen."""
        asked = self._parameters
        if asked is None:
            return
        if self._volume is not self._shownVolume:
            self._shownVolume = self._volume
            self.reconstruction.onVolumeChanged()
        missing = self._missing(self._volume)
        action = SegmenterWords.action(self.models.currentEntry)
        self.job.setButton(action, not missing, missing or _("Find the structures in this scan"))
        scans = self.batchList.checked
        text = _("{action} in {scans}").format(
            action=action, scans=SegmenterWords.scans(len(scans))
        )
        why = self._missing(scans)
        self.batchList.setButton(text, not why and not self.job.busy, why)
        self.ui.sampleButton.toolTip = (
            _("A synthetic CT of the abdomen, painted on this computer. It shows no patient.")
            if self.dependencies.ready
            else _("First install what is missing, above.")
        )
        self.ui.sampleButton.enabled = self.dependencies.ready and not self.job.busy
        self.ui.scanNote.setVisible(self._volume is None)
        roi = asked.regionOfInterest
        turned = roi is not None and RegionOfInterest.isTurned(roi)
        self.ui.roiNote.text = _("It is turned: the straight box around it is taken.")
        self.ui.roiNote.setVisible(turned)

    def onSceneChanged(self, *_event: Any) -> None:
        """A node was added or removed."""
        if self._refreshing is None:
            self._refreshing = Timer.after(_SOON, self._refresh)

    def onSceneClosing(self) -> None:
        """End what runs: its scan is gone in a moment."""
        self.desk.stop()
        self.result.clear()
        self.reconstruction.cleanup()

    def cleanup(self) -> None:
        """The module is unloaded."""
        self._parameters = None
        if self._refreshing is not None:
            self._refreshing.stop()
        self.desk.stop()
        self.reconstruction.cleanup()
        self.dependencies.cleanup()

    @property
    def _volume(self) -> Any:
        return None if self._parameters is None else self._parameters.inputVolume

    def _connect(self) -> None:
        self.dependencies.changed.connect(self._onDependenciesChanged)
        self.models.modelChanged.connect(self._onModelChanged)
        self.models.failed.connect(lambda text, hint: self.job.showMessage(text, hint, "error"))
        self.models.convertRequested.connect(self.conversionForm.ask)
        self.conversionForm.accepted.connect(self.desk.convert)
        self.job.clicked.connect(self._segment)
        self.batchList.clicked.connect(self._segmentBatch)
        self.batchList.changed.connect(self.update)
        self.desk.changed.connect(self.update)
        self.desk.sampleLoaded.connect(self._onSampleLoaded)
        self.ui.sampleButton.connect("clicked()", self.desk.loadSample)
        self.organs.changed.connect(self._onOrgansChanged)
        self.ui.optionsButton.connect("contentsCollapsed(bool)", self._onOptions)
        self.ui.batchSection.connect("contentsCollapsed(bool)", self._onBatchSection)
        self.ui.roiSelector.connect("nodeAddedByUser(vtkMRMLNode*)", self._onNewRoi)

    def _missing(self, scans: Any) -> str:
        """Why nothing can be segmented yet, empty if it can."""
        if not self.dependencies.ready:
            return _("First install what is missing, above.")
        if not scans:
            return _("First load a scan, or the sample CT.")
        if self.models.currentEntry is None:
            return _("First select a model.")
        return ""

    def _segment(self) -> None:
        options = self._checkedOptions()
        if options is not None:
            self.desk.segment(self._volume, options)

    def _segmentBatch(self) -> None:
        options = self._checkedOptions()
        if options is not None:
            self.desk.segmentBatch(self.batchList.checked, options)

    def _checkedOptions(self) -> SegmentOptions | None:
        try:
            options = self.options()
            options.check()
        except MambaMIMError as error:
            self.job.showMessage(error.message, error.hint, "error")
            self.models.refresh()
            return None
        return options

    def _onModelChanged(self, entry: Any) -> None:
        if self._parameters is not None and entry is not None:
            if self._parameters.model and self._parameters.model != entry.name:
                self._parameters.uncheckedStructures = []
            self._parameters.model = entry.name
        self._fillOrgans()
        self.update()

    def _fillOrgans(self) -> None:
        entry, asked = self.models.currentEntry, self._parameters
        unchecked = [] if asked is None else list(asked.uncheckedStructures)
        self.organs.fill({} if entry is None else entry.labels, unchecked)

    def _onOrgansChanged(self) -> None:
        if self._parameters is not None:
            self._parameters.uncheckedStructures = self.organs.unchecked

    def _onDependenciesChanged(self) -> None:
        self.worker.restart()
        self.devices.forget()
        self._onOptions(self.ui.optionsButton.collapsed)
        self.update()

    def _onOptions(self, collapsed: bool) -> None:
        if not collapsed and self.dependencies.ready:
            self.devices.find()

    def _onBatchSection(self, collapsed: bool) -> None:
        if not collapsed:
            self.batchList.refresh()

    def _onNewRoi(self, node: Any) -> None:
        """A box that was just made is that of the scan, so that it can be seen and made smaller."""
        if self._volume is not None:
            RegionOfInterest.fit(node, self._volume)

    def _onSampleLoaded(self, node: Any) -> None:
        if self._parameters is not None:
            self._parameters.inputVolume = node
        Views.showVolume(node)

    def _refresh(self) -> None:
        self._refreshing = None
        self.result.onNodeRemoved()
        if not self.ui.batchSection.collapsed:
            self.batchList.refresh()
        self.update()
