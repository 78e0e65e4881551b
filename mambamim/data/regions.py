"""Regions that overlap, such as a tumour with its core in it, and the plain label map they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mambamim.data.class_sets import UNKNOWN
from mambamim.errors import BadInputError


@dataclass(frozen=True)
class Region:
    """One region.

    Attributes:
        name: of the region.
        values: label values that make it up, 1 to 254.
        painted: one of these, which the region has in a label map.
    """

    name: str
    values: tuple[int, ...]
    painted: int


@dataclass(frozen=True)
class Regions:
    """Regions in the order in which they are painted, later ones over earlier (as nnU-Net does).

    Attributes:
        members: the regions.

    Raises:
        BadInputError: a name or value twice or out of range, or a label map that would be another
            one after its regions have been painted.
    """

    members: tuple[Region, ...]

    def __post_init__(self) -> None:
        for what in ("name", "painted"):
            given = [getattr(region, what) for region in self.members]
            twice = [one for one in given if given.count(one) > 1]
            if twice or not given:
                raise BadInputError(
                    f"Two regions are {twice[0]}." if twice else "There is no region.",
                    "Each needs its own name and its own value to be painted with.",
                )
        for region in self.members:
            if not region.values or not all(0 < value < UNKNOWN for value in region.values):
                raise BadInputError(
                    f"The region {region.name} has the values {list(region.values)}.",
                    f"Values are whole numbers from 1 to {UNKNOWN - 1}.",
                )
        self._check_painting()

    @property
    def values(self) -> tuple[int, ...]:
        """All label values of the regions, rising."""
        return tuple(sorted({value for region in self.members for value in region.values}))

    @property
    def labels(self) -> dict[int, str]:
        """Value in a painted label map -> what has it; "(rest)" where others are painted over."""
        return {
            region.painted: region.name
            + (" (rest)" if self._covers(place) else "")
            for place, region in enumerate(self.members)
        }  # fmt: skip

    @property
    def unions(self) -> dict[int, tuple[int, ...]]:
        """Value that a region is painted with -> all values that make it up."""
        return {region.painted: region.values for region in self.members}

    def table(self) -> np.ndarray:
        """(256, regions) bool: which regions a voxel with each value is in."""
        inside = np.zeros((UNKNOWN + 1, len(self.members)), bool)
        for place, region in enumerate(self.members):
            inside[list(region.values), place] = True
        return inside

    def masks(self, labels: np.ndarray) -> np.ndarray:
        """A label map of values up to 255 -> (regions, D, H, W) bool."""
        return np.moveaxis(self.table()[labels], -1, 0)

    def paint(self, masks: np.ndarray) -> np.ndarray:
        """Masks (regions, ...) of what lies in each region -> label values (...), uint8."""
        labels = np.zeros(masks.shape[1:], np.uint8)
        self.paint_onto(labels, masks)
        return labels

    def paint_onto(self, labels: Any, masks: Any) -> None:
        """The same into zeros (...); both arrays of numpy, or tensors of torch on one device."""
        for mask, region in zip(masks, self.members, strict=True):
            labels[mask] = region.painted

    def _covers(self, place: int) -> bool:
        """Whether a later region takes voxels of this one."""
        own = set(self.members[place].values)
        return any(own & set(later.values) for later in self.members[place + 1 :])

    def _check_painting(self) -> None:
        table = self.table()
        painted = self.paint(table.T)
        for value in self.values:
            if not np.array_equal(table[painted[value]], table[value]):
                raise BadInputError(
                    f"Painted in this order, the label value {value} becomes {painted[value]},"
                    " which is in other regions.",
                    "Name larger regions first, and paint each with a value that it has and later"
                    ' ones do not: "regions_class_order".',
                )
