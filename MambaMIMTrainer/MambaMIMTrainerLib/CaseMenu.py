"""What can be done with the selected case."""

from __future__ import annotations

from functools import partial
from typing import Any

import qt
from slicer.i18n import tr as _

from mambamim.catalogue.terminology import term
from MambaMIMLib.Signal import Signal


class CaseMenu:
    """A row of buttons below the table.

    Attributes:
        widget: for the owner's layout.
        removeAsked: Signal(id).
        unknownChosen: Signal(id, names), the classes that are not labelled in a case.
    """

    def __init__(self) -> None:
        self.removeAsked, self.unknownChosen = Signal(), Signal()
        self._case: Any = None
        self.widget = qt.QWidget()
        row = qt.QHBoxLayout(self.widget)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        self._unknown = qt.QPushButton(_("Not labelled here"))
        self._unknown.objectName = "unknownButton"
        self._unknown.toolTip = _(
            "Organs that are in the scan and that nobody has labelled: nothing is learnt about\n"
            "them from this case. An organ that is really not there stays unchecked."
        )
        self._menu = qt.QMenu(self._unknown)
        self._unknown.setMenu(self._menu)
        self._remove = qt.QPushButton(_("Remove..."))
        self._remove.objectName = "removeCaseButton"
        self._remove.connect("clicked()", lambda: self.removeAsked(self._case.id))
        row.addWidget(self._unknown)
        row.addStretch(1)
        row.addWidget(self._remove)

    def setCase(self, case: Any, project: Any) -> None:
        """Another case is selected, or none."""
        self._case = case
        self._remove.enabled = case is not None
        self._menu.clear()
        absent = [] if case is None else [n for n in project.classes if n not in case.labels]
        for name in absent:
            action = self._menu.addAction(term(name).title)
            action.checkable = True
            action.checked = name in case.unknown
            action.connect("toggled(bool)", partial(self._onToggled, name))
        self._unknown.enabled = bool(absent)

    def _onToggled(self, name: str, on: bool) -> None:
        names = set(self._case.unknown) | {name} if on else set(self._case.unknown) - {name}
        self.unknownChosen(self._case.id, sorted(names))
