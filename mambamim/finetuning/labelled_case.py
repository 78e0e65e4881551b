"""A prepared case whose labels are the classes that are learnt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mambamim.data.prepared_case import Box, PreparedCase


@dataclass(frozen=True)
class LabelledCase:
    """Stands where a `PreparedCase` would; only what its labels mean is another thing.

    Attributes:
        case: the prepared scan with the label map as it came.
        table: (256,) uint8, value there -> value here.
        classes: of the network, background included; values from there on leave a class open.
    """

    case: PreparedCase
    table: np.ndarray
    classes: int

    @property
    def key(self) -> str:
        """As of the prepared case."""
        return self.case.key

    @property
    def shape(self) -> tuple[int, int, int]:
        """(D, H, W)."""
        return self.case.shape

    @property
    def foreground(self) -> np.ndarray:
        """As of the prepared case."""
        return self.case.foreground

    @property
    def labels(self) -> dict[int, int]:
        """Class above 0 -> voxels of it."""
        counts: dict[int, int] = {}
        for value, count in (self.case.labels or {}).items():
            now = int(self.table[value])
            if 0 < now < self.classes:
                counts[now] = counts.get(now, 0) + count
        return counts

    def image(self, box: Box) -> np.ndarray:
        """As of the prepared case."""
        return self.case.image(box)

    def label(self, box: Box) -> np.ndarray:
        """The labels in a box, uint8, as `ClassSets` has them."""
        return self.table[self.case.label(box)]

    def label_places(self, value: int) -> np.ndarray:
        """Voxels (n, 3) of a class of `labels`, uint16."""
        stored = [v for v in (self.case.labels or {}) if self.table[v] == value]
        return np.concatenate([self.case.label_places(v) for v in stored])
