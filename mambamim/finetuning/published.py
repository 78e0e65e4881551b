"""The cases of a public data set, split as the paper's experiments have them."""

from __future__ import annotations

from pathlib import Path

from mambamim.data.presets import PRESETS, DatasetPreset, PresetCase
from mambamim.data.scan_source import ScanSource
from mambamim.finetuning.label_scheme import LabelScheme, scheme_of

Parts = tuple[tuple[ScanSource, ...], tuple[ScanSource, ...]]


def published_parts(name: str, folder: Path) -> Parts:
    """Cases to learn from and cases to choose by; those for the test are in neither.

    Args:
        name: key in `PRESETS`.
        folder: the data set as it is published.

    Raises:
        BadInputError: the folder is not that data set.
    """
    preset = PRESETS[name]
    split = preset.split(preset.find_cases(folder))
    return _sources(split["train"], preset), _sources(split["validation"], preset)


def published_scheme(name: str, regions: bool = False) -> LabelScheme:
    """What the label values of a public data set are.

    Args:
        name: key in `PRESETS`.
        regions: whether to learn its overlapping regions where its classes exclude each other.

    Raises:
        BadInputError: it has no regions.
    """
    preset = PRESETS[name]
    overlapping = regions or not preset.exclusive
    return scheme_of(preset.region_labels if overlapping else preset.labels, preset.title)


def _sources(cases: list[PresetCase], preset: DatasetPreset) -> tuple[ScanSource, ...]:
    several = len(preset.channels) > 1
    return tuple(
        ScanSource(
            case.images[0],
            case.label,
            preset.modality,
            case.images[1:],
            preset.channels if several else (),
            several,
        )
        for case in cases
    )
