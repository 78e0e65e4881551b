"""The structures of a model, of which a person may want some only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import qt
from slicer.i18n import tr as _

from mambamim.catalogue.terminology import term
from MambaMIMLib.Signal import Signal

_SWATCH = 12  # pixels
_ROWS = 7  # that are seen at once


class OrganList:
    """A search box, All and None, and a list with a box to check for each class.

    Attributes:
        widget: for the owner's layout.
        changed: Signal(), other structures are checked.
    """

    def __init__(self) -> None:
        self.changed = Signal()
        self._names: list[str] = []
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        row = qt.QHBoxLayout()
        self._search = qt.QLineEdit()
        self._search.objectName = "organSearch"
        self._search.placeholderText = _("Search structures")
        self._search.clearButtonEnabled = True
        self._search.connect("textChanged(QString)", self._filter)
        row.addWidget(self._search, 1)
        for text, checked in ((_("All"), True), (_("None"), False)):
            row.addWidget(self._button(text, checked))
        layout.addLayout(row)
        self._list = qt.QListWidget()
        self._list.objectName = "organs"
        self._list.selectionMode = qt.QAbstractItemView.NoSelection
        self._list.uniformItemSizes = True
        self._list.connect("itemChanged(QListWidgetItem*)", self._onItemChanged)
        layout.addWidget(self._list)
        self._count = qt.QLabel()
        self._count.objectName = "organCount"
        layout.addWidget(self._count)

    @property
    def names(self) -> tuple[str, ...] | None:
        """Names of the checked classes, None where all are."""
        checked = tuple(
            name for i, name in enumerate(self._names) if self._isChecked(self._list.item(i))
        )
        return None if len(checked) == len(self._names) else checked

    @property
    def unchecked(self) -> list[str]:
        """Names of the others."""
        return [n for i, n in enumerate(self._names) if not self._isChecked(self._list.item(i))]

    def fill(self, labels: Mapping[int, str], unchecked: Iterable[str] = ()) -> None:
        """Show the classes of a model; all are checked but those named."""
        left = set(unchecked)
        self._names = [labels[value] for value in sorted(labels)]
        self._list.blockSignals(True)
        self._list.clear()
        for name in self._names:
            meaning = term(name)
            item = qt.QListWidgetItem(swatch(meaning.colour), meaning.title)
            item.setFlags(qt.Qt.ItemIsUserCheckable | qt.Qt.ItemIsEnabled)
            item.setCheckState(qt.Qt.Unchecked if name in left else qt.Qt.Checked)
            self._list.addItem(item)
        self._list.blockSignals(False)
        rows = min(max(len(self._names), 2), _ROWS)
        self._list.setFixedHeight(rows * max(18, self._list.sizeHintForRow(0)) + 4)
        self._filter(self._search.text)
        self._tell()

    def _button(self, text: str, checked: bool) -> Any:
        button = qt.QToolButton()
        button.text = text
        button.toolTip = (
            _("Check what the search shows") if checked else _("Uncheck what the search shows")
        )
        button.connect("clicked()", lambda: self._checkShown(checked))
        return button

    def _checkShown(self, checked: bool) -> None:
        self._list.blockSignals(True)
        for row in range(len(self._names)):
            item = self._list.item(row)
            if not item.isHidden():
                item.setCheckState(qt.Qt.Checked if checked else qt.Qt.Unchecked)
        self._list.blockSignals(False)
        self._onItemChanged()

    def _filter(self, text: str) -> None:
        words = text.lower().split()
        for row, name in enumerate(self._names):
            item = self._list.item(row)
            told = f"{name} {item.text()}".lower()
            item.setHidden(not all(word in told for word in words))

    def _onItemChanged(self) -> None:
        self._tell()
        self.changed()

    def _tell(self) -> None:
        count, names = len(self._names), self.names
        self._count.text = (
            _("All {count} are segmented.").format(count=count)
            if names is None
            else _("{checked} of {count} are segmented.").format(checked=len(names), count=count)
        )

    @staticmethod
    def _isChecked(item: Any) -> bool:
        return item.checkState() == qt.Qt.Checked


def swatch(colour: tuple[int, int, int], size: int = _SWATCH) -> Any:
    """An icon of one colour."""
    pixmap = qt.QPixmap(size, size)
    pixmap.fill(qt.QColor(*colour))
    return qt.QIcon(pixmap)
