"""One row of the list of models: a picture if there is one, the title, a grey line below it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from mambamim.catalogue import ModelEntry
from MambaMIMLib import ModelList

_PICTURE = 36  # pixels
_SIDE, _EDGE, _GAP = 10, 7, 10  # pixels left and right, above and below, after the picture


class ModelRow:
    """A widget for QListWidget.setItemWidget; clicks go through it to the list.

    Args:
        entry: the model.
        remove: deletes its file where that cannot be used; gets a button then. None for none.

    Attributes:
        widget: the row.
        height: pixels that it needs.
    """

    def __init__(self, entry: ModelEntry, remove: Callable[[], None] | None = None) -> None:
        self.widget = qt.QWidget()
        self.widget.setAttribute(qt.Qt.WA_TransparentForMouseEvents, remove is None)
        layout = qt.QHBoxLayout(self.widget)
        layout.setContentsMargins(_SIDE, _EDGE, _SIDE, _EDGE)
        layout.setSpacing(_GAP)
        self._taken = 2 * _SIDE  # of the width, by what is no text
        if entry.thumbnail is not None:
            layout.addWidget(_picture(str(entry.thumbnail)))
            self._taken += _PICTURE + _GAP
        lines = qt.QVBoxLayout()
        lines.setSpacing(2)
        self._lines = [(_label(True, entry.usable), entry.title or entry.name)]
        self._lines.append((_label(False, False), ModelList.summary(entry)))
        for label, text in self._lines:
            label.text = text
            lines.addWidget(label)
        layout.addLayout(lines, 1)
        if remove is not None:
            button = _removeButton(remove)
            layout.addWidget(button)
            self._taken += button.sizeHint.width() + _GAP
        self.height = self.widget.sizeHint.height()

    def fit(self, width: int) -> None:
        """Cut texts that are longer than the row with dots; the list's tool tip has all of them."""
        for label, text in self._lines:
            metrics = qt.QFontMetrics(label.font)
            label.text = metrics.elidedText(text, qt.Qt.ElideRight, width - self._taken)


def _removeButton(remove: Callable[[], None]) -> Any:
    button = qt.QPushButton(_("Remove..."))
    button.objectName = "removeBrokenModel"
    button.toolTip = _("Delete this file, which cannot be used, from your folder of models")
    button.connect("clicked()", remove)
    return button


def _picture(path: str) -> Any:
    label = qt.QLabel()
    label.objectName = "thumbnail"
    label.setFixedSize(_PICTURE, _PICTURE)
    label.alignment = qt.Qt.AlignCenter
    pixels = qt.QPixmap(path)
    if not pixels.isNull():
        label.pixmap = pixels.scaled(
            _PICTURE, _PICTURE, qt.Qt.KeepAspectRatio, qt.Qt.SmoothTransformation
        )
    return label


def _label(bold: bool, strong: bool) -> Any:
    label = qt.QLabel()
    label.textFormat = qt.Qt.PlainText
    font = qt.QFont(label.font)
    font.setBold(bold)
    label.font = font
    label.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Preferred)
    if not strong:
        label.setForegroundRole(qt.QPalette.PlaceholderText)
    return label
