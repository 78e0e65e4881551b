"""A small square of colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import qt

_SIDE = 12  # pixels


def icon(colour: Sequence[int]) -> Any:
    """A QIcon of one colour, 0..255."""
    pixmap = qt.QPixmap(_SIDE, _SIDE)
    pixmap.fill(qt.QColor(*colour))
    return qt.QIcon(pixmap)
