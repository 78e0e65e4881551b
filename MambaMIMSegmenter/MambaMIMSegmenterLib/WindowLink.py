"""One window and level for several volumes, whichever of them the user changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import vtk


class WindowLink:
    """Keeps the grey values of the scan and of what was made of it comparable while on the screen.

    A scan whose window Slicer has chosen by itself gets that of the others, and Slicer's back at
    the end, unless the user has changed it meanwhile.
    """

    def __init__(self) -> None:
        self._observed: list[tuple[Any, int]] = []
        self._own: tuple[Any, float, float, tuple[float, float]] | None = None
        self._copying = False

    def join(self, scan: Any, others: Sequence[Any]) -> None:
        """Link volume nodes; those that were linked before are not any more.

        Args:
            scan: the user's volume; it gets a display node if it has none.
            others: at least one, with display nodes.
        """
        self.part()
        if scan.GetDisplayNode() is None:
            scan.CreateDefaultDisplayNodes()
        display, like = scan.GetDisplayNode(), others[0].GetDisplayNode()
        if display.GetAutoWindowLevel():
            self._own = (display, display.GetWindow(), display.GetLevel(), _of(like))
            display.SetAutoWindowLevel(False)
            display.SetWindowLevel(*_of(like))
        for node in (scan, *others):
            self._observe(node.GetDisplayNode())
        self._copy(display)

    def part(self) -> None:
        """Let each have its own again."""
        for display, tag in self._observed:
            display.RemoveObserver(tag)
        self._observed = []
        if self._own is not None:
            display, window, level, given = self._own
            if _of(display) == given:
                display.SetWindowLevel(window, level)
                display.SetAutoWindowLevel(True)
            self._own = None

    def _observe(self, display: Any) -> None:
        tag = display.AddObserver(
            vtk.vtkCommand.ModifiedEvent, lambda caller, event: self._copy(display)
        )
        self._observed.append((display, tag))

    def _copy(self, changed: Any) -> None:
        if self._copying:
            return
        self._copying = True
        try:
            for display, _tag in self._observed:
                if _of(display) != _of(changed):
                    display.SetAutoWindowLevel(False)
                    display.SetWindowLevel(*_of(changed))
        finally:
            self._copying = False


def _of(display: Any) -> tuple[float, float]:
    return display.GetWindow(), display.GetLevel()
