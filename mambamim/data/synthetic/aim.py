"""Where crops are centred: small organs, the pelvis and scan ends as often as the large organs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# How often a crop is centred near each class of `ABDOMEN_LABELS`.
_WEIGHTS = {
    1: 2.0,  # spleen
    2: 3.0,  # right kidney
    3: 3.0,  # left kidney
    4: 3.0,  # gallbladder
    5: 1.5,  # oesophagus
    6: 2.0,  # liver
    7: 3.0,  # stomach
    8: 1.5,  # aorta
    9: 2.0,  # inferior vena cava
    10: 2.0,  # portal and splenic vein
    11: 5.0,  # pancreas
    12: 2.5,  # right adrenal
    13: 2.5,  # left adrenal
    14: 4.0,  # duodenum
    15: 4.0,  # small bowel
    16: 3.0,  # colon
    17: 4.0,  # bladder
    18: 1.0,  # lungs
    19: 0.5,  # heart
    20: 1.0,  # vertebrae
}
_NEAR = 0.75  # of the crops are centred near a class, the others anywhere along the body
_BEYOND = 8.0  # mm by which a crop may reach out of the map
_COARSE_JITTER = (24.0, 20.0)  # mm from the body's axis: such a crop holds most of its width
_JITTER = (50.0, 38.0)


def draw_centre(
    rng: np.random.Generator,
    points: dict[int, np.ndarray],
    axis_mm: np.ndarray,
    extent_mm: np.ndarray,
    sides_mm: Sequence[float],
) -> np.ndarray:
    """A crop's centre in the body, (3,) mm.

    Args:
        rng: of all that is drawn.
        points: class -> random places in it, mm.
        axis_mm: (3,), the body's middle.
        extent_mm: of the map.
        sides_mm: of the crop.
    """
    wide = sides_mm[0] > 0.75 * extent_mm[0]
    known = [value for value in sorted(points) if value in _WEIGHTS]
    if known and rng.random() < _NEAR:
        weights = np.array([_WEIGHTS[value] for value in known])
        of_it = points[known[rng.choice(len(known), p=weights / weights.sum())]]
        centre = of_it[rng.integers(len(of_it))] + rng.normal(0, 18, 3)
    else:
        centre = np.array([0, 0, rng.uniform(0, extent_mm[2])])
        centre[:2] = axis_mm[:2] + rng.normal(0, 1, 2) * _JITTER
    if wide:
        centre[:2] = axis_mm[:2] + rng.normal(0, 1, 2) * _COARSE_JITTER
    # Windows over a scan lie within it, too, wherever it is longer than they are.
    reach = np.minimum(np.array(sides_mm) / 2 - _BEYOND, np.asarray(extent_mm) / 2)
    return np.clip(centre, reach, extent_mm - reach)
