"""The classes of the training set: renamed here, in all cases at once."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from mambamim.catalogue.terminology import term
from MambaMIMLib.Signal import Signal
from MambaMIMTrainerLib import Swatch

_ROW, _ROWS = 24, 6  # pixels; rows that are seen at once


class ClassEditor:
    """A list whose names can be edited.

    Attributes:
        widget: for the owner's layout.
        renamed: Signal(old, new), the user has typed another name.
    """

    def __init__(self) -> None:
        self.renamed = Signal()
        self._names: list[str] = []
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(20, 0, 0, 0)
        layout.setSpacing(4)
        note = qt.QLabel(
            _("Double-click a name to change it in all cases. A name that is there already merges.")
        )
        note.wordWrap = True
        layout.addWidget(note)
        self._list = qt.QListWidget()
        self._list.objectName = "classList"
        self._list.connect("itemChanged(QListWidgetItem*)", self._onChanged)
        layout.addWidget(self._list)

    def fill(self, project: Any) -> None:
        """Show the classes of a project, with the number of cases that have each."""
        blocked = self._list.blockSignals(True)
        self._list.clear()
        self._names = [] if project is None else list(project.classes)
        for name in self._names:
            count = sum(name in case.labels for case in project.cases)
            item = qt.QListWidgetItem(Swatch.icon(term(name).colour), name)
            item.setFlags(qt.Qt.ItemIsEditable | qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
            item.setToolTip(_("Labelled in {count} of the cases").format(count=count))
            self._list.addItem(item)
        self._list.setFixedHeight(min(max(len(self._names), 2), _ROWS) * _ROW + 6)
        self._list.blockSignals(blocked)

    def _onChanged(self, item: Any) -> None:
        row = self._list.row(item)
        new, old = str(item.text()).strip(), self._names[row]
        if new and new != old:
            self.renamed(old, new)
        elif new != old:
            item.setText(old)
