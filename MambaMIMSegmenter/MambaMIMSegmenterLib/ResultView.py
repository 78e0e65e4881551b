"""What was found, and what to do with it next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from mambamim.catalogue.terminology import term
from MambaMIMLib import Words
from MambaMIMSegmenterLib import SegmenterWords, Views
from MambaMIMSegmenterLib.OrganList import swatch
from MambaMIMSegmenterLib.SegmentRun import SegmentOutcome

_ROW, _ROWS = 22, 8  # pixels; rows that are seen at once


class ResultView:
    """A line of words, buttons, a table; hidden until there is a result.

    Attributes:
        widget: for the owner's layout.
        node: the segmentation that is shown, None for none.
    """

    def __init__(self) -> None:
        self.node: Any = None
        self._volumeNode: Any = None
        self._surfaces = Views.SurfaceShow()
        self._surfaces.ended.connect(self._tellIn3D)
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        self._words = qt.QLabel()
        self._words.objectName = "resultLabel"
        self._words.wordWrap = True
        layout.addWidget(self._words)
        layout.addLayout(self._buttons())
        self._table = self._makeTable()
        layout.addWidget(self._table)
        self._missing = qt.QLabel()
        self._missing.objectName = "missingLabel"
        self._missing.wordWrap = True
        layout.addWidget(self._missing)
        self.clear()

    def clear(self) -> None:
        """Forget the result; it stays in the scene."""
        self._surfaces.stop()
        self.node = self._volumeNode = None
        self.widget.setVisible(False)

    def showNode(self, node: Any, volumeNode: Any, isPreview: bool) -> None:
        """A segmentation is in the scene; what it holds is told later by `showOutcome`."""
        self._show(node, volumeNode)
        told = _("A coarse preview is shown; the full result replaces it.") if isPreview else ""
        self._words.text = told
        self._words.setVisible(isPreview)
        self._table.setVisible(False)
        self._missing.setVisible(False)

    def showOutcome(self, outcome: SegmentOutcome, volumeNode: Any, unit: str) -> None:
        """The result is in the scene.

        Args:
            outcome: of the run.
            volumeNode: that was segmented.
            unit: of its intensities, empty for none.
        """
        self._show(outcome.node, volumeNode)
        if outcome.node is None:
            self.clear()
            return
        count = len(outcome.found)
        self._words.setVisible(True)
        self._words.text = _("<b>{count}</b> found in {time}{device}.").format(
            count=SegmenterWords.structures(count),
            time=Words.duration(outcome.seconds),
            device=SegmenterWords.whereDone(outcome.device),
        )
        rows = [row for row in outcome.rows if row["voxels"]]
        self._fill(rows, unit)
        self._missing.text = _("Not found: {names}.").format(
            names=", ".join(term(name).title.lower() for name in outcome.missing)
        )
        self._missing.setVisible(bool(outcome.missing))

    def onNodeRemoved(self) -> None:
        """The scene has lost a node; if it was the result, there is nothing to show."""
        if self.node is not None and not slicer.mrmlScene.IsNodePresent(self.node):
            self.clear()

    def _show(self, node: Any, volumeNode: Any) -> None:
        self.node, self._volumeNode = node, volumeNode
        self.widget.setVisible(node is not None)
        if node is not None:
            self._tellIn3D()

    def _buttons(self) -> Any:
        row = qt.QHBoxLayout()
        row.setSpacing(6)
        self._show3D = qt.QPushButton(_("Show 3D"))
        self._show3D.objectName = "show3DButton"
        self._show3D.checkable = True
        self._show3D.toolTip = _("Show the surfaces of all structures in the 3D view")
        self._show3D.connect("toggled(bool)", self._onShow3D)
        edit = qt.QPushButton(_("Edit in Segment Editor"))
        edit.objectName = "editButton"
        edit.toolTip = _("Correct the segments by hand")
        edit.connect("clicked()", self._onEdit)
        train = qt.QPushButton(_("Use for training"))
        train.objectName = "trainButton"
        train.toolTip = _("Once it is corrected: let a model learn from it, in MambaMIM Trainer")
        train.setVisible(Views.canTrain())
        train.connect("clicked()", self._onTrain)
        for button in (self._show3D, edit, train):
            row.addWidget(button, 1)
        return row

    def _makeTable(self) -> Any:
        table = qt.QTableWidget()
        table.objectName = "resultTable"
        table.setColumnCount(3)
        table.verticalHeader().setVisible(False)
        table.verticalHeader().setDefaultSectionSize(_ROW)
        header = table.horizontalHeader()
        header.setSectionResizeMode(0, qt.QHeaderView.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
        table.editTriggers = qt.QAbstractItemView.NoEditTriggers
        table.selectionMode = qt.QAbstractItemView.NoSelection
        table.focusPolicy = qt.Qt.NoFocus
        table.showGrid = False
        return table

    def _fill(self, rows: Sequence[Mapping[str, Any]], unit: str) -> None:
        table = self._table
        intensity = _("Mean ± SD") + (f"\n[{unit}]" if unit else "")
        table.setHorizontalHeaderLabels([_("Structure"), _("Volume") + "\n[ml]", intensity])
        table.horizontalHeaderItem(0).setTextAlignment(qt.Qt.AlignLeft | qt.Qt.AlignVCenter)
        table.setRowCount(len(rows))
        for place, row in enumerate(rows):
            meaning = term(row["name"])
            table.setItem(place, 0, qt.QTableWidgetItem(swatch(meaning.colour), meaning.title))
            told = "-" if row["mean_hu"] is None else f"{row['mean_hu']:.0f} ± {row['sd_hu']:.0f}"
            for column, text in ((1, f"{row['volume_ml']:.1f}"), (2, told)):
                item = qt.QTableWidgetItem(text)
                item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
                table.setItem(place, column, item)
        seen = min(max(len(rows), 1), _ROWS)
        table.setFixedHeight(seen * _ROW + table.horizontalHeader().sizeHint.height() + 4)
        table.setVisible(bool(rows))

    def show3D(self) -> None:
        """Show the result's surfaces."""
        if self.node is not None:
            self._surfaces.show(self.node)
            self._tellIn3D()

    def _tellIn3D(self) -> None:
        """Say on the button whether the surfaces are there, or being made."""
        if self.node is None:
            return
        busy = self._surfaces.busy
        self._show3D.text = _("Making surfaces...") if busy else _("Show 3D")
        self._show3D.enabled = not busy
        self._show3D.blockSignals(True)
        self._show3D.checked = busy or Views.isIn3D(self.node)
        self._show3D.blockSignals(False)

    def _onShow3D(self, shown: bool) -> None:
        if shown:
            self.show3D()
        elif self.node is not None:
            self._surfaces.hide(self.node)

    def _onTrain(self) -> None:
        Views.useForTraining(self.node, self._volumeNode)

    def _onEdit(self) -> None:
        Views.editSegments(self.node, self._volumeNode)
