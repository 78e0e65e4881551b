"""A small picture of a case: its labels over the slice that shows most of them."""

from __future__ import annotations

import numpy as np

from mambamim.catalogue.terminology import term
from mambamim.data.orientation import to_ras

SIDE = 160  # pixels of the longer side
_CT_WINDOW = (-160.0, 240.0)  # HU, soft tissue
_MR_SHARES = (1.0, 99.0)  # percentiles of the slice
_OPACITY = 0.45
_AXIAL = 2


def draw_thumbnail(
    image: np.ndarray, labels: np.ndarray, affine: np.ndarray, names: dict[int, str], modality: str
) -> np.ndarray:
    """Draw an axial slice as a radiologist sees it: the patient's right is at the left.

    Args:
        image: (I, J, K).
        labels: (I, J, K), values of `names`, 0 for none.
        affine: (4, 4), voxel to RAS mm.
        names: value -> class, which decides on the colour.
        modality: "CT" or "MR".

    Returns:
        (rows, columns, 3) uint8.
    """
    turned, affine_ras = to_ras(image, affine)
    organs, _ = to_ras(labels, affine)
    index = _fullest(organs)
    # R and A, where the axes end, are at the left and the top: both are turned round.
    grey, organ = (part[::-1, ::-1, index].T for part in (turned, organs))
    across, down = np.linalg.norm(affine_ras[:3, :2], axis=0).tolist()
    pixel = max(grey.shape[1] * across, grey.shape[0] * down) / SIDE
    rows, columns = _places(grey.shape[0], down, pixel), _places(grey.shape[1], across, pixel)
    grey, organ = grey[np.ix_(rows, columns)].astype(np.float32), organ[np.ix_(rows, columns)]
    low, high = _CT_WINDOW if modality == "CT" else np.percentile(grey, _MR_SHARES)
    shade = 255 * np.clip((grey - low) / max(high - low, 1e-6), 0, 1)
    picture = np.repeat(np.nan_to_num(shade)[..., None], 3, axis=2)
    for value in np.unique(organ[organ > 0]).tolist():
        colour = np.array(term(names[value]).colour, np.float32)
        there = organ == value
        picture[there] += _OPACITY * (colour - picture[there])
    return picture.round().astype(np.uint8)


def _fullest(labels: np.ndarray) -> int:
    counts = np.count_nonzero(labels, axis=(0, 1))
    return int(np.argmax(counts)) if counts.any() else labels.shape[_AXIAL] // 2


def _places(size: int, mm: float, pixel: float) -> np.ndarray:
    """The voxel that each pixel along an axis shows."""
    count = max(1, round(size * mm / pixel))
    return np.minimum(((np.arange(count) + 0.5) * pixel / mm).astype(int), size - 1)
