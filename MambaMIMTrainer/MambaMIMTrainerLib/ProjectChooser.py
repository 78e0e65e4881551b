"""The row that says which training set is open, and opens another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from mambamim.errors import MambaMIMError
from mambamim.project import Project
from MambaMIMLib.Signal import Signal
from MambaMIMTrainerLib import Projects


class ProjectChooser:
    """A box of recent folders, New and Open.

    Attributes:
        widget: for the owner's layout.
        project: the open one, None for none.
        changed: Signal(project), another one is open.
        failed: Signal(message, hint), a folder could not be used.
    """

    def __init__(self) -> None:
        self.changed, self.failed = Signal(), Signal()
        self.project: Any = None
        self.widget = qt.QWidget()
        row = qt.QHBoxLayout(self.widget)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(qt.QLabel(_("Training set:")))
        self._box = qt.QComboBox()
        self._box.objectName = "projectBox"
        self._box.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
        self._box.connect("activated(int)", self._onChosen)
        row.addWidget(self._box, 1)
        for name, text, tip, slot in (
            (
                "newProjectButton",
                _("New..."),
                _("Begin a training set in an empty folder"),
                self.new,
            ),
            ("openProjectButton", _("Open..."), _("Open the folder of a training set"), self.open),
        ):
            button = qt.QPushButton(text)
            button.objectName, button.toolTip = name, tip
            button.connect("clicked()", slot)
            row.addWidget(button)
        self._fill()

    def new(self) -> None:
        """Let the user choose a folder, and begin a training set in it."""
        folder = self._ask(_("Empty folder for a new training set"))
        if folder is not None:
            self._use(lambda: Project.create(folder, []))

    def open(self) -> None:
        """Let the user choose a training set."""
        folder = self._ask(_("Folder of a training set"))
        if folder is not None:
            self.openFolder(folder)

    def openFolder(self, folder: Path) -> bool:
        """Open a training set; whether it could be opened. A failure is told by `failed`."""
        return self._use(lambda: Project.open(folder))

    def openLast(self) -> None:
        """Open the one of last time, if it is still there and sound."""
        folders = Projects.recent()
        if self.project is None and folders:
            self.openFolder(folders[0])

    def _ask(self, title: str) -> Path | None:
        folder = qt.QFileDialog.getExistingDirectory(self.widget, title)
        return Path(folder) if folder else None

    def _use(self, make: Any) -> bool:
        try:
            project = make()
        except MambaMIMError as error:
            self._fill()
            self.failed(error.message, error.hint)
            return False
        self.project = project
        Projects.remember(Path(project.folder))
        self._fill()
        self.changed(project)
        return True

    def _fill(self) -> None:
        """The open one, the recent ones, their folders as tool tips."""
        self._box.clear()
        folders = Projects.recent()
        if self.project is None:
            self._box.addItem(_("None is open"), "")
        for folder in folders:
            self._box.addItem(folder.name, str(folder))
            self._box.setItemData(self._box.count - 1, str(folder), qt.Qt.ToolTipRole)
        self._box.enabled = bool(folders)
        self._box.currentIndex = 0
        self._box.toolTip = "" if self.project is None else str(self.project.folder)

    def _onChosen(self, index: int) -> None:
        folder = str(self._box.itemData(index) or "")
        if folder and (self.project is None or Path(folder) != Path(self.project.folder)):
            self.openFolder(Path(folder))
