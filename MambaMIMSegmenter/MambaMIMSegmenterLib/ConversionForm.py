"""Asks for what a .pth file does not tell about itself, in the panel, before it is converted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from MambaMIMLib.Signal import Signal
from MambaMIMSegmenterLib.Conversion import ConversionRequest, classesOf


class ConversionForm:
    """Hidden until there is a file.

    Attributes:
        widget: for the owner's layout.
        accepted: Signal(ConversionRequest).
    """

    def __init__(self) -> None:
        self.accepted = Signal()
        self._path = Path()
        self.widget = qt.QFrame()
        self.widget.objectName = "conversionForm"
        self.widget.frameShape = qt.QFrame.StyledPanel
        form = qt.QFormLayout(self.widget)
        form.setContentsMargins(8, 8, 8, 8)
        self._title = qt.QLabel()
        self._title.wordWrap = True
        form.addRow(self._title)
        self._name, self._licence = qt.QLineEdit(), qt.QLineEdit()
        self._name.objectName, self._licence.objectName = "conversionName", "conversionLicence"
        self._licence.placeholderText = _("as its authors say, e.g. CC-BY-4.0")
        self._classes = qt.QPlainTextEdit()
        self._classes.objectName = "conversionClasses"
        self._classes.placeholderText = _(
            "One name a line, in the order of the label values from 1.\n"
            "Leave it empty for an encoder, or if they are not known."
        )
        self._classes.setFixedHeight(72)
        form.addRow(_("Name:"), self._name)
        form.addRow(_("Licence:"), self._licence)
        form.addRow(_("Structures:"), self._classes)
        form.addRow(self._buttons())
        self.widget.setVisible(False)

    def ask(self, path: str | Path) -> None:
        """Show the form for a file."""
        self._path = Path(path)
        self._title.text = _("<b>{file}</b> is converted once and kept with your models.").format(
            file=self._path.name
        )
        self._name.text = self._path.stem
        self._licence.text = ""
        self._classes.setPlainText("")
        self.widget.setVisible(True)

    def _buttons(self) -> Any:
        row = qt.QHBoxLayout()
        row.addStretch(1)
        for text, name, do in (
            (_("Cancel"), "conversionCancel", self._onCancel),
            (_("Convert"), "conversionConvert", self._onConvert),
        ):
            button = qt.QPushButton(text)
            button.objectName = name
            button.connect("clicked()", do)
            row.addWidget(button)
        return row

    def _onCancel(self) -> None:
        self.widget.setVisible(False)

    def _onConvert(self) -> None:
        name = self._name.text.strip() or self._path.stem
        classes = classesOf(self._classes.toPlainText())
        self.widget.setVisible(False)
        self.accepted(ConversionRequest(self._path, name, self._licence.text.strip(), classes))
