"""Paints what a crop, or a whole scan, shows of a body, in few large operations.

The device is never waited for: all single numbers are drawn on the CPU, and what depends on the
material is looked up in tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mambamim.data.phases import Phase
from mambamim.data.synthetic.masses import Ball, within
from mambamim.data.synthetic.materials import SILENT, VALUES
from mambamim.data.synthetic.noise_bank import NoiseBank
from mambamim.data.synthetic.palette import NEVER, Palette, Row
from mambamim.data.synthetic.surroundings import ANY, Around, Depths, paint_outside, paint_silent
from mambamim.data.tissues import HOLLOW, Tissue

GAS_HU = -970.0
_KIDNEYS = (Tissue.KIDNEY_RIGHT, Tissue.KIDNEY_LEFT)
_LARGEST = 255  # of a byte
_ARTERIES = (Tissue.AORTA, Tissue.VESSEL_ARTERY)


@dataclass(frozen=True)
class Scene:
    """What a crop holds before it is painted, all on the device.

    Attributes:
        materials: (D, H, W) int64, values that have looks.
        places: of `spread`, (1, 3, D, H, W).
        depths: in the silent parts.
        extent_mm: of the body's map.
        mm: voxel size.
        axis_mm: (3,), the body's axis from the crop's centre; the third is not used.
        back_mm: where the labelled body ends behind, from the crop's centre.
        lesions: balls within organs.
        around: what lies beside the body.
        level_step: by how much the levels of gas differ from loop to loop; 0: not at all.
    """

    materials: Tensor
    places: Tensor
    depths: Depths
    extent_mm: np.ndarray
    mm: float
    axis_mm: np.ndarray
    back_mm: float
    lesions: Sequence[Ball]
    around: Around = ANY
    level_step: float = 1.0


def paint_scene(
    scene: Scene, palette: Palette, fat_mm: float, bank: NoiseBank, rng: np.random.Generator
) -> Tensor:
    """(D, H, W) HU, float32 or float16."""
    painter = _Painter(scene, palette, bank, rng)
    silent = scene.materials == SILENT
    around, body = paint_silent(scene.depths, palette, fat_mm, bank, rng)
    hu = torch.where(silent, around, painter.organs())
    back = scene.back_mm - fat_mm
    offsets = painter.offsets()
    outside = paint_outside(tuple(hu.shape), offsets, back, palette, rng, scene.around)
    return torch.where(body | ~silent, hu, outside)


class _Painter:
    def __init__(
        self, scene: Scene, palette: Palette, bank: NoiseBank, rng: np.random.Generator
    ) -> None:
        self.scene, self.palette, self.bank, self.rng = scene, palette, bank, rng
        self.materials = scene.materials
        self.size = tuple(self.materials.shape)
        self.fine, self.middle, self.wide = (self.field(mm) for mm in (6, 14, 40))
        self.edge, self.wall, self.deep = self._shells()

    def organs(self) -> Tensor:
        """All that is labelled, from what lies under to what lies over."""
        hu = self.table(Row.BASE)
        hu = hu + self.table(Row.FINE) * self.fine
        hu = hu + self.table(Row.MIDDLE) * self.middle
        hu = hu + self.table(Row.WIDE) * self.wide
        hu = torch.where(self.fine > self.table(Row.FATTY), self.palette.fat + 40, hu)
        hu = self.vessels(hu)
        hu = self.kidneys(hu)
        hu = self.heart(hu)
        hu = self.bones(hu)
        for ball in self.scene.lesions:
            hu = self.lesion(hu, ball)
        return self.hollow(hu)

    def field(self, mm: float) -> Tensor:
        """A smooth random field over the crop."""
        return self.bank.smooth(mm, self.size, self.rng)

    def table(self, row: Row) -> Tensor:
        """(D, H, W): a table's value at every voxel."""
        return self.palette.rows[row][self.materials]

    def is_any(self, *materials: int) -> Tensor:
        """(D, H, W) bool."""
        found = self.materials == materials[0]
        for material in materials[1:]:
            found = found | (self.materials == material)
        return found

    def offsets(self) -> list[Tensor]:
        """mm from the body's axis along right, front and up, each broadcast to the crop."""
        lines = []
        for axis, n in enumerate(self.size):
            line = (torch.arange(n, device=self.materials.device) - (n - 1) / 2) * self.scene.mm
            shape = [1, 1, 1]
            shape[axis] = n
            lines.append((line - float(self.scene.axis_mm[axis])).view(shape))
        return lines

    def vessels(self, hu: Tensor) -> Tensor:
        """Branching lines where two fields vanish together, large and small ones."""
        tube = self.table(Row.TUBE)
        for row, mm in ((Row.TUBES, self.rng.uniform(22, 36)), (Row.SMALL_TUBES, 14)):
            near = self.field(mm) ** 2 + self.field(mm) ** 2
            hu = torch.where(near < self.table(row), tube, hu)
        return hu

    def kidneys(self, hu: Tensor) -> Tensor:
        """Medulla darker than cortex early on; urine in the pelvis, bright when late."""
        phase, rng = self.palette.phase, self.rng
        cortex = float(self.palette.hu[Tissue.KIDNEY_RIGHT])
        share = {
            Phase.UNENHANCED: 0.95,
            Phase.ARTERIAL: rng.uniform(0.4, 0.7),
            Phase.PORTAL: rng.uniform(0.8, 1.0),
            Phase.DELAYED: rng.uniform(0.9, 1.2),
        }[phase]
        medulla = self.is_any(*_KIDNEYS) & self.deep & (self.middle > rng.uniform(-0.7, 0.3))
        hu = torch.where(medulla, cortex * share, hu)
        urine = rng.uniform(100, 450) if phase is Phase.DELAYED else rng.uniform(0, 16)
        pelvis = (self.materials == Tissue.RENAL_SINUS) & (self.middle > rng.uniform(-1, 0.5))
        return torch.where(pelvis, urine, hu)

    def heart(self, hu: Tensor) -> Tensor:
        """Muscle around the blood, once there is contrast in it."""
        if self.palette.phase is Phase.UNENHANCED:
            return hu
        wall = (self.materials == Tissue.HEART) & (self.wide > self.rng.uniform(-0.2, 0.7))
        return torch.where(wall, self.palette.muscle + self.rng.uniform(20, 60), hu)

    def bones(self, hu: Tensor) -> Tensor:
        """A compact shell; in some, chalk in the arteries' walls."""
        shell = self.table(Row.EDGE)
        hu = torch.where(self.edge & (shell > -NEVER), shell + 40 * self.fine, hu)
        if self.rng.random() < 0.25:
            chalk = self.is_any(*_ARTERIES) & self.edge & (self.middle > self.rng.uniform(1, 1.6))
            hu = torch.where(chalk, self.rng.uniform(300, 900), hu)
        return hu

    def lesion(self, hu: Tensor, ball: Ball) -> Tensor:
        """One ball, as far as its organ goes."""
        scene = self.scene
        inside = within(scene.places, scene.extent_mm, ball, 0.15 * self.middle)
        return torch.where(inside & self.is_any(*ball.organs), ball.hu, hu)

    def hollow(self, hu: Tensor) -> Tensor:
        """Walls stay; what is inside, and gas above a level in front: the patient lies on the back.

        Levels are flat and differ from loop to loop.
        """
        flags = torch.zeros(VALUES, dtype=torch.bool)
        flags[list(HOLLOW)] = True
        thin = self.edge if self.rng.random() < 0.6 else self.wall
        lumen = flags.to(hu.device, non_blocking=True)[self.materials] & ~thin
        other = self.wide > self.rng.uniform(0, 1.2)
        holds = torch.where(other, self.table(Row.OTHER_LUMEN), self.table(Row.LUMEN))
        holds = holds + self.table(Row.LUMEN_FINE) * self.fine + 6 * self.middle
        bubbles = self.fine > self.table(Row.BUBBLES)
        holds = torch.where(bubbles, self.rng.uniform(-800, -200), holds)
        hu = torch.where(lumen, holds, hu)
        loops = self.bank.smooth(40, (self.size[0], 1, self.size[2]), self.rng)
        step = self.rng.uniform(8, 22) * self.scene.level_step
        level = self.table(Row.GAS) + torch.round(1.5 * loops) * step
        front = self.offsets()[1] + float(self.scene.axis_mm[1])
        return torch.where(lumen & (front > level), GAS_HU, hu)

    def _shells(self) -> tuple[Tensor, Tensor, Tensor]:
        """Voxels within about 1.5 and 3 mm of another material, and those beyond 6 mm."""
        values = self.materials.to(torch.uint8)
        both = torch.stack([values, _LARGEST - values])
        shells = []
        for reach in (1.5, 1.5, 3):
            for _ in range(max(1, round(reach / self.scene.mm))):
                both = _largest_near(both)
            shells.append(both[0] != _LARGEST - both[1])
        return shells[0], shells[1], ~shells[2]


def _largest_near(values: Tensor) -> Tensor:
    """The largest of 27 voxels, (C, D, H, W), axis by axis; a CPU is slow at pooling."""
    for axis in range(1, 4):
        n = values.shape[axis]
        pairs = torch.maximum(values.narrow(axis, 0, n - 1), values.narrow(axis, 1, n - 1))
        first, last = pairs.narrow(axis, 0, 1), pairs.narrow(axis, n - 2, 1)
        inner = torch.maximum(pairs.narrow(axis, 0, n - 2), pairs.narrow(axis, 1, n - 2))
        values = torch.cat([first, inner, last], axis)
    return values
