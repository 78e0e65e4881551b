"""The panel of MambaMIM Trainer: what its sections have to do with each other."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from MambaMIMLib import Timer
from MambaMIMTrainerLib import ModelUse
from MambaMIMTrainerLib.CloseQuestion import CloseQuestion
from MambaMIMTrainerLib.PretrainSection import PretrainSection
from MambaMIMTrainerLib.PreviewView import PreviewView
from MambaMIMTrainerLib.RankSection import RankSection
from MambaMIMTrainerLib.ResultSection import ResultSection
from MambaMIMTrainerLib.Runs import newFolder
from MambaMIMTrainerLib.TrainDesk import TrainDesk
from MambaMIMTrainerLib.TrainForm import TrainForm
from MambaMIMTrainerLib.TrainingSetSection import TrainingSetSection
from MambaMIMTrainerLib.WatchPanel import WatchPanel

_SOON = 0.2  # seconds after a change of the scene; loading a study makes many


class TrainerPanel:
    """Connects the .ui file's widgets, the sections and the runs.

    Args:
        ui: the widgets by their names.
        worker: reads folders, ranks scans, estimates.
        dependencies: a `DependenciesPanel`.
        runs: a `Runs`.
    """

    def __init__(self, ui: Any, worker: Any, dependencies: Any, runs: Any) -> None:
        self.ui, self.worker, self.dependencies = ui, worker, dependencies
        self._parameters: Any = None
        self._refreshing: Any = None
        self.trainingSet = TrainingSetSection(ui, worker)
        self.form = TrainForm(ui, worker)
        self.watch = WatchPanel(_("Start training"), "dice", "Dice")
        self.desk = TrainDesk(runs, self.watch, "finetune")
        self.result, self.preview = ResultSection(), PreviewView()
        self.rank = RankSection(
            ui, worker, self._segmentationModel, lambda: self.form.devices.device
        )
        self.pretrain = PretrainSection(
            ui, runs, self._pretrainedModel, lambda: self.form.devices.device
        )
        self.closing = CloseQuestion(self._activeRuns)
        self._place()
        self._connect()
        self.update()

    def setParameters(self, parameters: Any) -> None:
        """Show another parameter node; None while the scene closes."""
        self._parameters = parameters
        if parameters is None:
            return
        if parameters.baseModel:
            self.form.models.select(parameters.baseModel)
        self.form.refresh()

    def open(self) -> None:
        """The module is on the screen: the last training set is opened, and its runs looked for."""
        self.closing.watch()
        self.trainingSet.chooser.openLast()
        if not self.pretrain.desk.busy and self.pretrain.desk.resumable is None:
            self.pretrain.find()
        self.trainingSet.form.onSceneChanged()

    def take(self, volumeNode: Any, segmentationNode: Any) -> None:
        """Select a scan and its segmentation to be added, as the Segmenter asks for."""
        self.ui.trainingSetSection.collapsed = False
        self.ui.caseVolumeSelector.setCurrentNode(volumeNode)
        self.ui.caseSegmentationSelector.setCurrentNode(segmentationNode)
        self.trainingSet.form.refresh()

    def update(self, *_event: Any) -> None:
        """Bring buttons and notes up to date with what is chosen."""
        ready = bool(self.dependencies.ready)
        self.form.update(ready)
        self.rank.update(ready)
        self.pretrain.update(ready)
        job = self.watch.job
        if self.desk.resumable is not None:
            job.setButton(_("Resume training"), ready, _("Go on from where it was"))
            return
        missing = self._missing(ready)
        job.setButton(
            _("Start training"),
            not missing,
            missing or _("It runs beside Slicer: go on working meanwhile"),
        )
        self.ui.trainNote.text = missing
        self.ui.trainNote.setVisible(bool(missing) and not self.desk.busy)

    def onSceneChanged(self, *_event: Any) -> None:
        """A node was added, removed or changed."""
        if self._refreshing is None:
            self._refreshing = Timer.after(_SOON, self._onSceneSettled)

    def onSceneClosing(self) -> None:
        """The nodes go; what runs goes on."""
        self.trainingSet.cleanup()
        self.preview.forget()
        self.desk.curves.forget()
        self.pretrain.desk.curves.forget()

    def cleanup(self) -> None:
        """The module is unloaded; what runs goes on."""
        self._parameters = None
        if self._refreshing is not None:
            self._refreshing.stop()
        self.trainingSet.cleanup()
        self.preview.forget()
        self.desk.leave()
        self.pretrain.desk.leave()
        self.closing.cleanup()
        self.worker.stop()
        self.dependencies.cleanup()

    def _place(self) -> None:
        ui = self.ui
        for place, part in (
            (ui.dependenciesPlace, self.dependencies.widget),
            (ui.watchPlace, self.watch.widget),
            (ui.resultPlace, self.result.widget),
            (ui.pythonPlace, self.dependencies.pythonWidget),
        ):
            place.layout().addWidget(part)
        for section in (
            ui.trainingSetSection,
            ui.trainSection,
            ui.resultSection,
            ui.rankSection,
            ui.pretrainSection,
        ):
            section.setSizePolicy(qt.QSizePolicy.Preferred, qt.QSizePolicy.Maximum)

    def _connect(self) -> None:
        self.dependencies.changed.connect(self._onDependencies)
        self.trainingSet.projectChanged.connect(self._onProject)
        self.trainingSet.casesChanged.connect(self.update)
        self.form.changed.connect(self._onForm)
        self.watch.job.clicked.connect(self._onClicked)
        self.desk.changed.connect(self.update)
        self.desk.previewed.connect(self._onPreview)
        self.desk.succeeded.connect(self._onSuccess)
        self.form.models.failed.connect(
            lambda text, hint: self.watch.job.showMessage(text, hint, "error")
        )
        self.form.models.convertRequested.connect(
            lambda _path: self.watch.job.showMessage(
                _("This file is one of PyTorch's own."),
                _("Add it in MambaMIM Segmenter, which converts it."),
                "warning",
            )
        )
        self.pretrain.desk.succeeded.connect(lambda _result: self.form.models.refresh())
        self.ui.trainSection.connect("contentsCollapsed(bool)", self._onTrainSection)

    def _missing(self, ready: bool) -> str:
        """Why no training can start yet, empty if it can."""
        project = self.trainingSet.project
        if not ready:
            return _("First install what is missing, above.")
        if project is None:
            return _("First open a training set, above.")
        blocking = project.blocking()
        if blocking:
            return _("First: {problem}").format(problem=blocking[0])
        return self.form.missing()

    def _onClicked(self) -> None:
        if self.desk.resumable is not None:
            self.desk.resume()
        else:
            self._start()
        if self.desk.busy:  # a full set would push what it tells off the screen
            self.ui.trainingSetSection.collapsed = True

    def _start(self) -> None:
        project = self.trainingSet.project
        folder = newFolder(project.runs, "train")
        asked = {"project": str(project.folder), "out": str(folder), **self.form.parameters()}
        self.result.clear()
        self.desk.start(asked, folder)

    def _onProject(self, project: Any) -> None:
        self.form.setProject(project)
        self.preview.forget()
        self.result.clear()
        self.desk.find(project.runs)
        self.trainingSet.setKnownClasses(self.form.knownClasses)

    def _onForm(self) -> None:
        entry = self.form.models.currentEntry
        if self._parameters is not None and entry is not None:
            self._parameters.baseModel = entry.name
        self.trainingSet.setKnownClasses(self.form.knownClasses)
        self.update()

    def _onPreview(self, path: str) -> None:
        """The case is in the file's name; the first validation case where it is not."""
        project = self.trainingSet.project
        if project is None or not self.ui.previewBox.checked:
            return
        kept = [case for case in project.cases if case.split == "validation"]
        case = next((c for c in kept if c.id in path), kept[0] if kept else None)
        if case is not None:
            labels = dict(enumerate(project.classes, start=1))
            self.preview.show(case, path, labels)

    def _onSuccess(self, result: dict[str, Any]) -> None:
        self.form.models.refresh()
        self.form.proposeName()
        ModelUse.refreshSegmenter()
        self.result.show(result)
        self.ui.resultSection.collapsed = False

    def _onDependencies(self) -> None:
        self.worker.restart()
        self.form.devices.forget()
        self._onTrainSection(bool(self.ui.trainSection.collapsed))
        self.update()

    def _onTrainSection(self, collapsed: bool) -> None:
        if not collapsed and self.dependencies.ready:
            self.form.devices.find()

    def _onSceneSettled(self) -> None:
        self._refreshing = None
        self.trainingSet.form.onSceneChanged()

    def _segmentationModel(self) -> str:
        entry = self.form.models.currentEntry
        usable = entry is not None and entry.kind == "segmentation" and not self.form.fromScratch
        return str(entry.path) if usable else ""

    def _pretrainedModel(self) -> str:
        """Of what can be selected, only a pre-training can be pre-trained further."""
        entry = self.form.models.currentEntry
        usable = entry is not None and entry.kind == "pretraining" and not self.form.fromScratch
        return str(entry.path) if usable else ""

    def _activeRuns(self) -> list[Any]:
        return [desk for desk in (self.desk, self.pretrain.desk) if desk.busy]
