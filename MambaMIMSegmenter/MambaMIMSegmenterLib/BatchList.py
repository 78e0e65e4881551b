"""The scans of the scene as a list: which are to be segmented, and how far each is."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from MambaMIMLib.Signal import Signal
from MambaMIMSegmenterLib import SegmentBatch
from MambaMIMSegmenterLib.Scans import Scan, scansOfScene

_ROW, _ROWS = 24, 6  # pixels; rows that are seen at once
_WORDS = {
    SegmentBatch.WAITING: _("waiting"),
    SegmentBatch.RUNNING: _("running"),
    SegmentBatch.DONE: _("done"),
    SegmentBatch.FAILED: _("failed"),
    SegmentBatch.STOPPED: _("stopped"),
}


class BatchList:
    """A table with a box to check for each scan, and a state.

    Attributes:
        widget: for the owner's layout.
        changed: Signal(), other scans are checked.
        clicked: Signal(), the button was pressed.
    """

    def __init__(self) -> None:
        self.changed, self.clicked = Signal(), Signal()
        self._scans: list[Scan] = []
        self._texts: dict[tuple[str, int], str] = {}
        self._running: list[Scan] = []
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._makeTable())
        row = qt.QHBoxLayout()
        for text, checked in ((_("All"), True), (_("None"), False)):
            button = qt.QToolButton()
            button.text = text
            button.toolTip = _("Check all scans") if checked else _("Uncheck all scans")
            button.connect("clicked()", lambda on=checked: self._checkAll(on))
            row.addWidget(button)
        row.addStretch(1)
        layout.addLayout(row)
        self._button = qt.QPushButton()
        self._button.objectName = "batchButton"
        self._button.connect("clicked()", self.clicked)
        layout.addWidget(self._button)
        self.refresh()

    @property
    def checked(self) -> list[Scan]:
        """The scans to segment, in order."""
        return [s for i, s in enumerate(self._scans) if self._isChecked(i)]

    def refresh(self) -> None:
        """Look again what the scene has; what was unchecked stays so."""
        off = {s.key for i, s in enumerate(self._scans) if not self._isChecked(i)}
        self._scans = scansOfScene()
        self._table.blockSignals(True)
        self._table.setRowCount(len(self._scans))
        for row, scan in enumerate(self._scans):
            item = qt.QTableWidgetItem(scan.title)
            item.setFlags(qt.Qt.ItemIsUserCheckable | qt.Qt.ItemIsEnabled)
            item.setCheckState(qt.Qt.Unchecked if scan.key in off else qt.Qt.Checked)
            item.setToolTip(scan.title)
            self._table.setItem(row, 0, item)
            self._setText(row, self._texts.get(scan.key, ""))
        self._table.blockSignals(False)
        rows = min(max(len(self._scans), 2), _ROWS)
        self._table.setFixedHeight(rows * _ROW + self._table.horizontalHeader().height + 2)
        self._onChanged()

    def setButton(self, text: str, enabled: bool, toolTip: str = "") -> None:
        """Set what the button says."""
        self._button.text, self._button.enabled, self._button.toolTip = text, enabled, toolTip

    def watch(self, batch: SegmentBatch.SegmentBatch) -> None:
        """Show how a batch goes on."""
        self._running = list(batch.scans)
        self._texts = {scan.key: _WORDS[SegmentBatch.WAITING] for scan in self._running}
        batch.stateChanged.connect(self._onState)
        batch.ended.connect(self._onEnded)
        self.refresh()

    def _makeTable(self) -> Any:
        self._table = table = qt.QTableWidget()
        table.objectName = "batchTable"
        table.setColumnCount(2)
        table.setHorizontalHeaderLabels([_("Scan"), _("State")])
        table.verticalHeader().setVisible(False)
        table.verticalHeader().setDefaultSectionSize(_ROW)
        for column in (0, 1):  # long words are cut; the tool tip has them all
            table.horizontalHeader().setSectionResizeMode(column, qt.QHeaderView.Stretch)
        table.horizontalHeader().setDefaultAlignment(qt.Qt.AlignLeft | qt.Qt.AlignVCenter)
        table.selectionMode = qt.QAbstractItemView.NoSelection
        table.showGrid = False
        table.connect("itemChanged(QTableWidgetItem*)", self._onChanged)
        return table

    def _onState(self, index: int, state: str, text: str) -> None:
        scan = self._running[index]
        words = ": ".join(filter(None, (_WORDS[state], text)))
        self._texts[scan.key] = words
        for row, other in enumerate(self._scans):
            if other.key == scan.key:
                self._setText(row, words)

    def _onEnded(self) -> None:
        """What never had its turn is waiting no more."""
        waiting = _WORDS[SegmentBatch.WAITING]
        for key in [key for key, text in self._texts.items() if text == waiting]:
            self._texts[key] = _WORDS[SegmentBatch.STOPPED]
        self._running = []
        self.refresh()

    def _setText(self, row: int, text: str) -> None:
        item = qt.QTableWidgetItem(text)
        item.setFlags(qt.Qt.ItemIsEnabled)
        item.setToolTip(text)
        self._table.setItem(row, 1, item)

    def _checkAll(self, checked: bool) -> None:
        self._table.blockSignals(True)
        for row in range(len(self._scans)):
            state = qt.Qt.Checked if checked else qt.Qt.Unchecked
            self._table.item(row, 0).setCheckState(state)
        self._table.blockSignals(False)
        self._onChanged()

    def _onChanged(self) -> None:
        self.changed()

    def _isChecked(self, row: int) -> bool:
        return self._table.item(row, 0).checkState() == qt.Qt.Checked
