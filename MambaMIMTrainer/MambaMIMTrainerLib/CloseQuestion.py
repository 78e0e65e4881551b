"""Asks, when Slicer is closed while a training runs, what is to become of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _


class CloseQuestion(qt.QObject):
    """An event filter of the main window; what was answered is done once Slicer really goes.

    Args:
        getRuns: gives the runs that go on now, each with `stop()`.
    """

    def __init__(self, getRuns: Callable[[], Sequence[Any]]) -> None:
        qt.QObject.__init__(self)
        self._getRuns, self._stop = getRuns, False
        self._window: Any = None
        slicer.app.connect("aboutToQuit()", self._onQuit)

    def watch(self) -> None:
        """Listen to the main window, once it is there."""
        window = slicer.util.mainWindow()
        if window is not None and self._window is None:
            self._window = window
            window.installEventFilter(self)
            window.connect("destroyed()", self._onWindowGone)

    def cleanup(self) -> None:
        """The module is unloaded."""
        slicer.app.disconnect("aboutToQuit()", self._onQuit)
        if self._window is not None:
            self._window.disconnect("destroyed()", self._onWindowGone)
            self._window.removeEventFilter(self)
            self._window = None

    def _onWindowGone(self) -> None:
        self._window = None

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Qt calls it before the window sees the event."""
        if event.type() != qt.QEvent.Close or not self._getRuns():
            return False
        answer = self._ask()
        self._stop = answer == "stop"
        if answer == "cancel":
            event.ignore()
            return True
        return False

    def _ask(self) -> str:
        box = qt.QMessageBox(slicer.util.mainWindow())
        box.icon = qt.QMessageBox.Question
        box.windowTitle = _("A training runs")
        box.text = _("A training runs. Shall it go on while Slicer is closed?")
        box.informativeText = _("If it goes on, it is shown again at the next start of Slicer.")
        box.setStandardButtons(qt.QMessageBox.Yes | qt.QMessageBox.No | qt.QMessageBox.Cancel)
        box.button(qt.QMessageBox.Yes).text = _("Leave it running")
        box.button(qt.QMessageBox.No).text = _("Stop and keep the best")
        box.setDefaultButton(qt.QMessageBox.Yes)
        answer = box.exec_()
        words = {qt.QMessageBox.Yes: "leave", qt.QMessageBox.No: "stop"}
        return words.get(answer, "cancel")

    def _onQuit(self) -> None:
        if self._stop:
            for run in self._getRuns():
                run.stop()
