"""The section "Next case to label": which scan of a folder teaches the model most."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from MambaMIMLib.JobPanel import JobPanel

_ROW, _ROWS = 22, 8  # pixels; rows that are seen at once


class RankSection:
    """A folder, a button, and its scans with the one the model is least sure of first.

    Args:
        ui: `rankPathEdit` (a ctkPathLineEdit for folders), `rankPlace`.
        worker: looks at the scans.
        getModel: gives the model's path or name, "" for none.
        getDevice: gives the device as the worker takes it.
    """

    def __init__(
        self, ui: Any, worker: Any, getModel: Callable[[], str], getDevice: Callable[[], str]
    ) -> None:
        self.ui, self._worker, self._getModel, self._getDevice = ui, worker, getModel, getDevice
        self._rows: list[Mapping[str, Any]] = []
        self._ready = False
        self.job = JobPanel(_("Rank the scans"))
        self._table = self._makeTable()
        self._load = qt.QPushButton(_("Load this scan"))
        self._load.objectName = "loadRankedButton"
        self._load.enabled = False
        self._load.connect("clicked()", self._onLoad)
        layout = ui.rankPlace.layout()
        layout.addWidget(self.job.widget)
        layout.addWidget(self._table)
        layout.addWidget(self._load)
        ui.rankPathEdit.connect("currentPathChanged(QString)", lambda _path: self.update())
        self.job.clicked.connect(self._onRank)
        self._fill([])

    def update(self, ready: bool | None = None) -> None:
        """Say what is missing; `ready`: whether all packages are there."""
        self._ready = self._ready if ready is None else ready
        missing = self._missing()
        tip = _("Segment each scan coarsely, and see where the model is unsure")
        self.job.setButton(_("Rank the scans"), not missing, missing or tip)

    def cleanup(self) -> None:
        """The module is unloaded."""
        self._fill([])

    def _missing(self) -> str:
        if not self._ready:
            return _("First install what is missing, above.")
        if not Path(str(self.ui.rankPathEdit.currentPath or "")).is_dir() or not str(
            self.ui.rankPathEdit.currentPath
        ):
            return _("First select a folder of scans.")
        if not self._getModel():
            return _("First select a segmentation model in the section Train.")
        return ""

    def _onRank(self) -> None:
        self._fill([])
        asked = {
            "folder": str(self.ui.rankPathEdit.currentPath),
            "model": self._getModel(),
            "device": self._getDevice(),
        }
        job = self._worker.submit("rank", asked)
        self.job.watch(job)
        job.succeeded.connect(self._onRanked)

    def _onRanked(self, result: Mapping[str, Any]) -> None:
        rows = list(result.get("rows") or ())
        self._fill(rows)
        if not rows:
            self.job.showMessage(_("No scan was found in this folder."), level="warning")
        elif result.get("skipped"):
            count = len(result["skipped"])
            self.job.showMessage(
                _("Files that could not be read: {count}.").format(count=count), level="warning"
            )

    def _makeTable(self) -> Any:
        table = qt.QTableWidget()
        table.objectName = "rankTable"
        table.setColumnCount(2)
        table.setHorizontalHeaderLabels([_("Scan"), _("Uncertainty")])
        table.verticalHeader().setVisible(False)
        table.verticalHeader().setDefaultSectionSize(_ROW)
        table.horizontalHeader().setSectionResizeMode(0, qt.QHeaderView.Stretch)
        table.horizontalHeader().setSectionResizeMode(1, qt.QHeaderView.ResizeToContents)
        table.horizontalHeader().setHighlightSections(False)
        table.horizontalHeaderItem(0).setTextAlignment(qt.Qt.AlignLeft | qt.Qt.AlignVCenter)
        table.editTriggers = qt.QAbstractItemView.NoEditTriggers
        table.selectionBehavior = qt.QAbstractItemView.SelectRows
        table.selectionMode = qt.QAbstractItemView.SingleSelection
        table.showGrid = False
        table.horizontalScrollBarPolicy = qt.Qt.ScrollBarAlwaysOff
        table.connect("itemSelectionChanged()", self._onSelected)
        return table

    def _fill(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._rows = list(rows)
        self._table.setRowCount(len(self._rows))
        for place, row in enumerate(self._rows):
            name = qt.QTableWidgetItem(Path(str(row["file"])).name)
            name.setToolTip(str(row["file"]))
            number = qt.QTableWidgetItem(f"{float(row['entropy']):.3f}")
            number.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
            self._table.setItem(place, 0, name)
            self._table.setItem(place, 1, number)
        seen = min(max(len(self._rows), 1), _ROWS)
        self._table.setFixedHeight(
            seen * _ROW + self._table.horizontalHeader().sizeHint.height() + 4
        )
        for widget in (self._table, self._load):
            widget.setVisible(bool(self._rows))
        if self._rows:
            self._table.selectRow(0)

    def _onSelected(self) -> None:
        self._load.enabled = self._table.selectionModel().hasSelection

    def _onLoad(self) -> None:
        """Slicer's own reader blocks, as everywhere in Slicer where a file is opened."""
        path = Path(str(self._rows[self._table.currentRow()]["file"]))
        try:
            slicer.util.loadVolume(str(path))
        except RuntimeError:
            self.job.showMessage(
                _("{name} could not be loaded.").format(name=path.name),
                _("Is the file still there? Slicer's log says more."),
                "error",
            )
