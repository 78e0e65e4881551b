"""Composes a body: trunk, chest, skeleton, organs, and a bend of the whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import map_coordinates, zoom

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
    draw_trunk(canvas, build)
    dome = draw_chest(canvas, build)
    draw_skeleton(canvas, build)
    Organs(canvas, build, dome).draw()
    return _bend(canvas)


def _bend(canvas: Canvas) -> np.ndarray:
    """Moves every place by a smooth random field of a few mm, so that no line stays straight."""
    shape = canvas.tissues.shape
    knots = [int(n * s / 55) + 3 for n, s in zip(shape, canvas.mm, strict=True)]
    factors = [n / k for n, k in zip(shape, knots, strict=True)]
    places = []
    for axis, size in enumerate(shape):
        coarse = canvas.rng.normal(0, 3.2 / canvas.mm[axis], knots).astype(np.float32)
        shift = zoom(coarse, factors, order=1, grid_mode=True, mode="nearest")
        line = np.arange(size, dtype=np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        places.append(shift + line)
    return map_coordinates(canvas.tissues, places, order=0, mode="constant", cval=0)
