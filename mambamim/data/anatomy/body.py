"""Composes a body: trunk, chest, skeleton, organs, and a bend of the whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import map_coordinates

from mambamim.data.anatomy.canvas import Canvas
from mambamim.data.anatomy.organs import Organs
from mambamim.data.anatomy.skeleton import draw_skeleton
from mambamim.data.anatomy.trunk import Build, draw_chest, draw_trunk


def draw_body(
    seed: int, shape: tuple[int, int, int] = (240, 200, 240), mm: Sequence[float] = (1.5, 1.5, 1.5)
) -> np.ndarray:
    """A random adult lying on the back, from the heart to the small pelvis.

    Args:
        seed: the same gives the same body.
        shape: voxels along the patient's right, front and up.
        mm: their sizes; the middle of the grid lies in front of the second lumbar vertebra.

    Returns:
        Tissue map (values of `Tissue`), (D, H, W) uint8, RAS-oriented.
    """
    rng = np.random.default_rng([seed, 20])
    canvas = Canvas(shape, mm, rng)
    build = Build.draw(rng)
    depth = draw_trunk(canvas, build)
    dome = draw_chest(canvas, build)
    draw_skeleton(canvas, build, depth)
    Organs(canvas, build, dome).draw()
    return _bend(canvas)


def _bend(canvas: Canvas) -> np.ndarray:
    """Moves every place by a smooth random field of a few mm, so that no line stays straight."""
    places = []
    for axis, size in enumerate(canvas.tissues.shape):
        shift = canvas.random_between_knots(55.0, 3.2 / canvas.mm[axis])
        line = np.arange(size, dtype=np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        places.append(shift + line)
    # What a bend brings in from beyond the scan is more of the body, not air.
    return map_coordinates(canvas.tissues, places, order=0, mode="nearest")
