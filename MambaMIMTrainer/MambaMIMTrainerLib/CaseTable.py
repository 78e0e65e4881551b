"""The cases of the training set, a row each, with what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from mambamim.catalogue.terminology import term
from MambaMIMLib.Signal import Signal

_PICTURE, _ROW, _ROWS = 52, 58, 5  # pixels; rows that are seen at once
_SIGN = 18  # pixels: side of the sign beside a problem
TRAIN, VALIDATION = "train", "validation"


class CaseTable:
    """Thumbnail, what is labelled, train or validation, status; the size is in the tool tip.

    Attributes:
        widget: for the owner's layout.
        selectionChanged: Signal(), another case is selected.
        splitChosen: Signal(id, split), the user moved a case.
    """

    def __init__(self) -> None:
        self.selectionChanged, self.splitChosen = Signal(), Signal()
        self._cases: list[Any] = []
        self.widget = self._table = qt.QTableWidget()
        table = self._table
        table.objectName = "caseTable"
        table.setColumnCount(4)
        table.setHorizontalHeaderLabels([_("Case"), _("Labels"), _("Used for"), _("Status")])
        table.verticalHeader().setVisible(False)
        table.verticalHeader().setDefaultSectionSize(_ROW)
        table.setIconSize(qt.QSize(_PICTURE, _PICTURE))
        header = table.horizontalHeader()
        header.setSectionResizeMode(1, qt.QHeaderView.Stretch)
        for column in (0, 2):
            header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
        header.setDefaultAlignment(qt.Qt.AlignLeft | qt.Qt.AlignVCenter)
        header.setHighlightSections(False)
        table.editTriggers = qt.QAbstractItemView.NoEditTriggers
        table.selectionBehavior = qt.QAbstractItemView.SelectRows
        table.selectionMode = qt.QAbstractItemView.SingleSelection
        table.showGrid = False
        table.horizontalScrollBarPolicy = qt.Qt.ScrollBarAlwaysOff
        table.wordWrap = True
        table.connect("itemSelectionChanged()", self.selectionChanged)

    @property
    def current(self) -> Any:
        """The selected case, None for none."""
        row = self._table.currentRow()
        selected = self._table.selectionModel().hasSelection
        return self._cases[row] if selected and 0 <= row < len(self._cases) else None

    def fill(self, cases: Sequence[Any]) -> None:
        """Show these; the selected one stays selected if it is still there."""
        kept = None if self.current is None else self.current.id
        blocked = self._table.blockSignals(True)
        self._cases = list(cases)
        self._table.setRowCount(len(self._cases))
        for row, case in enumerate(self._cases):
            self._fillRow(row, case)
        wordy = any(case.problems for case in self._cases)
        mode = qt.QHeaderView.Stretch if wordy else qt.QHeaderView.ResizeToContents
        self._table.horizontalHeader().setSectionResizeMode(3, mode)
        ids = [case.id for case in self._cases]
        if kept in ids:
            self._table.selectRow(ids.index(kept))
        else:
            self._table.clearSelection()
        seen = min(max(len(self._cases), 1), _ROWS)
        self._table.setFixedHeight(
            seen * _ROW + self._table.horizontalHeader().sizeHint.height() + 4
        )
        self._table.blockSignals(blocked)
        self.selectionChanged()

    def select(self, caseId: str) -> None:
        """Select a case by its id."""
        ids = [case.id for case in self._cases]
        if caseId in ids:
            self._table.selectRow(ids.index(caseId))

    def _fillRow(self, row: int, case: Any) -> None:
        name = qt.QTableWidgetItem(case.id)
        name.setToolTip(_sizeOf(case))
        if case.thumbnail:
            name.setIcon(_pictureOf(case))
        labels = qt.QTableWidgetItem(labelsText(case))
        labels.setToolTip(labelsTip(case))
        status = qt.QTableWidgetItem(statusText(case))
        status.setToolTip("\n".join(problem.message for problem in case.problems))
        if case.problems:
            blocks = any(problem.blocks for problem in case.problems)
            kind = qt.QStyle.SP_MessageBoxCritical if blocks else qt.QStyle.SP_MessageBoxWarning
            sign = slicer.app.style().standardIcon(kind).pixmap(_SIGN, _SIGN)
            status.setData(qt.Qt.DecorationRole, sign)
        for column, item in ((0, name), (1, labels), (3, status)):
            self._table.setItem(row, column, item)
        last = self._table.cellWidget(row, 2)
        if last is not None:
            last.hide()  # it is deleted only when control is back in the event loop
        self._table.setCellWidget(row, 2, self._splitBox(case))

    def _splitBox(self, case: Any) -> Any:
        holder = qt.QWidget()
        layout = qt.QHBoxLayout(holder)
        layout.setContentsMargins(4, 0, 4, 0)
        box = qt.QComboBox()
        box.objectName = f"split-{case.id}"
        box.addItem(_("Training"), TRAIN)
        box.addItem(_("Validation"), VALIDATION)
        box.currentIndex = box.findData(case.split)
        box.toolTip = _("Validation cases are not learnt from: they measure how good the model is.")
        box.connect(
            "activated(int)", lambda index: self.splitChosen(case.id, str(box.itemData(index)))
        )
        layout.addWidget(box)
        return holder


def labelsText(case: Any) -> str:
    """What is labelled, in few words."""
    titles = [term(name).title for name in case.labels]
    shown = ", ".join(titles[:3])
    if len(titles) > 3:
        shown = _("{names} and {count} more").format(
            names=", ".join(titles[:2]), count=len(titles) - 2
        )
    if case.unknown:
        shown += "\n" + _("{count} not labelled here").format(count=len(case.unknown))
    return shown


def labelsTip(case: Any) -> str:
    """Every class with its volume, and those that are not labelled here."""
    lines = [f"{term(name).title}: {volume:.1f} ml" for name, volume in case.labels.items()]
    lines += [
        _("{name}: not labelled here").format(name=term(name).title)
        for name in sorted(case.unknown)
    ]
    return "\n".join(lines)


def statusText(case: Any) -> str:
    """Ready, or what is wrong."""
    if not case.problems:
        return _("Ready")
    first = str(case.problems[0].message)
    more = len(case.problems) - 1
    return first if not more else _("{first} (and {count} more)").format(first=first, count=more)


def _pictureOf(case: Any) -> Any:
    """The thumbnail, in its own colours in a selected row, too."""
    pixmap = qt.QPixmap(str(case.thumbnail))
    icon = qt.QIcon(pixmap)
    icon.addPixmap(pixmap, qt.QIcon.Selected)
    return icon


def _sizeOf(case: Any) -> str:
    extent = [side * step / 10 for side, step in zip(case.shape, case.spacing, strict=True)]
    return " × ".join(f"{side:.0f}" for side in extent) + " cm"
