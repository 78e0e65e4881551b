"""What can be done with a model that was just trained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import slicer

from mambamim.files import atomic_path

_STEP_BYTES = 4 * 1024**2  # copied between two looks at the event loop


def canSegment() -> bool:
    """Whether MambaMIM Segmenter is there."""
    return hasattr(slicer.modules, "mambamimsegmenter")


def refreshSegmenter() -> None:
    """Let the Segmenter look again which models there are, if it has been opened."""
    panel = _segmenterPanel()
    if panel is not None:
        panel.models.refresh()


def useInSegmenter(name: str) -> bool:
    """Open the Segmenter with a model selected; whether it lists the model."""
    slicer.util.selectModule("MambaMIMSegmenter")
    panel = _segmenterPanel()
    if panel is None:
        return False
    panel.models.refresh()
    return bool(panel.models.select(name))


def copySteps(source: Path, target: Path) -> Iterator[Path]:
    """Copy a model's file in steps; the last one gives the copy. All of it is there, or nothing.

    Raises:
        OSError: it cannot be read or written.
    """
    with atomic_path(target) as temporary, source.open("rb") as give, temporary.open("wb") as take:
        while block := give.read(_STEP_BYTES):
            take.write(block)
            yield target
    yield target


def _segmenterPanel() -> Any:
    if not canSegment():
        return None
    return slicer.modules.mambamimsegmenter.widgetRepresentation().self().panel
