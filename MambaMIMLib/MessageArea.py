"""One message in a panel: an icon, what it is, and what to do next. It never takes the focus."""

from __future__ import annotations

import html

import qt
import slicer

# Level -> icon of the style, colour of the edge. The tint behind the text lets the palette through.
_LEVELS = {
    "info": ("SP_MessageBoxInformation", (52, 120, 196)),
    "warning": ("SP_MessageBoxWarning", (214, 144, 22)),
    "error": ("SP_MessageBoxCritical", (204, 62, 54)),
}
_ICON = 20  # pixels


class MessageArea:
    """A frame that is not there while there is nothing to say.

    Attributes:
        widget: the frame.
    """

    def __init__(self) -> None:
        self.widget = qt.QFrame()
        self.widget.objectName = "messageArea"
        layout = qt.QHBoxLayout(self.widget)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.setSpacing(10)
        self._icon, self._label = qt.QLabel(), qt.QLabel()
        self._label.objectName = "message"
        self._label.wordWrap = True
        self._label.textFormat = qt.Qt.RichText
        self._label.textInteractionFlags = qt.Qt.TextSelectableByMouse
        layout.addWidget(self._icon, 0, qt.Qt.AlignTop)
        layout.addWidget(self._label, 1)
        self.clear()

    def show(self, text: str, hint: str = "", level: str = "info") -> None:
        """Show a message instead of the last one.

        Args:
            text: what happened, plain text.
            hint: what to do next, plain text.
            level: "info", "warning" or "error".
        """
        icon, (red, green, blue) = _LEVELS[level]
        picture = slicer.app.style().standardIcon(getattr(qt.QStyle, icon))
        self._icon.pixmap = picture.pixmap(_ICON, _ICON)
        body = html.escape(text).replace("\n", "<br>")
        if hint:
            body = f"<b>{body}</b><br>{html.escape(hint)}"
        self._label.text = body
        self.level = level
        self.text = " ".join(filter(None, (text, hint)))
        self.widget.styleSheet = (
            "#messageArea { border: none; border-radius: 4px;"
            f" border-left: 3px solid rgb({red}, {green}, {blue});"
            f" background: rgba({red}, {green}, {blue}, 36); }}"
        )
        self.widget.setVisible(True)

    def clear(self) -> None:
        """Take it away."""
        self.level = self.text = ""
        self.widget.setVisible(False)
