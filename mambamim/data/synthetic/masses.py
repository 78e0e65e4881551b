"""Balls in a body: lesions in organs, a uterus or a tumour where the anatomy has none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mambamim.data.synthetic.anatomy_bank import Anatomy
from mambamim.data.synthetic.materials import SILENT, Material
from mambamim.data.synthetic.palette import Palette
from mambamim.data.tissues import Tissue

_KIDNEYS = (Tissue.KIDNEY_RIGHT, Tissue.KIDNEY_LEFT)
_GUT = (SILENT, Tissue.SMALL_BOWEL, Tissue.DUODENUM, Tissue.PROSTATE, Material.BOWEL)


@dataclass(frozen=True)
class Ball:
    """An ellipsoid in the body.

    Attributes:
        centre_mm: (3,) in the body's map.
        radii_mm: (3,).
        organs: materials that it lies in; others stay as they are.
        hu: what it shows; masses take that of their material.
    """

    centre_mm: np.ndarray
    radii_mm: np.ndarray
    organs: tuple[int, ...]
    hu: float = 0.0


def within(places: Tensor, extent_mm: np.ndarray, ball: Ball, rough: Tensor | float) -> Tensor:
    """Where a crop shows a ball, (D, H, W) bool.

    Args:
        places: of `spread`.
        extent_mm: of the body's map.
        ball: the ball.
        rough: (D, H, W), by which share its surface stands out.
    """
    half = np.asarray(extent_mm) / 2
    # Channels run S, A, R.
    centre, scale = (ball.centre_mm / half - 1)[::-1], (half / ball.radii_mm)[::-1]
    rows = torch.tensor(np.stack([centre, scale]), dtype=torch.float32)
    rows = rows.to(places.device, non_blocking=True)[:, :, None, None, None]
    away = ((places[0] - rows[0]) * rows[1]).square().sum(0)
    return away < 1 + 2 * rough


def draw_lesions(
    rng: np.random.Generator, anatomy: Anatomy, near: np.ndarray, reach_mm: float, palette: Palette
) -> list[Ball]:
    """Cysts and tumours: a third of the livers, a fifth of the kidneys, some spleens.

    Args:
        rng: of all that is drawn.
        anatomy: the body.
        near: (3,) mm; only lesions within `reach_mm` of it along each axis are worth their time.
        reach_mm: half the crop, with some room.
        palette: of the person.
    """
    balls = []
    for organs, chance, most in (
        ((Tissue.LIVER,), 0.35, 5),
        (_KIDNEYS, 0.2, 2),
        ((Tissue.SPLEEN,), 0.08, 2),
    ):
        if rng.random() > chance:
            continue
        known = [anatomy.points[o] for o in organs if o in anatomy.points]
        for _ in range(rng.integers(1, most + 1) if known else 0):
            points = known[rng.integers(len(known))]
            centre = points[rng.integers(len(points))]
            radius = float(np.exp(rng.uniform(np.log(4), np.log(26))))
            around = float(palette.hu[organs[0]])
            values = (
                rng.uniform(-2, 18),
                around - rng.uniform(8, 55),
                around + rng.uniform(-50, 50),
            )
            hu = values[rng.integers(3)]
            if np.abs(centre - near).max() < reach_mm:
                balls.append(Ball(centre, radius * rng.uniform(0.8, 1.3, 3), organs, hu))
    return balls


def draw_masses(rng: np.random.Generator, anatomy: Anatomy) -> list[Ball]:
    """A uterus behind and above the bladder in half of the pelves, a large tumour in some bodies.

    They take the place of what is silent and of bowel, and are background.
    """
    balls = []
    bladder = anatomy.centre(Tissue.URINARY_BLADDER)
    uterus = rng.random() < 0.5
    if bladder is not None and uterus:
        shift = (rng.uniform(-12, 12), -rng.uniform(14, 34), rng.uniform(0, 26))
        radii = np.array([rng.uniform(18, 38), rng.uniform(14, 28), rng.uniform(20, 40)])
        balls.append(Ball(bladder + np.array(shift), radii, _GUT))
    if rng.random() < 0.1:
        middle = np.mean(list(anatomy.points.values()), (0, 1))
        for _ in range(rng.integers(1, 3)):
            away = rng.normal(0, 1, 3) * (70, 40, 90) + (0, 20, 0)
            radii = np.exp(rng.uniform(np.log(12), np.log(70))) * rng.uniform(0.7, 1.2, 3)
            balls.append(Ball(middle + away, radii, (*_GUT, Tissue.COLON)))
    return balls
