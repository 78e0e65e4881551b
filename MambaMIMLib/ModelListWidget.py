"""The list itself: rows of models, as high as they need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import qt

from mambamim.catalogue import ModelEntry
from MambaMIMLib import ModelImport, ModelList, Timer
from MambaMIMLib.ModelRow import ModelRow
from MambaMIMLib.Signal import Signal

_ROWS = 4  # shown at once; more are scrolled
_STYLE = """
QListWidget::item { border-radius: 4px; }
QListWidget::item:hover { background: rgba(128, 128, 128, 30); }
QListWidget::item:selected {
  background: rgba(47, 111, 181, 60); border-left: 3px solid #2f6fb5; }
"""


class ModelListWidget:
    """Shows entries and says which one is chosen; those that cannot be used cannot be chosen.

    Attributes:
        widget: for the owner's layout.
        chosen: Signal(entry), by mouse or keyboard.
        removeAsked: Signal(entry), the button beside a file that cannot be used was pressed.
    """

    def __init__(self) -> None:
        self.chosen, self.removeAsked = Signal(), Signal()
        self._entries: list[ModelEntry] = []
        self._rows: list[ModelRow] = []
        self.widget = qt.QListWidget()
        self.widget.objectName = "modelList"
        self.widget.styleSheet = _STYLE
        self.widget.horizontalScrollBarPolicy = qt.Qt.ScrollBarAlwaysOff
        self.widget.verticalScrollMode = qt.QAbstractItemView.ScrollPerPixel
        self.widget.connect("currentRowChanged(int)", self._onRow)
        self._resized = _ResizeFilter(self._fit)
        self.widget.viewport().installEventFilter(self._resized)

    def fill(self, entries: Sequence[ModelEntry]) -> None:
        """Show these; none is selected then."""
        blocked = self.widget.blockSignals(True)
        self.widget.clear()
        self._entries = list(entries)
        self._rows = [self._row(entry) for entry in self._entries]
        for entry, row in zip(self._entries, self._rows, strict=True):
            self._append(entry, row)
        height = sum(row.height for row in self._rows[:_ROWS])
        self.widget.setFixedHeight(height + 2 * self.widget.frameWidth)
        self._fit()
        self.widget.blockSignals(blocked)

    def mark(self, name: str) -> None:
        """Select the entry of this name without a signal; none where it is not shown."""
        names = [entry.name for entry in self._entries]
        blocked = self.widget.blockSignals(True)
        self.widget.currentRow = names.index(name) if name in names else -1
        self.widget.blockSignals(blocked)

    def _row(self, entry: ModelEntry) -> ModelRow:
        if entry.problem and ModelImport.isRemovable(entry):
            # Later, for the row goes with its button.
            return ModelRow(entry, lambda: Timer.after(0, lambda: self.removeAsked(entry)))
        return ModelRow(entry)

    def _append(self, entry: ModelEntry, row: ModelRow) -> None:
        title, summary = entry.title or entry.name, ModelList.summary(entry)
        item = qt.QListWidgetItem()
        item.setSizeHint(qt.QSize(0, row.height))
        item.setToolTip(f"{title}\n{summary}")
        item.setData(qt.Qt.AccessibleTextRole, f"{title}, {summary}")
        if not entry.usable:
            item.setFlags(qt.Qt.NoItemFlags)
        self.widget.addItem(item)
        self.widget.setItemWidget(item, row.widget)

    def _fit(self) -> None:
        for row in self._rows:
            row.fit(self.widget.viewport().width)

    def _onRow(self, row: int) -> None:
        if 0 <= row < len(self._entries) and self._entries[row].usable:
            self.chosen(self._entries[row])


class _ResizeFilter(qt.QObject):
    def __init__(self, resized: Any) -> None:
        qt.QObject.__init__(self)
        self._call = resized

    def eventFilter(self, watched: Any, event: Any) -> bool:
        if event.type() == qt.QEvent.Resize:
            self._call()
        return False
