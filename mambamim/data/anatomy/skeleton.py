"""Bones and the muscles along them."""

from __future__ import annotations

import numpy as np

from mambamim.data.anatomy.canvas import Canvas
from mambamim.data.anatomy.trunk import SKIN_MM, Build
from mambamim.data.tissues import Tissue

SPINE_Y = -56.0  # middle of the vertebral bodies
_COVER_MM = SKIN_MM + 4.0  # skin and fat over every bone
_SOFT = (Tissue.VISCERAL_FAT, Tissue.MUSCLE, Tissue.SUBCUTANEOUS_FAT)
_CHEST = (*_SOFT, Tissue.LUNGS)


def draw_skeleton(canvas: Canvas, build: Build, depth: np.ndarray) -> None:
    """Back muscles, psoas, spine, ribs, sternum, pelvis; `depth` under the skin in mm, (D, H, W).

    In slender people ribs and iliac wings reach further out than the trunk: what lies over bones
    stays as it was.
    """
    _muscles(canvas)
    cover = (depth > 0) & (depth < _COVER_MM)
    before = canvas.tissues[cover]
    lordosis = canvas.rng.uniform(4, 12)
    heights = _spine(canvas, lordosis)
    _ribs(canvas, build, heights)
    _pelvis(canvas)
    canvas.tissues[cover] = before


def spine_y(z: float, lordosis: float) -> float:
    """The vertebral bodies' middle at height z: hollow back in the loins."""
    return SPINE_Y + lordosis * np.exp(-(((z + 30) / 70) ** 2)) - 4


def _muscles(canvas: Canvas) -> None:
    wide = canvas.rng.uniform(0.85, 1.15)
    for side in (-1, 1):
        back = [(side * 30, -92, z) for z in (-130, -60, 20, 190)]
        sizes = [14, 20, 19, 14]
        canvas.tube(Tissue.MUSCLE, back, [r * wide for r in sizes], _SOFT, (1.45, 0.95, 1))
        canvas.tube(
            Tissue.MUSCLE,
            [(side * 70, -72, -70), (side * 64, -76, 0), (side * 60, -80, 30)],
            [13 * wide, 14 * wide, 8],
            _SOFT,
        )
        psoas = [(side * 30, -52, 30), (side * 40, -46, -30), (side * 50, -34, -90)]
        psoas += [(side * 68, -8, -140), (side * 82, 25, -185)]
        canvas.tube(
            Tissue.MUSCLE, psoas, [7, 15 * wide, 20 * wide, 19 * wide, 16], _SOFT, (1, 1.1, 1)
        )
        canvas.blob(Tissue.MUSCLE, (side * 75, -88, -155), (52, 34, 62), _SOFT, wobble=0.08)


def _spine(canvas: Canvas, lordosis: float) -> list[tuple[float, float]]:
    """Vertebrae from L5 up; returns (z, y) of each one's middle."""
    size = canvas.rng.uniform(0.93, 1.07)
    middles = []
    z, number = -92.0 + canvas.rng.normal(0, 4), 0
    while z < canvas.axes[2][-1] + 30:
        height = (34.0 if number < 5 else 34.0 - 1.1 * (number - 4)) * size
        width = (25.0 if number < 5 else 24.0 - 0.9 * (number - 4)) * size
        y = spine_y(z, lordosis)
        _vertebra(canvas, (0.0, y, z), width, height, lumbar=number < 5)
        middles.append((z, y))
        z += height
        number += 1
    return middles


def _vertebra(
    canvas: Canvas, middle: tuple[float, float, float], width: float, height: float, lumbar: bool
) -> None:
    _, y, z = middle
    deep = 0.72 * width
    box = canvas.box((-70, y - 75, z - height), (70, y + 30, z + height))
    bx, by, bz = canvas.grid(box)
    waist = 1 - 0.1 * np.cos(np.clip((bz - z) / (height / 2), -1, 1) * np.pi / 2)
    body = (bx / (width * waist)) ** 2 + ((by - y) / (deep * waist)) ** 2 < 1
    gap = 4.2 if lumbar else 2.5
    within = np.abs(bz - z) < height / 2 - gap
    canvas.put(box, body & (np.abs(bz - z) <= height / 2), Tissue.DISC, _CHEST)
    canvas.put(box, body & within, Tissue.VERTEBRAE, (*_CHEST, Tissue.DISC))
    canal_y = y - deep - 8
    canal = (bx / 11.5) ** 2 + ((by - canal_y) / 9) ** 2
    arch = (canal < 2.5) & (by < y - deep * 0.7) & (np.abs(bz - z) < height * 0.36)
    bone = (*_CHEST, Tissue.DISC)
    canvas.put(box, arch, Tissue.VERTEBRAE, bone)
    spinous = (np.abs(bx) < 3.6) & (by < canal_y - 8) & (by > canal_y - 31)
    spinous = spinous & (np.abs(bz - z + 7 + 0.25 * (canal_y - by)) < 8)
    canvas.put(box, spinous, Tissue.VERTEBRAE, bone)
    reach = 44 if lumbar else 32
    for side in (-1, 1):
        points = [(side * 12, canal_y + 2, z + 2), (side * reach, canal_y - 4, z + 4)]
        canvas.tube(Tissue.VERTEBRAE, points, [6, 4.2], bone)
    inside = (canal < 1) & (np.abs(bz - z) <= height / 2)
    canvas.put(box, inside, Tissue.SPINAL_CANAL, (*bone, Tissue.VERTEBRAE))


def _ribs(canvas: Canvas, build: Build, heights: list[tuple[float, float]]) -> None:
    """One pair per thoracic vertebra; the lowest ones end free, the others reach the sternum."""
    depth = build.fat + 7
    for number, (z, _) in enumerate(heights[5:]):
        reach = min(2.75, 1.05 + 0.5 * number)  # radians from the spine
        angle = np.linspace(0.25, reach, 14)
        fall = 16 + 8 * min(number, 5)
        for side in (-1, 1):
            x = side * (build.width * 1.01 - depth) * np.sin(angle) ** 0.85
            ahead, behind = build.front - depth - 2, build.back - depth - 8
            y = np.where(angle < np.pi / 2, -behind * np.cos(angle), -ahead * np.cos(angle))
            zs = z + 6 - fall * (angle - 0.25)
            bony = angle < 2.15
            path = np.stack([x, y, zs], 1)
            over = (*_SOFT, Tissue.LUNGS)
            canvas.tube(Tissue.BONE, path[bony], [5.2] * bony.sum(), over, (0.75, 0.75, 1.15))
            if (~bony).sum() > 1:
                rest = path[np.flatnonzero(~bony)[0] - 1 :]
                canvas.tube(Tissue.CARTILAGE, rest, [5.2] * len(rest), over, (0.8, 0.8, 1))
    top = (0, build.front - depth - 4, 175)
    canvas.blob(Tissue.BONE, top, (20, 6, 45), _CHEST, wobble=0.05)


def _pelvis(canvas: Canvas) -> None:
    canvas.blob(Tissue.BONE, (0, -80, -140), (46, 17, 46), _SOFT, (-22, 0, 0), 0.06)
    for side in (-1, 1):
        low, high = sorted((side * 38, side * 140))
        box = canvas.box((low, -115, -200), (high, 70, -52))
        wing = canvas.ellipsoid(box, (side * 62, -28, -118), (52, 82, 68), (0, 0, side * 12))
        x, y, z = canvas.grid(box)
        thick = 0.13 + 0.09 * np.clip((-115 - z) / 50, 0, 1)
        outer = (np.abs(wing - 1) < thick) & ((np.abs(x) > 76) | (y < -58)) & (y < 34)
        canvas.put(box, outer & (z < -58 + 0.12 * y), Tissue.BONE, _SOFT)
        canvas.tube(Tissue.BONE, [(side * 42, -82, -105), (side * 66, -78, -100)], [16, 11], _SOFT)
        canvas.blob(Tissue.BONE, (side * 92, 4, -184), (26, 26, 26), _SOFT, wobble=0.03)
