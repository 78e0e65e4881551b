"""A public data set: its classes, its files, its division, and how its volumes are prepared."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mambamim.data.presets.case import PresetCase
from mambamim.data.presets.layout import Layout
from mambamim.data.presets.split_rule import SplitRule
from mambamim.errors import BadInputError

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class DatasetPreset:
    """What one must know to train on a public data set as the paper does.

    Attributes:
        name: key in `PRESETS`.
        title: for people.
        modality: "CT" or "MR".
        classes: value 1, 2, ... -> class name, as in `mambamim.catalogue.terminology` where the
            class is known there.
        label_map: value in the files above 0 -> class value; 0 where that label is not learnt.
        layout: how its files lie.
        split_rule: who is trained, validated and tested on.
        spacing_mm: voxel size to resample to, along right, anterior and superior.
        window: intensities that become 0 and 1; None: those of each channel's own percentiles, as
            `IntensityRule` has them for MR.
        channels: what the images of a case are, in order.
        regions: name -> class values that make it up. Regions overlap, larger ones come first.
        exclusive: True: classes are learnt, each voxel has one. False: regions are.
        case_count: labelled cases that are published.
        licence: of images and labels.
        citation: who made it.
    """

    name: str
    title: str
    modality: str
    classes: dict[int, str]
    label_map: dict[int, int]
    layout: Layout
    split_rule: SplitRule
    case_count: int
    licence: str
    citation: str
    spacing_mm: tuple[float, float, float] = (1.5, 1.5, 2.0)
    window: tuple[float, float] | None = (-175.0, 250.0)
    channels: tuple[str, ...] = ("ct",)
    regions: dict[str, tuple[int, ...]] = field(default_factory=dict)
    exclusive: bool = True

    @property
    def sides(self) -> tuple[tuple[int, int], ...]:
        """(right, left) class values that change places when a volume is mirrored."""
        values = {name: value for value, name in self.classes.items()}
        pairs = [(name, name.removesuffix("_right") + "_left") for name in values]
        return tuple(
            (values[one], values[other])
            for one, other in pairs
            if one.endswith("_right") and other in values
        )

    @property
    def labels(self) -> dict[str, Any]:
        """What the label map's values are, in the form of a `dataset.json` for fine-tuning."""
        names = {0: "background", **self.classes}
        return {"labels": {str(file): names[value] for file, value in self.label_map.items()}}

    @property
    def region_labels(self) -> dict[str, Any]:
        """The regions in the form of nnU-Net's `dataset.json`, by the values in the files.

        Raises:
            BadInputError: the data set has no regions.
        """
        self._check_regions()
        in_files = {value: file for file, value in self.label_map.items() if value}
        labels: dict[str, Any] = {"background": 0}
        order, later = [], list(self.regions.values())
        for name, members in self.regions.items():
            later = later[1:]
            own = [value for value in members if not any(value in other for other in later)]
            labels[name] = [in_files[value] for value in members]
            order.append(in_files[own[0]])  # what later regions are not painted over
        return {"labels": labels, "regions_class_order": order}

    def find_cases(self, folder: str | Path) -> list[PresetCase]:
        """The labelled cases in a folder that holds the data set as it is published.

        Raises:
            BadInputError: the folder is not there, is not this data set (says what was expected),
                or lacks files.
        """
        cases = self.layout.cases(Path(folder), self.title)
        if len(cases) != self.case_count:
            _LOG.warning(
                "%s is published with %d labelled cases, here are %d.",
                self.title,
                self.case_count,
                len(cases),
            )
        return cases

    def split(self, cases: Sequence[PresetCase], fold: int = 0) -> dict[str, list[PresetCase]]:
        """ "train", "validation" and "test" -> cases, see `SplitRule.apply`."""
        return self.split_rule.apply(cases, fold)

    def to_classes(self, label: np.ndarray) -> np.ndarray:
        """Values of a label map of the data set -> class values, uint8, of the same shape.

        Raises:
            BadInputError: it holds a value that the data set does not have.
        """
        values, places = np.unique(label, return_inverse=True)
        known = {0: 0, **self.label_map}
        strange = [value for value in values.tolist() if value not in known]
        if strange:
            raise BadInputError(
                f"A label map of {self.title} holds the value {strange[0]:g}.",
                f"It may hold 0, {', '.join(map(str, self.label_map))}.",
            )
        table = np.array([known[value] for value in values.tolist()], np.uint8)
        return table[places].reshape(label.shape)

    def to_regions(self, classes: np.ndarray) -> np.ndarray:
        """Class values (D, H, W) -> (regions, D, H, W) bool, in the order of `regions`.

        Raises:
            BadInputError: the data set has no regions.
        """
        self._check_regions()
        return np.stack([np.isin(classes, members) for members in self.regions.values()])

    def _check_regions(self) -> None:
        if not self.regions:
            raise BadInputError(f"{self.title} has no overlapping regions.", "Take its classes.")
