"""Which class of the training set each segment shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

from mambamim.catalogue.terminology import TERMS
from mambamim.project import propose_class
from MambaMIMLib.Signal import Signal
from MambaMIMTrainerLib import Swatch
from MambaMIMTrainerLib.SegmentFacts import SegmentFacts

_ROW, _ROWS = 26, 7  # pixels; rows that are seen at once


class ClassMap:
    """A row a segment: its name, and a box with the classes; another name can be typed.

    Attributes:
        widget: for the owner's layout.
        changed: Signal(), another class is chosen.
    """

    def __init__(self) -> None:
        self.changed = Signal()
        self._segments: list[SegmentFacts] = []
        self._boxes: list[Any] = []
        self.widget = self._table = qt.QTableWidget()
        table = self._table
        table.objectName = "classMap"
        table.setColumnCount(2)
        table.setHorizontalHeaderLabels([_("Segment"), _("Class in the training set")])
        table.verticalHeader().setVisible(False)
        table.verticalHeader().setDefaultSectionSize(_ROW)
        header = table.horizontalHeader()
        for column in (0, 1):
            header.setSectionResizeMode(column, qt.QHeaderView.Stretch)
        header.setDefaultAlignment(qt.Qt.AlignLeft | qt.Qt.AlignVCenter)
        table.editTriggers = qt.QAbstractItemView.NoEditTriggers
        table.selectionMode = qt.QAbstractItemView.NoSelection
        table.focusPolicy = qt.Qt.NoFocus
        table.showGrid = False
        table.horizontalScrollBarPolicy = qt.Qt.ScrollBarAlwaysOff

    def fill(self, segments: Sequence[SegmentFacts], classes: Sequence[str]) -> None:
        """Show segments with a proposal for each.

        What the user chose for a segment stays if the segment is still there.

        Args:
            segments: of the segmentation.
            classes: that the training set, or the model to begin with, has already.
        """
        chosen = {s.id: self._text(i) for i, s in enumerate(self._segments) if self._touched(i)}
        self._segments, self._boxes = list(segments), []
        self._table.setRowCount(len(self._segments))
        for row, segment in enumerate(self._segments):
            self._table.setItem(
                row, 0, qt.QTableWidgetItem(Swatch.icon(segment.colour), segment.name)
            )
            proposed = proposal(segment, classes)
            box = self._makeBox(classes, proposed)
            box.setProperty("proposed", proposed)
            if segment.id in chosen:
                box.setEditText(chosen[segment.id])
            self._boxes.append(box)
            self._table.setCellWidget(row, 1, box)
            box.connect("editTextChanged(QString)", self._onEdited)
        seen = min(max(len(self._segments), 2), _ROWS)
        self._table.setFixedHeight(
            seen * _ROW + self._table.horizontalHeader().sizeHint.height() + 4
        )
        self.changed()

    @property
    def mapping(self) -> dict[str, str]:
        """Id of a segment -> its class; segments that are left out are missing."""
        texts = [(s.id, self._text(row)) for row, s in enumerate(self._segments)]
        return {name: text for name, text in texts if text}

    def _makeBox(self, classes: Sequence[str], proposed: str) -> Any:
        box = qt.QComboBox()
        box.objectName = "classBox"
        box.editable = True
        box.setFrame(False)
        box.addItem("")
        for name in dict.fromkeys([*classes, proposed]):
            if name:
                box.addItem(name)
        box.lineEdit().placeholderText = _("left out")
        box.toolTip = _("Select a class, type another name, or leave it empty to leave it out.")
        box.setEditText(proposed)
        return box

    def _text(self, row: int) -> str:
        return str(self._boxes[row].currentText).strip()

    def _touched(self, row: int) -> bool:
        return self._text(row) != self._boxes[row].property("proposed")

    def _onEdited(self, _text: str) -> None:
        self.changed()


def proposal(segment: SegmentFacts, classes: Sequence[str]) -> str:
    """The class that a segment most likely shows: one of these, one of the catalogue, or its own
    name as classes are written."""
    name = f"{segment.name} {segment.side}" if _lacksSide(segment) else segment.name
    for known in (list(classes), list(TERMS)):
        found = propose_class(name, segment.code, known)
        if found:
            return str(found)
    return "_".join(name.lower().split())


def _lacksSide(segment: SegmentFacts) -> bool:
    return bool(segment.side) and segment.side not in segment.name.lower()
