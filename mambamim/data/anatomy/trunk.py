"""The trunk: skin, fat, muscle wall, the cavity, diaphragm and lungs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from mambamim.data.anatomy.canvas import Canvas, stretch
from mambamim.data.tissues import Tissue

SKIN_MM = 2.2


@dataclass(frozen=True)
class Build:
    """A person's measures, mm.

    Attributes:
        width: half width of the trunk.
        front: from the origin to the belly's skin.
        back: from the origin to the back's skin.
        fat: thickness of subcutaneous fat at the side.
        wall: thickness of the muscle wall.
        dome: height of the right diaphragm's dome.
    """

    width: float
    front: float
    back: float
    fat: float
    wall: float
    dome: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Build:
        """A random adult."""
        fat = float(np.clip(np.exp(rng.normal(np.log(15), 0.45)), 6, 34))
        width = float(rng.normal(142, 7) + 0.55 * fat)
        return cls(
            width=min(width, 172.0),
            front=float(rng.normal(92, 7) + 0.7 * fat),
            back=float(rng.normal(112, 4) + 0.45 * fat),
            fat=fat,
            wall=float(rng.uniform(8, 15)),
            dome=float(rng.normal(98, 8)),
        )


def draw_trunk(canvas: Canvas, build: Build) -> np.ndarray:
    """Draws skin to cavity; returns the depth under the skin in mm, (D, H, W)."""
    body = _outline(canvas, build)
    depth = _depth(body, canvas.mm)
    x, y, _ = canvas.grid((slice(None), slice(None), slice(None)))
    # Fat is thinner at the back and over the ribs' sides than at the belly.
    front = np.clip(y / build.front, -1, 1)
    fat = build.fat * (1 + 0.3 * front) * (1 + 0.12 * np.clip(canvas.noise, -2, 2)) + SKIN_MM
    wall = build.wall * (1 + 0.5 * np.clip(-front, 0, 1)) * (1 - 0.35 * (np.abs(x) < 18))
    tissues = canvas.tissues
    tissues[body] = Tissue.SKIN
    tissues[depth > SKIN_MM] = Tissue.SUBCUTANEOUS_FAT
    tissues[depth > fat] = Tissue.MUSCLE
    tissues[depth > fat + wall] = Tissue.VISCERAL_FAT
    return depth


def _outline(canvas: Canvas, build: Build) -> np.ndarray:
    """Inside of the skin: rounded slices, wider at chest and hips than at the waist."""
    x, y, z = canvas.grid((slice(None), slice(None), slice(None)))
    levels = [-200, -140, -90, -10, 60, 130, 200]
    side = np.interp(z, levels, [1.1, 1.1, 1.04, 0.96, 1.0, 1.05, 1.06]) * build.width
    ahead = np.interp(z, levels, [0.9, 0.96, 1.0, 1.0, 0.98, 1.0, 1.0]) * build.front
    behind = np.interp(z, levels, [1.08, 1.08, 0.98, 0.95, 1.0, 1.05, 1.06]) * build.back
    bend = 1 + 0.018 * np.clip(canvas.smooth_field(90), -2, 2)
    height = np.where(y > 0, np.abs(y) / ahead, np.abs(y) / behind)
    # Flatter than an ellipse at the back, a shallow furrow over the spine.
    furrow = np.where(y < 0, 0.06 * np.exp(-((x / 22) ** 2)), 0.0)
    power = np.where(y > 0, 2.25, 2.9)
    return (np.abs(x) / side) ** 2.3 + (height + furrow) ** power < bend


def _depth(body: np.ndarray, mm: np.ndarray) -> np.ndarray:
    """Distance from the skin inside of the body, mm; computed coarsely, it is smooth."""
    steps = [max(1, round(4.0 / s)) for s in mm]
    coarse = body[:: steps[0], :: steps[1], :: steps[2]]
    # The scan's first and last planes are no skin: distances are taken slice by slice there too.
    padded = np.pad(coarse, ((1, 1), (1, 1), (0, 0)))
    sampling = [s * m for s, m in zip(steps, mm, strict=True)]
    deep = np.empty(padded.shape, np.float32)
    for k in range(padded.shape[2]):
        deep[:, :, k] = distance_transform_edt(padded[:, :, k], sampling=sampling[:2])
    fine = stretch(deep[1:-1, 1:-1], body.shape)
    return np.where(body, np.maximum(fine, 0.1), 0).astype(np.float32)


def draw_chest(canvas: Canvas, build: Build) -> np.ndarray:
    """Draws diaphragm and lungs; returns the dome's height over each column in mm, (D, H, 1)."""
    x, y, z = canvas.grid((slice(None), slice(None), slice(None)))
    dome = diaphragm(x, y, build)
    cavity = canvas.tissues == Tissue.VISCERAL_FAT
    above = cavity & (z > dome)
    # Between the lungs: spine behind, heart and great vessels in the middle.
    middle = ((x + 6) / 30) ** 2 + ((y + 8) / 62) ** 2 < 1
    spine = (x / 38) ** 2 + ((y + 62) / 34) ** 2 < 1
    lungs = above & ~middle & ~spine & (z > dome + 2.5)
    canvas.tissues[above & (z <= dome + 2.5)] = Tissue.MUSCLE
    canvas.tissues[lungs] = Tissue.LUNGS
    return dome


def diaphragm(x: np.ndarray, y: np.ndarray, build: Build) -> np.ndarray:
    """Height of the diaphragm in mm at (x, y): two domes that fall to the chest wall."""
    right = build.dome - 62 * (((x - 62) / 82) ** 2 + ((y - 12) / 88) ** 2)
    left = build.dome - 11 - 62 * (((x + 60) / 80) ** 2 + ((y - 8) / 88) ** 2)
    middle = build.dome - 22 - 0.003 * x**2 - 35 * ((y - 15) / 88) ** 2
    return np.maximum(np.maximum(right, left), middle)
