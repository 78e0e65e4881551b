"""Lets files be dropped on a widget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import qt


class FileDrop(qt.QObject):
    """An event filter: takes drops of local files with certain endings, leaves others to Slicer.

    Args:
        widget: on which files are dropped; keep this object as long as the widget.
        endings: such as ".safetensors".
        dropped: called with each path.
    """

    def __init__(self, widget: Any, endings: Sequence[str], dropped: Callable[[str], None]) -> None:
        qt.QObject.__init__(self)
        self._endings, self._dropped = tuple(endings), dropped
        widget.acceptDrops = True
        widget.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Qt calls it before the widget sees the event."""
        kind = event.type()
        if kind not in (qt.QEvent.DragEnter, qt.QEvent.DragMove, qt.QEvent.Drop):
            return False
        paths = self._paths(event.mimeData())
        if not paths:
            return False
        event.acceptProposedAction()
        if kind == qt.QEvent.Drop:
            for path in paths:
                self._dropped(path)
        return True

    def _paths(self, data: Any) -> list[str]:
        paths = [url.toLocalFile() for url in data.urls()]
        return [path for path in paths if path.lower().endswith(self._endings)]
