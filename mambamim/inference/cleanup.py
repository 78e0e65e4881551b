"""Tidying a label map: one piece for an organ that is one piece."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mambamim.data.regions import Regions

# These are several pieces in a healthy body, or look so in a scan that cuts them.
IN_PIECES = frozenset({"lungs", "vertebrae", "small_bowel", "colon"})


def keep_largest_components(labels: np.ndarray, names: dict[int, str]) -> np.ndarray:
    """A copy without all but the largest 26-connected piece of each organ not `IN_PIECES`."""
    cleaned = labels.copy()
    neighbours = np.ones((3, 3, 3), bool)
    for value, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None or names.get(value) in IN_PIECES:
            continue
        parts, count = ndimage.label(labels[box] == value, structure=neighbours)
        if count > 1:
            sizes = np.bincount(parts.ravel())
            largest = 1 + int(np.argmax(sizes[1:]))
            cleaned[box][(parts > 0) & (parts != largest)] = 0
    return cleaned


def keep_largest_regions(labels: np.ndarray, regions: Regions) -> np.ndarray:
    """The same of regions that overlap, each taken whole: its rest is in pieces by nature."""
    masks = [
        keep_largest_components(mask.astype(np.uint8), {1: region.name}) > 0
        for mask, region in zip(regions.masks(labels), regions.members, strict=True)
    ]
    return regions.paint(np.stack(masks))
