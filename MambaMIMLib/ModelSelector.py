"""The list from which a person chooses a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from mambamim.catalogue import ModelEntry, list_models
from mambamim.errors import MambaMIMError
from MambaMIMLib import ModelImport, ModelList
from MambaMIMLib.Disclosure import Disclosure
from MambaMIMLib.FileDrop import FileDrop
from MambaMIMLib.ModelListWidget import ModelListWidget
from MambaMIMLib.Signal import Signal
from MambaMIMLib.Steps import Steps


class ModelSelector:
    """Search box, list, details on demand; files are added by a button or dropped on it.

    Args:
        kinds: of models that can be used, as in the catalogue.
        modality: such as "CT", None for all.

    Attributes:
        widget: for the owner's layout.
        modelChanged: Signal(entry), another ModelEntry is selected, None where there is none.
        failed: Signal(message, hint), a file could not be added or removed.
        convertRequested: Signal(path), a .pth file was added: the owner has it converted into
            `user_models_folder()` and calls `refresh()` and `select(name)`.
    """

    def __init__(
        self, kinds: tuple[str, ...] = ("segmentation",), modality: str | None = None
    ) -> None:
        self.modelChanged, self.failed, self.convertRequested = Signal(), Signal(), Signal()
        self._kinds, self._modality = tuple(kinds), modality
        self._entries: list[ModelEntry] = []
        self._shown: list[ModelEntry] = []
        self._current: ModelEntry | None = None
        self._copying: Steps | None = None
        self._build()
        self.refresh()

    @property
    def currentEntry(self) -> ModelEntry | None:
        """The selected model, None where there is none that can be used."""
        return self._current

    def refresh(self) -> None:
        """Look again which models there are; what is selected stays so if it is still there."""
        self._entries = ModelList.fitting(list_models(), self._kinds, self._modality)
        self._fill()
        kept = None if self._current is None else self._found(self._current.name)
        self._choose(kept or next((e for e in self._entries if e.usable), None))

    def select(self, name: str) -> bool:
        """Select a model by its name in the catalogue; whether it is there and can be used."""
        entry = self._found(name)
        if entry is None:
            return False
        if entry not in self._shown:
            self._search.text = ""
        self._choose(entry)
        return True

    def addFile(self, path: str | Path) -> None:
        """Copy a .safetensors file to the user's models and select it; hand a .pth file on."""
        if Path(path).suffix.lower() in ModelImport.FOREIGN:
            self.convertRequested(str(path))
            return
        try:
            ModelImport.checkModel(path, self._kinds)
        except MambaMIMError as error:
            self.failed(error.message, error.hint)
            return
        self._copying = Steps(ModelImport.importSteps(path), self._onCopied, self._onFailure)

    def _found(self, name: str) -> ModelEntry | None:
        return next((e for e in self._entries if e.name == name and e.usable), None)

    def _build(self) -> None:
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        self._search = qt.QLineEdit()
        self._search.objectName = "modelSearch"
        self._search.placeholderText = _("Search by name or structure")
        self._search.clearButtonEnabled = True
        self._search.acceptDrops = False  # files are the selector's
        self._search.connect("textChanged(QString)", self._fill)
        self._list = ModelListWidget()
        self._list.chosen.connect(self._choose)
        self._list.removeAsked.connect(self._askToRemove)
        self._nothing = qt.QLabel()
        self._nothing.objectName = "noModel"
        self._nothing.alignment = qt.Qt.AlignCenter
        self._nothing.wordWrap = True
        self._nothing.minimumHeight = 52
        self._details = qt.QTextBrowser()
        self._details.objectName = "modelDetails"
        self._details.openExternalLinks = True
        self._details.setFixedHeight(200)
        self._disclosure = Disclosure(_("Details"), self._details)
        self._disclosure.button.connect("toggled(bool)", self._tell)
        for part in (self._search, self._list.widget, self._nothing):
            layout.addWidget(part)
        layout.addLayout(self._buttons())
        layout.addWidget(self._details)
        self._drop = FileDrop(self.widget, (ModelImport.SUFFIX, *ModelImport.FOREIGN), self.addFile)

    def _buttons(self) -> Any:
        row = qt.QHBoxLayout()
        row.addWidget(self._disclosure.button)
        row.addStretch(1)
        self._remove = qt.QPushButton(_("Remove..."))
        self._remove.objectName = "removeModel"
        self._remove.toolTip = _("Delete the selected model from your folder of models")
        self._remove.connect("clicked()", lambda: self._askToRemove(self._current))
        self._add = qt.QPushButton(_("Add model..."))
        self._add.objectName = "addModel"
        self._add.toolTip = _(
            "Add a model's file (.safetensors), or one of the MambaMIM authors (.pth).\n"
            "It can also be dropped here."
        )
        self._add.connect("clicked()", self._onAdd)
        row.addWidget(self._remove)
        row.addWidget(self._add)
        return row

    def _fill(self) -> None:
        """Put the models that match the search into the list."""
        self._shown = [e for e in self._entries if ModelList.matches(e, self._search.text)]
        self._list.fill(self._shown)
        self._list.mark("" if self._current is None else self._current.name)
        self._list.widget.setVisible(bool(self._shown))
        self._nothing.setVisible(not self._shown)
        self._nothing.text = _("No model matches.") if self._entries else _("No model is here yet.")

    def _choose(self, entry: ModelEntry | None) -> None:
        changed = entry != self._current
        self._current = entry
        self._list.mark("" if entry is None else entry.name)
        self._remove.setVisible(ModelImport.isRemovable(entry))
        self._disclosure.button.enabled = entry is not None
        self._tell()
        if changed:
            self.modelChanged(entry)

    def _tell(self) -> None:
        if self._disclosure.isOpen:
            self._details.html = "" if self._current is None else ModelList.details(self._current)

    def _onAdd(self) -> None:
        path = qt.QFileDialog.getOpenFileName(
            self.widget, _("Add model"), "", _("Models") + " (*.safetensors *.pth *.pt)"
        )
        if path:
            self.addFile(path)

    def _onCopied(self, name: str) -> None:
        self._copying = None
        self.refresh()
        self.select(name)

    def _onFailure(self, error: Exception) -> None:
        self._copying = None
        message = getattr(error, "message", type(error).__name__)
        self.failed(message, getattr(error, "hint", ""))

    def _askToRemove(self, entry: ModelEntry) -> None:
        if not slicer.util.confirmOkCancelDisplay(
            _("Delete {name} from this computer? It cannot be brought back.").format(
                name=entry.path.name
            ),
            _("Remove model"),
        ):
            return
        try:
            ModelImport.removeModel(entry)
        except MambaMIMError as error:
            self.failed(error.message, error.hint)
        self.refresh()
