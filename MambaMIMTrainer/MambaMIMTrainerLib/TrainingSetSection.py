"""The section "1 Training set": which cases the network learns from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from mambamim.errors import MambaMIMError
from MambaMIMLib.Disclosure import Disclosure
from MambaMIMLib.JobPanel import JobPanel
from MambaMIMLib.MessageArea import MessageArea
from MambaMIMLib.Signal import Signal
from MambaMIMTrainerLib.CaseAddition import CaseAddition
from MambaMIMTrainerLib.CaseForm import CaseForm
from MambaMIMTrainerLib.CaseMenu import CaseMenu
from MambaMIMTrainerLib.CaseTable import CaseTable
from MambaMIMTrainerLib.ClassEditor import ClassEditor
from MambaMIMTrainerLib.ProjectChooser import ProjectChooser

_CASE = "MambaMIM.Case"  # attribute of a volume: the training set's name and the case made of it
_PROBLEMS = 4  # sentences that are shown at once


class TrainingSetSection:
    """Connects the section's widgets with the open project.

    Args:
        ui: the .ui file's widgets by their names.
        worker: reads folders of scans.

    Attributes:
        chooser: says which project is open.
        projectChanged: Signal(project), another one is open.
        casesChanged: Signal(), its cases, or what is said of them, are others.
    """

    def __init__(self, ui: Any, worker: Any) -> None:
        self.projectChanged, self.casesChanged = Signal(), Signal()
        self.ui, self._worker = ui, worker
        self.chooser, self.table, self.form = ProjectChooser(), CaseTable(), CaseForm(ui)
        self.menu, self.classes, self.message = CaseMenu(), ClassEditor(), MessageArea()
        self.job = JobPanel(_("Add this case"))
        self._classesArrow = Disclosure(_("Classes"), self.classes.widget)
        self._known: list[str] = []
        self._place()
        self._connect()
        self.refresh()

    @property
    def project(self) -> Any:
        """The open training set, None for none."""
        return self.chooser.project

    @property
    def busy(self) -> bool:
        """Whether a case is being added."""
        return bool(self.job.busy)

    def refresh(self) -> None:
        """Show again what the project holds."""
        project = self.project
        cases = [] if project is None else list(project.cases)
        self.table.fill(cases)
        self.table.widget.setVisible(bool(cases))
        self.classes.fill(project)
        self._classesArrow.button.setVisible(bool(cases))
        if not cases:
            self._classesArrow.isOpen = False
        self.menu.setCase(self.table.current, project)
        self.menu.widget.setVisible(bool(cases))
        self.form.setProject(project, self._known)
        self.ui.importButton.enabled = project is not None and not self.busy
        self._tellProblems()
        self.casesChanged()

    def setKnownClasses(self, names: list[str]) -> None:
        """The classes of the model that is begun with: segments are proposed to be these."""
        if names != self._known:
            self._known = list(names)
            self.form.setProject(self.project, self._known)

    def addOpenCase(self) -> None:
        """Add the scan and the segmentation that are selected."""
        form = self.form
        addition = CaseAddition(
            self.project,
            form.volume,
            form.segmentation,
            form.classMap.mapping,
            form.modality,
            form.unknown,
            replace=self._caseOf(form.volume) is not None,
        )
        self._watch(addition, lambda case: self._onAdded(case, form.volume))

    def addFolder(self, path: str) -> None:
        """Add all labelled scans of a folder, a Decathlon list or an nnU-Net folder."""
        asked = {"project": str(self.project.folder), "data": [path]}
        self._watch(self._worker.submit("import_cases", asked), self._onImported)

    def cleanup(self) -> None:
        """The module is unloaded."""
        if self._running is not None and self._running.active:
            self._running.cancel()

    def _place(self) -> None:
        self._running: Any = None
        ui = self.ui
        ui.projectPlace.layout().addWidget(self.chooser.widget)
        for part in (
            self.message.widget,
            self.table.widget,
            self.menu.widget,
            self._classesArrow.button,
            self.classes.widget,
        ):
            ui.casesPlace.layout().addWidget(part)
        ui.addJobPlace.layout().addWidget(self.job.widget)
        self.job.logDisclosure.button.setVisible(False)

    def _connect(self) -> None:
        self.chooser.changed.connect(self._onProject)
        self.chooser.failed.connect(lambda text, hint: self.message.show(text, hint, "error"))
        self.table.selectionChanged.connect(
            lambda: self.menu.setCase(self.table.current, self.project)
        )
        self.table.splitChosen.connect(
            lambda name, split: self._change(lambda: self.project.set_split(name, split))
        )
        self.menu.removeAsked.connect(self._onRemove)
        self.menu.unknownChosen.connect(
            lambda name, names: self._change(lambda: self.project.set_unknown(name, names))
        )
        self.classes.renamed.connect(
            lambda old, new: self._change(lambda: self.project.relabel(old, new))
        )
        self.form.changed.connect(self._tellButton)
        self.job.clicked.connect(self.addOpenCase)
        self.ui.importButton.connect("clicked()", self._onImport)

    def _watch(self, run: Any, done: Callable[[Any], None]) -> None:
        self._running = run
        self.job.watch(run)
        run.succeeded.connect(done)
        run.ended.connect(self.refresh)
        self.ui.importButton.enabled = False

    def _onAdded(self, case: Any, volumeNode: Any) -> None:
        if slicer.mrmlScene.IsNodePresent(volumeNode):
            volumeNode.SetAttribute(_CASE, f"{self.project.folder.name}/{case.id}")
        self.refresh()
        self.table.select(case.id)
        self.job.showMessage(
            _("{case} is in the training set.").format(case=case.id),
            _("Scene and files may be closed: the training set has its own copy."),
        )

    def _onImported(self, result: dict[str, Any]) -> None:
        self.project.reload()  # another process has written there
        self.refresh()
        added, skipped = len(result.get("added") or ()), list(result.get("skipped") or ())
        text = _("{count} cases were added.").format(count=added)
        if skipped:
            self.job.showMessage(text, "\n".join(map(str, skipped[:5])), "warning")
        else:
            self.job.showMessage(text)

    def _onProject(self, project: Any) -> None:
        self.message.clear()
        self.refresh()
        self.projectChanged(project)

    def _onRemove(self, name: str) -> None:
        if slicer.util.confirmOkCancelDisplay(
            _("Remove {case} from the training set? Its copy there is deleted.").format(case=name),
            _("Remove case"),
        ):
            self._change(lambda: self.project.remove(name))

    def _onImport(self) -> None:
        path = qt.QFileDialog.getExistingDirectory(
            self.ui.importButton, _("Folder with scans and labels (nnU-Net, Decathlon)")
        )
        if path:
            self.addFolder(path)

    def _change(self, do: Callable[[], Any]) -> None:
        """Change the project, and show it; what cannot be done is said."""
        self.message.clear()
        try:
            do()
        except MambaMIMError as error:
            self.refresh()
            self.message.show(error.message, error.hint, "error")
            return
        self.refresh()

    def _tellButton(self) -> None:
        missing, there = self.form.missing(), self._caseOf(self.form.volume)
        text = _("Add this case")
        if there is not None:
            text = _("Update {case}").format(case=there)
        tip = missing or _("Copy scan and labels, without names and dates, into the training set")
        self.job.setButton(text, not missing, tip)

    def _caseOf(self, volumeNode: Any) -> str | None:
        """The case that was made of a volume before, None for none."""
        said = "" if volumeNode is None else str(volumeNode.GetAttribute(_CASE) or "")
        folder, _slash, name = said.rpartition("/")
        if self.project is None or folder != self.project.folder.name:
            return None
        return name if any(case.id == name for case in self.project.cases) else None

    def _tellProblems(self) -> None:
        """What is wrong with the set as a whole."""
        if self.project is None or not self.project.cases:
            self.message.clear()
            return
        problems = sorted(self.project.checks(), key=lambda problem: not problem.blocks)
        if problems:
            level = "error" if problems[0].blocks else "warning"
            self.message.show("\n".join(p.message for p in problems[:_PROBLEMS]), level=level)
        else:
            self.message.clear()
