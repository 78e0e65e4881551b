"""Puts the parts of the Segmenter's panel where its .ui file keeps a place for them."""

from __future__ import annotations

from typing import Any

import qt

from MambaMIMLib import TabOrder


def fill(panel: Any) -> None:
    """Place the parts of a `SegmenterPanel`, and let the Tab key go through them as they stand."""
    ui = panel.ui
    for place, part in (
        (ui.dependenciesPlace, panel.dependencies.widget),
        (ui.modelPlace, panel.models.widget),
        (ui.conversionPlace, panel.conversionForm.widget),
        (ui.jobPlace, panel.job.widget),
        (ui.resultPlace, panel.result.widget),
        (ui.organPlace, panel.organs.widget),
        (ui.pythonPlace, panel.dependencies.pythonWidget),
    ):
        _replace(place, part)
    for section, part in (
        (ui.batchSection, panel.batchList.widget),
        (ui.reconstructionSection, panel.reconstruction.widget),
    ):
        section.layout().addWidget(part)
    for section in (ui.optionsButton, ui.batchSection, ui.reconstructionSection):
        section.setSizePolicy(qt.QSizePolicy.Preferred, qt.QSizePolicy.Maximum)
    TabOrder.followLayout(ui.optionsButton.parentWidget())


def _replace(place: Any, part: Any) -> None:
    """Put a widget where the .ui file keeps a place; a hidden one takes no room then."""
    part.setSizePolicy(qt.QSizePolicy.Preferred, qt.QSizePolicy.Maximum)
    place.parentWidget().layout().replaceWidget(place, part)
    place.setVisible(False)
