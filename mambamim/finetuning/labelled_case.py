"""A prepared case whose labels are the classes that are learnt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mambamim.data.prepared_case import Box, PreparedCase
from mambamim.data.regions import Regions


@dataclass(frozen=True)
class LabelledCase:
    """Stands where a `PreparedCase` would; only what its labels mean is another thing.

    Attributes:
        case: the prepared scan with the label map as it came.
        table: (256,) uint8, value there -> value here.
        classes: that are learnt, background included; values from there on leave a class open.
        regions: where these are learnt instead; class 1 is then the first region, and so on.
    """

    case: PreparedCase
    table: np.ndarray
    classes: int
    regions: Regions | None = None

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

    @cached_property
    def labels(self) -> dict[int, int]:
        """Class above 0 -> voxels of it."""
        stored = self.case.labels or {}
        counts = {c: sum(stored[v] for v in self._shown_by(c)) for c in range(1, self.classes)}
        return {c: count for c, count in counts.items() if count}

    def image(self, box: Box) -> np.ndarray:
        """As of the prepared case."""
        return self.case.image(box)

    def label(self, box: Box) -> np.ndarray:
        """The labels in a box, uint8, as `ClassSets` or `Regions` have them."""
        return self.table.take(self.case.label(box))

    def label_places(self, value: int) -> np.ndarray:
        """Voxels (n, 3) of a class of `labels`, uint16."""
        return np.concatenate([self.case.label_places(v) for v in self._shown_by(value)])

    def _shown_by(self, value: int) -> list[int]:
        """The values of the label map as it came that are of a class."""
        own = (value,) if self.regions is None else self.regions.members[value - 1].values
        return [v for v in self.case.labels or {} if self.table[v] in own]
