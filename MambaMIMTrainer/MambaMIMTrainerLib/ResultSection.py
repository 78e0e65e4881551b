"""The section "3 Result": what came of a training, and what to do with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from mambamim.catalogue.terminology import term
from MambaMIMLib import Words
from MambaMIMLib.MessageArea import MessageArea
from MambaMIMLib.Steps import Steps
from MambaMIMTrainerLib import ModelUse, Swatch

_ROW, _ROWS = 22, 8  # pixels; rows that are seen at once
_NUMBER = 64  # pixels: least width of a column of numbers


class ResultSection:
    """The new model's scores beside those of the model that was begun with.

    Attributes:
        widget: for the owner's layout.
        result: of the job, None while there is none.
    """

    def __init__(self) -> None:
        self.result: dict[str, Any] | None = None
        self._copying: Steps | None = None
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        self._words = qt.QLabel()
        self._words.objectName = "resultWords"
        self._words.wordWrap = True
        layout.addWidget(self._words)
        self._table = self._makeTable()
        layout.addWidget(self._table)
        self._buttonRow = self._buttons()
        layout.addWidget(self._buttonRow)
        self._message = MessageArea()
        layout.addWidget(self._message.widget)
        self.clear()

    def clear(self) -> None:
        """There is no result yet."""
        self.result = None
        self._words.text = _("The new model appears here when the training ends.")
        self._table.setVisible(False)
        self._buttonRow.setVisible(False)
        self._message.clear()

    def show(self, result: Mapping[str, Any]) -> None:
        """Show the result of the job "finetune"."""
        self.result = dict(result)
        self._message.clear()
        scores = _scores(result.get("scores"))
        base = _scores(result.get("base_scores"))
        self._words.text = self._summary(result, scores, base)
        names = [name for name in scores if name != "mean"]
        self._table.setRowCount(len(names))
        for row, name in enumerate(names):
            meaning = term(name)
            self._table.setItem(
                row, 0, qt.QTableWidgetItem(Swatch.icon(meaning.colour), meaning.title)
            )
            for column, value in ((1, base.get(name)), (2, scores[name])):
                item = qt.QTableWidgetItem("-" if value is None else f"{value:.3f}")
                item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
                self._table.setItem(row, column, item)
        self._table.setColumnHidden(1, not base)
        seen = min(max(len(names), 1), _ROWS)
        self._table.setFixedHeight(
            seen * _ROW + self._table.horizontalHeader().sizeHint.height() + 4
        )
        self._table.setVisible(bool(names))
        self._buttonRow.setVisible(True)
        self._use.setVisible(ModelUse.canSegment())

    @staticmethod
    def _summary(
        result: Mapping[str, Any], scores: Mapping[str, float], base: Mapping[str, float]
    ) -> str:
        text = _("<b>{name}</b> is one of your models now.").format(name=result.get("name", ""))
        if "mean" in scores:
            text += " " + _("Mean Dice on the validation cases: <b>{value}</b>").format(
                value=f"{scores['mean']:.3f}"
            )
            if "mean" in base and set(base) == set(scores):  # else of other classes
                text += _(", {value} before").format(value=f"{base['mean']:.3f}")
            text += "."
        return text

    def _buttons(self) -> Any:
        holder = qt.QWidget()
        row = qt.QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        self._use = qt.QPushButton(_("Use in Segmenter"))
        self._use.objectName = "useButton"
        self._use.toolTip = _("Open MambaMIM Segmenter with the new model selected")
        self._use.connect("clicked()", self._onUse)
        self._export = qt.QPushButton(_("Export..."))
        self._export.objectName = "exportButton"
        self._export.toolTip = _("Save the model as one file, for a colleague")
        self._export.connect("clicked()", self._onExport)
        for button in (self._use, self._export):
            row.addWidget(button, 1)
        return holder

    def _makeTable(self) -> Any:
        table = qt.QTableWidget()
        table.objectName = "resultScores"
        table.setColumnCount(3)
        table.setHorizontalHeaderLabels([_("Class"), _("Before"), _("Now")])
        table.verticalHeader().setVisible(False)
        table.verticalHeader().setDefaultSectionSize(_ROW)
        table.horizontalHeader().setSectionResizeMode(0, qt.QHeaderView.Stretch)
        table.horizontalHeader().setMinimumSectionSize(_NUMBER)
        for column in (1, 2):
            table.horizontalHeader().setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
        table.horizontalHeaderItem(0).setTextAlignment(qt.Qt.AlignLeft | qt.Qt.AlignVCenter)
        table.editTriggers = qt.QAbstractItemView.NoEditTriggers
        table.selectionMode = qt.QAbstractItemView.NoSelection
        table.focusPolicy = qt.Qt.NoFocus
        table.showGrid = False
        table.horizontalScrollBarPolicy = qt.Qt.ScrollBarAlwaysOff
        return table

    def _onUse(self) -> None:
        if not ModelUse.useInSegmenter(str(self.result["name"])):
            self._message.show(
                _("MambaMIM Segmenter does not list this model."),
                _("Was its file moved or deleted?"),
                "warning",
            )

    def _onExport(self) -> None:
        path = Path(self.result["model"])
        target = qt.QFileDialog.getSaveFileName(
            self.widget, _("Export model"), path.name, _("Models") + " (*.safetensors)"
        )
        if target:
            self._export.enabled = False
            place = Path(target).with_suffix(path.suffix)
            self._copying = Steps(
                ModelUse.copySteps(path, place), self._onExported, self._onNotExported
            )

    def _onExported(self, path: Path) -> None:
        self._copying = None
        self._export.enabled = True
        self._message.show(
            _("{name} was written, {size}.").format(
                name=path.name, size=Words.size(path.stat().st_size)
            ),
            _("A colleague adds it with Add model... in MambaMIM Segmenter."),
        )

    def _onNotExported(self, error: Exception) -> None:
        self._copying = None
        self._export.enabled = True
        reason = getattr(error, "strerror", None) or getattr(error, "message", None)
        self._message.show(
            _("The model could not be written: {reason}.").format(
                reason=reason or type(error).__name__
            ),
            _("Choose another folder, or free some space."),
            "error",
        )


def _scores(told: Any) -> dict[str, float]:
    """Name of a class, and "mean" -> Dice; what is no number is left out."""
    if not isinstance(told, Mapping):
        return {}
    named = {str(name).removeprefix("dice_"): value for name, value in told.items()}
    if "dice" in named:
        named = {"mean": named.pop("dice"), **named}
    numbers = {name: value for name, value in named.items() if isinstance(value, (int, float))}
    return {name: float(value) for name, value in numbers.items()}
