"""A small arrow with a title that shows and hides what is below it."""

from __future__ import annotations

from typing import Any

import qt


class Disclosure:
    """For what only some want to see, such as a log or a model's details.

    Args:
        title: beside the arrow.
        content: the widget that is shown and hidden; hidden at first. The owner places it.

    Attributes:
        button: the arrow with its title, for the owner's layout.
    """

    def __init__(self, title: str, content: Any) -> None:
        self.content = content
        self.button = qt.QToolButton()
        self.button.objectName = "disclosure"
        self.button.text = title
        self.button.styleSheet = "QToolButton { border: none; padding: 2px; }"
        self.button.checkable = True
        self.button.toolButtonStyle = qt.Qt.ToolButtonTextBesideIcon
        self.button.connect("toggled(bool)", self._show)
        self._show(False)

    @property
    def isOpen(self) -> bool:
        """Whether the content is shown."""
        return bool(self.button.checked)

    @isOpen.setter
    def isOpen(self, isOpen: bool) -> None:
        self.button.checked = isOpen

    def _show(self, isOpen: bool) -> None:
        self.button.arrowType = qt.Qt.DownArrow if isOpen else qt.Qt.RightArrow
        self.content.setVisible(isOpen)
