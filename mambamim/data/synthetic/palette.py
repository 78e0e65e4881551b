"""One person's looks as tables by material: what the device looks up instead of asking."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor

from mambamim.data.phases import Phase, draw_phase
from mambamim.data.synthetic.materials import VALUES, Material
from mambamim.data.tissues import HOLLOW, Tissue

NEVER = 1e4
# What a hollow organ holds: shares of collapsed, fluid, contrast, food or stool; share with gas.
CONTENT: dict[Tissue, tuple[tuple[float, float, float, float], float]] = {
    Tissue.STOMACH: ((0.1, 0.4, 0.2, 0.3), 0.6),
    Tissue.DUODENUM: ((0.5, 0.3, 0.15, 0.05), 0.2),
    Tissue.SMALL_BOWEL: ((0.35, 0.4, 0.2, 0.05), 0.25),
    Tissue.COLON: ((0.1, 0.15, 0.15, 0.6), 0.8),
    Tissue.ESOPHAGUS: ((0.7, 0.2, 0.05, 0.05), 0.4),
}
_SOLID = (
    *(Tissue.SPLEEN, Tissue.KIDNEY_RIGHT, Tissue.KIDNEY_LEFT, Tissue.LIVER, Tissue.PANCREAS),
    *(Tissue.ADRENAL_GLAND_RIGHT, Tissue.ADRENAL_GLAND_LEFT, Tissue.PROSTATE, Tissue.HEART),
    *(Material.MASS, Material.GLAND),
)
_BLOOD = (
    *(Tissue.AORTA, Tissue.INFERIOR_VENA_CAVA, Tissue.PORTAL_VEIN_AND_SPLENIC_VEIN),
    *(Tissue.VESSEL_ARTERY, Tissue.VESSEL_VEIN),
)
_VEINS = (Tissue.INFERIOR_VENA_CAVA, Tissue.VESSEL_VEIN)


class Row(IntEnum):
    """What the tables hold, by material."""

    BASE = 0  # HU
    FINE = 1  # HU a deviation of the fine field, and so on
    MIDDLE = 2
    WIDE = 3
    LUMEN = 4  # HU of what a hollow organ holds
    OTHER_LUMEN = 5  # and elsewhere in it
    LUMEN_FINE = 6
    GAS = 7  # mm in front of the crop's centre: above is gas
    EDGE = 8  # HU of the outer voxel of bone; -NEVER for none
    TUBES = 9  # squared width of the vessels in it
    SMALL_TUBES = 10
    TUBE = 11  # HU of those
    FATTY = 12  # deviation of the fine field above which it is fat
    BUBBLES = 13  # deviation of the fine field above which stool has bubbles


@dataclass(frozen=True)
class Palette:
    """Looks of one person.

    Attributes:
        phase: of the contrast agent.
        rows: (rows of `Row`, VALUES) float32 on the device.
        hu: (VALUES,) HU of every material, on the CPU.
    """

    phase: Phase
    rows: Tensor
    hu: np.ndarray

    @property
    def fat(self) -> float:
        """HU of fat in the belly."""
        return float(self.hu[Tissue.VISCERAL_FAT])

    @property
    def muscle(self) -> float:
        """HU of muscle."""
        return float(self.hu[Tissue.MUSCLE])


def draw_palette(
    rng: np.random.Generator,
    fronts: dict[int, float],
    device: torch.device,
    phase: Phase | None = None,
) -> Palette:
    """Draw looks.

    Args:
        rng: of all that is drawn.
        fronts: hollow organ -> how far its middle lies in front of the crop's centre, mm.
        device: of the tables.
        phase: None draws one.
    """
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    phase, drawn = draw_phase(generator, phase)
    hu = np.zeros(VALUES, np.float32)
    hu[: len(drawn)] = drawn.numpy()
    hu[Material.AIRWAY] = -980
    hu[Material.GLAND] = hu[Tissue.MUSCLE] + rng.uniform(20, 80)
    solid = rng.random() < 0.8  # of masses; the others are fluid
    hu[Material.MASS] = hu[Tissue.MUSCLE] + rng.uniform(-30, 40) if solid else rng.uniform(5, 25)
    if rng.random() < 0.15:  # sludge and stones' dust in bile
        hu[Tissue.GALLBLADDER] += rng.uniform(10, 60)
    if phase is Phase.DELAYED and rng.random() < 0.6:
        hu[Tissue.URINARY_BLADDER] = rng.uniform(40, 350)
    if rng.random() < 0.15:  # someone unlike the tables
        unlike = rng.normal(0, 18, VALUES)
        unlike[[Tissue.AIR, Tissue.LUNGS, Material.AIRWAY]] = 0
        hu += unlike.astype(np.float32)
    rows = np.zeros((len(Row), VALUES), np.float32)
    rows[Row.BASE] = hu
    rows[Row.EDGE] = -NEVER
    rows[Row.FATTY] = rows[Row.GAS] = rows[Row.BUBBLES] = NEVER
    _textures(rows, rng, phase)
    _vessels(rows, rng, hu)
    for organ in HOLLOW:
        _contents(rows, rng, organ, fronts.get(organ, 0.0))
    return Palette(phase, torch.from_numpy(rows).to(device), hu)


def _textures(rows: np.ndarray, rng: np.random.Generator, phase: Phase) -> None:
    """How uneven each material is."""
    for material in _SOLID:
        rows[Row.FINE, material] = rng.uniform(0, 5)
        rows[Row.WIDE, material] = rng.uniform(0, 5)
    rows[Row.MIDDLE, Material.MASS] = rng.uniform(0, 18)
    for material in _BLOOD:
        rows[Row.FINE, material] = rng.uniform(0, 3)
    if phase in (Phase.ARTERIAL, Phase.PORTAL):  # blood that has not mixed
        for material in _VEINS:
            rows[Row.MIDDLE, material] = rng.uniform(0, 28)
    if phase is Phase.ARTERIAL:  # the spleen's stripes
        rows[Row.MIDDLE, Tissue.SPLEEN] = rng.uniform(6, 28)
    rows[Row.FINE, Tissue.LUNGS], rows[Row.WIDE, Tissue.LUNGS] = rng.uniform(5, 25), 25
    for bone in (Tissue.BONE, Tissue.VERTEBRAE):
        rows[Row.FINE, bone] = rng.uniform(10, 55)
        rows[Row.MIDDLE, bone] = rng.uniform(0, 25)
        rows[Row.EDGE, bone] = rng.uniform(280, 620)
    rows[Row.FINE, Tissue.CARTILAGE] = rng.uniform(5, 60)
    if rng.random() < 0.5:  # fat between the pancreas' lobules
        rows[Row.FATTY, Tissue.PANCREAS] = rng.uniform(0.6, 1.8)
    rows[Row.FATTY, Tissue.MUSCLE] = rng.uniform(1.2, 3.5)


def _vessels(rows: np.ndarray, rng: np.random.Generator, hu: np.ndarray) -> None:
    """Tubes within liver and lungs, where two smooth fields vanish together."""
    liver, portal = hu[Tissue.LIVER], hu[Tissue.PORTAL_VEIN_AND_SPLENIC_VEIN]
    rows[Row.TUBE] = hu
    rows[Row.TUBE, Tissue.LIVER] = liver + (portal - liver) * rng.uniform(0.4, 1.0)
    rows[Row.TUBES, Tissue.LIVER] = rng.uniform(0.08, 0.24) ** 2
    rows[Row.SMALL_TUBES, Tissue.LIVER] = rng.uniform(0.05, 0.15) ** 2
    rows[Row.TUBE, Tissue.LUNGS] = hu[Tissue.MUSCLE] * rng.uniform(0, 1)
    rows[Row.TUBES, Tissue.LUNGS] = rng.uniform(0.05, 0.12) ** 2
    rows[Row.SMALL_TUBES, Tissue.LUNGS] = rng.uniform(0.1, 0.22) ** 2


def _contents(rows: np.ndarray, rng: np.random.Generator, organ: Tissue, front: float) -> None:
    """What a hollow organ holds, in two kinds of loops, and where its gas begins."""
    shares, gas = CONTENT[organ]
    wall = float(rows[Row.BASE, organ])
    stool = organ is Tissue.COLON
    choices = (
        wall - 8,
        rng.uniform(2, 30),
        rng.uniform(110, 420),
        rng.uniform(-110, 40) if stool else rng.uniform(15, 60),
    )
    kinds = rng.choice(4, 2, p=np.array(shares) / sum(shares))
    rows[Row.LUMEN, organ], rows[Row.OTHER_LUMEN, organ] = choices[kinds[0]], choices[kinds[1]]
    rows[Row.LUMEN_FINE, organ] = (4, 4, 10, 0)[kinds[0]]
    if kinds[0] == 3:
        rows[Row.LUMEN_FINE, organ] = rng.uniform(20, 110) if stool else rng.uniform(5, 25)
    if stool and 3 in kinds and rng.random() < 0.6:
        rows[Row.BUBBLES, organ] = rng.uniform(0.2, 1.6)
    if rng.random() < gas:
        rows[Row.GAS, organ] = front + rng.uniform(-25, 30)
