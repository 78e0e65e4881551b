"""What is seen of a training: the button, progress, the best so far, Dice of each class."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import qt
from slicer.i18n import tr as _

from mambamim.catalogue.terminology import term
from MambaMIMLib.JobPanel import JobPanel
from MambaMIMLib.Signal import Signal
from MambaMIMTrainerLib import Swatch

_ROW, _ROWS = 22, 8  # pixels; rows that are seen at once
_CLASS = "dice_"


class WatchPanel:
    """A `JobPanel` whose stop is a pause, a second way to end, and a table of scores.

    Args:
        startText: what the button says before a run.
        metric: name of the number that says how good the network is.
        metricTitle: how it is called.
        lower: whether less of it is better.

    Attributes:
        widget: for the owner's layout.
        job: the `JobPanel`.
        stopAsked: Signal(), end it and keep the best.
        curvesAsked: Signal(), show the curves.
    """

    def __init__(self, startText: str, metric: str, metricTitle: str, lower: bool = False) -> None:
        self.stopAsked, self.curvesAsked = Signal(), Signal()
        self._metric, self._metricTitle, self._sign = metric, metricTitle, -1 if lower else 1
        self._anything = False
        self._best: tuple[float, int] | None = None
        self._now: dict[str, float] = {}
        self.job = JobPanel(startText, (_("Pause"), _("Pausing")))
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.job.widget)
        layout.addWidget(self._bestRow())
        layout.addWidget(self._makeTable())
        self.setStoppable(False)
        self.clear()

    def clear(self) -> None:
        """Forget the last run."""
        self._best, self._now, self._anything = None, {}, False
        self._show()

    def setStoppable(self, stoppable: bool) -> None:
        """Whether there is a run that can be ended for good."""
        self._stop.setVisible(stoppable)
        self._stop.enabled = stoppable
        self._rowWidget.setVisible(stoppable or self._anything)

    def add(self, metrics: Iterable[tuple[int, str, float]]) -> None:
        """Take further numbers: (step, name, value)."""
        for step, name, value in metrics:
            self._anything = True
            if name == self._metric and self._isBest(value):
                self._best = (value, int(step))
            if name.startswith(_CLASS):
                self._now[name.removeprefix(_CLASS)] = value
        self._show()

    def _isBest(self, value: float) -> bool:
        return self._best is None or self._sign * value > self._sign * self._best[0]

    def _bestRow(self) -> Any:
        self._rowWidget = qt.QWidget()
        row = qt.QHBoxLayout(self._rowWidget)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        self._bestLabel = qt.QLabel()
        self._bestLabel.objectName = "bestLabel"
        self._bestLabel.wordWrap = True
        self._curves = qt.QPushButton(_("Show curves"))
        self._curves.objectName = "curvesButton"
        self._curves.toolTip = _("Loss and validation as plots below the slices")
        self._curves.connect("clicked()", self.curvesAsked)
        self._stop = qt.QPushButton(_("Stop and keep best"))
        self._stop.objectName = "stopButton"
        self._stop.toolTip = _("End the training now; the best network so far is the result")
        self._stop.connect("clicked()", self._onStop)
        row.addWidget(self._bestLabel, 1)
        row.addWidget(self._curves)
        row.addWidget(self._stop)
        return self._rowWidget

    def _makeTable(self) -> Any:
        self._table = table = qt.QTableWidget()
        table.objectName = "scoreTable"
        table.setColumnCount(2)
        table.setHorizontalHeaderLabels([_("Class"), _("Dice now")])
        table.verticalHeader().setVisible(False)
        table.verticalHeader().setDefaultSectionSize(_ROW)
        table.horizontalHeader().setSectionResizeMode(0, qt.QHeaderView.Stretch)
        table.horizontalHeader().setSectionResizeMode(1, qt.QHeaderView.ResizeToContents)
        table.horizontalHeaderItem(0).setTextAlignment(qt.Qt.AlignLeft | qt.Qt.AlignVCenter)
        table.editTriggers = qt.QAbstractItemView.NoEditTriggers
        table.selectionMode = qt.QAbstractItemView.NoSelection
        table.focusPolicy = qt.Qt.NoFocus
        table.showGrid = False
        table.horizontalScrollBarPolicy = qt.Qt.ScrollBarAlwaysOff
        return table

    def _show(self) -> None:
        if self._best is None:
            self._bestLabel.text = ""
        else:
            value, step = self._best
            self._bestLabel.text = _("Best {metric}: <b>{value}</b> at step {step}").format(
                metric=self._metricTitle, value=f"{value:.3f}", step=step
            )
        self._curves.setVisible(self._anything)
        self._rowWidget.setVisible(self._anything or bool(self._stop.enabled))
        self._table.setRowCount(len(self._now))
        for row, (name, value) in enumerate(self._now.items()):
            meaning = term(name)
            title = qt.QTableWidgetItem(Swatch.icon(meaning.colour), meaning.title)
            number = qt.QTableWidgetItem(f"{value:.3f}")
            number.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
            self._table.setItem(row, 0, title)
            self._table.setItem(row, 1, number)
        seen = min(max(len(self._now), 1), _ROWS)
        self._table.setFixedHeight(
            seen * _ROW + self._table.horizontalHeader().sizeHint.height() + 4
        )
        self._table.setVisible(bool(self._now))

    def _onStop(self) -> None:
        self._stop.enabled = False
        self.stopAsked()
