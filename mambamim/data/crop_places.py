"""Where crops may have their centres: drawn once a scan, so that sampling reads no volume."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

BODY = "body"  # the name of the tissue's places; those of label 3 are called "3"
_TISSUE = 0.1  # of 0..1; of a CT that is -132 HU: fat is above, air and lung are below
_BODY_PLACES = 4096
_LABEL_PLACES = 1024
_SEED = 0


def draw_places(image: np.ndarray, label: np.ndarray | None) -> dict[str, np.ndarray]:
    """Random voxels of the tissue and of every label.

    Args:
        image: (D, H, W), 0..1.
        label: (D, H, W) unsigned integers, or None.

    Returns:
        "body" -> voxels (n, 3) uint16 where the image is no air, n up to 4096, and for every value
        of the labels above 0 its digits -> voxels with that label, n up to 1024. One scan always
        gives the same.
    """
    rng = np.random.default_rng(_SEED)
    places = {BODY: _draw(image > _TISSUE, _BODY_PLACES, rng)}
    if label is not None:
        for number, box in enumerate(ndimage.find_objects(label), start=1):
            if box is not None:
                corner = np.array([side.start for side in box], np.uint16)
                places[str(number)] = corner + _draw(label[box] == number, _LABEL_PLACES, rng)
    return places


def _draw(mask: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    inside = np.flatnonzero(mask)
    if inside.size > most:
        inside = inside[rng.choice(inside.size, most, replace=False)]
    return np.stack(np.unravel_index(inside, mask.shape), 1).astype(np.uint16)
