"""What lies where a label map is silent: muscle and fat, skin, and around it couch and arms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mambamim.data.synthetic.noise_bank import NoiseBank
from mambamim.data.synthetic.palette import Palette
from mambamim.data.tissues import Tissue

AIR_HU = -1000.0


@dataclass(frozen=True)
class Depths:
    """Distances of a crop's voxels, (D, H, W) mm, negative inside.

    Attributes:
        belly: to the hull of organs and bones.
        trunk: to the hull of all that is labelled.
        bone: to bone.
    """

    belly: Tensor
    trunk: Tensor
    bone: Tensor


@dataclass(frozen=True)
class Around:
    """What lies beside a body.

    Attributes:
        arms: chance of arms at the body's sides.
        couch: chance of a couch below it.
        shell_mm: between which the thickness of its shells lies.
        shell_hu: and what they show.
    """

    arms: float
    couch: float
    shell_mm: tuple[float, float]
    shell_hu: tuple[float, float]


ANY = Around(arms=0.3, couch=0.75, shell_mm=(1.8, 4), shell_hu=(-400, 150))


def draw_fat_mm(rng: np.random.Generator) -> float:
    """Thickness of the fat under the skin: 16 mm in the middle, up to 50."""
    return float(min(50.0, np.exp(rng.normal(np.log(16), 0.6))))


def paint_silent(
    depths: Depths, palette: Palette, fat_mm: float, bank: NoiseBank, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Tissue that no label map draws.

    Returns:
        (D, H, W) HU, and where the body ends, bool.
    """
    size = depths.belly.shape

    def field(length: float) -> Tensor:
        return bank.smooth(length, size, rng)

    n = field(rng.uniform(9, 16))
    wide = field(45)
    fat, muscle = palette.fat, palette.muscle
    skin_at = fat_mm * (1 + 0.2 * field(90)) + 2
    wall = rng.uniform(5, 16) * (1 + 0.3 * field(60))
    on_bone = rng.uniform(3, 14) * (1 + 0.4 * field(40))
    is_muscle = (depths.belly >= 0) & (depths.belly < wall)
    is_muscle |= (depths.bone < on_bone) & (depths.trunk < 3)
    is_muscle |= (depths.belly >= -2) & (depths.trunk < 0) & (field(35) > rng.uniform(-1, 1))
    strands = torch.sigmoid((n + 0.5 * wide + rng.normal(-0.9, 0.6)) * 4)
    strands = strands * ((rng.uniform(20, 60) - fat) * rng.uniform(0.2, 0.9))
    planes = torch.sigmoid((n + rng.uniform(0.8, 2.2)) * 4) * (muscle - fat)
    hu = torch.where(is_muscle, planes, strands) + fat
    if rng.random() < 0.1:  # ascites
        hu = torch.where((depths.belly < -3) & ~is_muscle, rng.uniform(3, 25), hu)
    if rng.random() < 0.7:  # vessels of the mesentery
        tubes = field(26) ** 2 + field(26) ** 2 < rng.uniform(0.06, 0.16) ** 2
        hu = torch.where(tubes & (depths.trunk < 0), float(palette.hu[Tissue.VESSEL_VEIN]), hu)
    under_skin = (depths.trunk > 1) & (depths.belly > wall) & (depths.bone > 0.5 * on_bone)
    hu = torch.where(under_skin, fat + 7 * n, hu)
    hu = torch.where(depths.trunk > skin_at - 2.2, rng.uniform(-30, 40), hu)
    return hu, depths.trunk < skin_at


def paint_outside(
    shape: tuple[int, ...],
    offsets: list[Tensor],
    back_mm: float,
    palette: Palette,
    rng: np.random.Generator,
    around: Around = ANY,
) -> Tensor:
    """Air, sometimes with the couch and the arms in it, (D, H, W) HU.

    Args:
        shape: of the crop.
        offsets: mm along right, front and up from the body's axis, each broadcast to the crop.
        back_mm: where the back is, along front.
        palette: of the person.
        rng: of all that is drawn.
        around: how often there are couch and arms.
    """
    right, front, up = offsets
    hu = torch.full(shape, AIR_HU, device=right.device)
    if rng.random() < around.arms:
        for side in (-1, 1):
            across, along = side * rng.uniform(175, 235), rng.uniform(-60, 40)
            lean = rng.uniform(-0.15, 0.15)
            radii = rng.uniform(28, 46, 2)
            away = (((right - across - lean * up) / radii[0]) ** 2).add(
                ((front - along) / radii[1]) ** 2
            )
            arm = torch.where(away < rng.uniform(0.4, 0.8), palette.muscle, palette.fat)
            arm = torch.where(away < 0.08, rng.uniform(200, 600), arm)
            hu = torch.where(away < 1, arm, hu)
    if rng.random() < around.couch:
        below = back_mm + right**2 * rng.uniform(2e-4, 1.2e-3) - rng.uniform(2, 14) - front
        thick = rng.uniform(*around.shell_mm)
        foam = rng.uniform(15, 60)
        couch = ((below > 0) & (below < thick)) | ((below > foam) & (below < foam + thick))
        free = hu < -900
        hu = torch.where(free & (below > thick) & (below < foam), rng.uniform(-990, -900), hu)
        hu = torch.where(free & couch, rng.uniform(*around.shell_hu), hu)
    return hu
