"""The one big button of a module, and what takes its place while a job runs."""

from __future__ import annotations

import time
from typing import Any

import qt
from slicer.i18n import tr as _

from MambaMIMLib import Words
from MambaMIMLib.Disclosure import Disclosure
from MambaMIMLib.MessageArea import MessageArea
from MambaMIMLib.Signal import Signal

_HEIGHT = 40  # pixels
_STEPS = 1000  # of the progress bar
_LINES = 2000  # of the log
_ACCENT = "#2f6fb5"
PRIMARY_STYLE = f"""
QPushButton {{
  font-weight: bold; border: 2px solid transparent; border-radius: 4px; padding: 0 16px;
  background: rgba(128, 128, 128, 50); }}
QPushButton:enabled {{ background: {_ACCENT}; color: white; }}
QPushButton:enabled:hover {{ background: #3a7fca; }}
QPushButton:enabled:pressed {{ background: #265c97; }}
QPushButton:enabled:focus {{ border-color: #9cc3ee; }}
"""
_BAR_STYLE = f"""
QProgressBar {{ border: none; border-radius: 3px; background: rgba(128, 128, 128, 70); }}
QProgressBar::chunk {{ border-radius: 3px; background: {_ACCENT}; }}
"""


class JobPanel:
    """Button, or progress and Cancel in the same place; a message; a log.

    Args:
        buttonText: what the button does.
        stopTexts: what the button beside the bar says, and what it says once it was pressed.

    Attributes:
        widget: for the owner's layout.
        busy: whether work goes on: the bar is there instead of the button.
        clicked: Signal(), the button was pressed.
        cancelled: Signal(), that button was pressed; the watched job has been told already.
    """

    def __init__(self, buttonText: str, stopTexts: tuple[str, str] | None = None) -> None:
        self.clicked, self.cancelled = Signal(), Signal()
        self._stopTexts = stopTexts or (_("Cancel"), _("Cancelling"))
        self.busy = False
        self._job: Any = None
        self._what, self._prefix = "", ""
        self._end: float | None = None  # when the job expects to be done, on time.monotonic
        self._message = MessageArea()
        self._build(buttonText)
        self._clock = qt.QTimer()
        self._clock.setInterval(1000)
        self._clock.connect("timeout()", self._tell)

    def setButton(self, text: str, enabled: bool = True, toolTip: str = "") -> None:
        """Set what the button says; `toolTip` tells what it does, or why it cannot be pressed."""
        self._button.text = text
        self._button.enabled = enabled
        self._button.toolTip = toolTip

    def begin(self, text: str) -> None:
        """Show that work goes on before or after a job of the worker: no number, Cancel works.

        Until `end()` or `watch()`. Called when a job succeeds, the panel stays busy beyond it.
        """
        if not self.busy:
            self._message.clear()
        self._job = None
        self._start(text)

    def watch(self, job: Any, prefix: str = "") -> None:
        """Show a WorkerJob until it ends, its failure as a message.

        Args:
            job: the job.
            prefix: before its own words, as "Scan 2 of 5".
        """
        if not self.busy:
            self._message.clear()
        self._job, self._prefix = job, prefix
        self._start(_("Starting"))

        def mine(do: Any) -> Any:  # not the words of a job that is no longer watched
            return lambda *values: do(*values) if job is self._job else None

        job.progressed.connect(mine(self._onProgress))
        job.logged.connect(mine(self._onLog))
        job.failed.connect(mine(self._onFailure))
        job.ended.connect(mine(self.end))

    def end(self) -> None:
        """Put the button back."""
        self._job, self._prefix, self._end = None, "", None
        self._clock.stop()
        self.busy = False
        self._place.currentIndex = 0

    def showMessage(self, text: str, hint: str = "", level: str = "info") -> None:
        """Show a message that stays until the next run.

        Args:
            text: what happened; empty takes the message away.
            hint: what to do next.
            level: "info", "warning" or "error".
        """
        if text:
            self._message.show(text, hint, level)
            self.log(" ".join(filter(None, (text, hint))))
        else:
            self._message.clear()

    def log(self, text: str) -> None:
        """Add a line to the log."""
        self._log.appendPlainText(f"{time.strftime('%H:%M:%S')}  {text}")

    def _build(self, buttonText: str) -> None:
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        self._button = qt.QPushButton(buttonText)
        self._button.objectName = "jobButton"
        self._button.styleSheet = PRIMARY_STYLE
        self._button.connect("clicked()", self.clicked)
        self._place = qt.QStackedWidget()
        self._place.setFixedHeight(_HEIGHT)
        self._button.setFixedHeight(_HEIGHT)
        self._place.addWidget(self._button)
        self._place.addWidget(self._progressPage())
        layout.addWidget(self._place)
        layout.addWidget(self._message.widget)
        self._log = qt.QPlainTextEdit()
        self._log.objectName = "jobLog"
        self._log.readOnly = True
        self._log.maximumBlockCount = _LINES
        self._log.lineWrapMode = qt.QPlainTextEdit.WidgetWidth
        self._log.setFixedHeight(140)
        self.logDisclosure = Disclosure(_("Log"), self._log)
        layout.addWidget(self.logDisclosure.button, 0, qt.Qt.AlignLeft)
        layout.addWidget(self._log)

    def _progressPage(self) -> Any:
        page = qt.QWidget()
        grid = qt.QGridLayout(page)
        grid.setContentsMargins(2, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(0, 1)
        self._whatLabel, self._leftLabel = qt.QLabel(), qt.QLabel()
        self._whatLabel.objectName, self._leftLabel.objectName = "jobWhat", "jobTimeLeft"
        # Long words are cut rather than that the panel gets wider.
        self._whatLabel.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Preferred)
        self._bar = qt.QProgressBar()
        self._bar.objectName = "jobProgress"
        self._bar.styleSheet = _BAR_STYLE
        self._bar.textVisible = False
        self._bar.setFixedHeight(8)
        self._cancel = qt.QPushButton(self._stopTexts[0])
        self._cancel.objectName = "jobCancel"
        self._cancel.setFixedHeight(_HEIGHT)
        self._cancel.minimumWidth = 96
        self._cancel.connect("clicked()", self._onCancel)
        grid.addWidget(self._whatLabel, 0, 0, qt.Qt.AlignBottom)
        grid.addWidget(self._leftLabel, 0, 1, qt.Qt.AlignBottom)
        grid.addWidget(self._bar, 1, 0, 1, 2, qt.Qt.AlignTop)
        grid.addWidget(self._cancel, 0, 2, 2, 1)
        return page

    def _start(self, text: str) -> None:
        self.busy = True
        self._what, self._end = text, None
        self._cancel.enabled, self._cancel.text = True, self._stopTexts[0]
        self._bar.setRange(0, 0)
        self._place.currentIndex = 1
        self._clock.start()
        self._tell()

    def _onProgress(self, fraction: float, message: str, secondsLeft: float | None) -> None:
        self._bar.setRange(0, _STEPS)
        self._bar.value = round(fraction * _STEPS)
        self._what = message[:1].upper() + message[1:]
        self._end = None if secondsLeft is None else time.monotonic() + secondsLeft
        self._tell()

    def _tell(self) -> None:
        text = ": ".join(filter(None, (self._prefix, self._what)))
        self._whatLabel.text = text
        self._whatLabel.toolTip = text
        left = None if self._end is None else max(0.0, self._end - time.monotonic())
        self._leftLabel.text = "" if left is None else Words.timeLeft(left)

    def _onLog(self, level: str, message: str) -> None:
        if level == "info":
            self.log(message)
        else:
            self.showMessage(message, level="warning")

    def _onFailure(self, failure: Any) -> None:
        if failure.isStop:
            self.showMessage(failure.message)
            return
        self.showMessage(failure.message, failure.hint, "error")
        if failure.detail:
            self.log(failure.detail)

    def _onCancel(self) -> None:
        self._cancel.enabled, self._cancel.text = False, self._stopTexts[1]
        if self._job is not None:
            self._job.cancel()
        self.cancelled()
