"""The cases of a public data set, split as the paper's experiments have them."""

from __future__ import annotations

from pathlib import Path

from mambamim.data.presets import PRESETS, DatasetPreset, PresetCase
from mambamim.data.scan_lists import ScanSource
from mambamim.errors import BadInputError
from mambamim.finetuning.label_scheme import LabelScheme, scheme_of

Parts = tuple[tuple[ScanSource, ...], tuple[ScanSource, ...]]


def published_parts(name: str, folder: Path) -> Parts:
    """Cases to learn from and cases to choose by; those for the test are in neither.

    Args:
        name: key in `PRESETS`.
        folder: the data set as it is published.

    Raises:
        BadInputError: the folder is not that data set, or its cases have several channels.
    """
    preset = PRESETS[name]
    if len(preset.channels) > 1:
        raise BadInputError(
            f"{preset.title} has {len(preset.channels)} channels a case ("
            f"{', '.join(preset.channels)}); training on more than one is not built yet.",
            "Take another data set.",
        )
    split = preset.split(preset.find_cases(folder))
    return _sources(split["train"], preset), _sources(split["validation"], preset)


def published_scheme(name: str) -> LabelScheme:
    """What the label values of a public data set are, as classes that exclude each other."""
    return scheme_of(PRESETS[name].labels, PRESETS[name].title)


def _sources(cases: list[PresetCase], preset: DatasetPreset) -> tuple[ScanSource, ...]:
    return tuple(ScanSource(case.images[0], case.label, preset.modality) for case in cases)
