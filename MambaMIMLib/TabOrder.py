"""The order in which the Tab key goes through a panel whose parts were made one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import qt


def followLayout(widget: Any) -> None:
    """Let Tab go through a widget's layouts from top to bottom, as one reads them."""
    before = None
    for part in focusable(widget):
        if before is not None:
            qt.QWidget.setTabOrder(before, part)
        before = part


def focusable(widget: Any) -> Iterator[Any]:
    """The widgets in a widget's layouts that Tab stops at, in the layouts' order."""
    layout = widget.layout()
    if layout is not None:
        yield from _inLayout(layout)


def _inLayout(layout: Any) -> Iterator[Any]:
    for index in range(layout.count()):
        item = layout.itemAt(index)
        part, inner = item.widget(), item.layout()
        if part is not None:
            if part.focusPolicy & qt.Qt.TabFocus:
                yield part
            yield from focusable(part)
        elif inner is not None:
            yield from _inLayout(inner)
