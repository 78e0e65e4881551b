"""Paints a tissue map: what CT would show of it, before the scanner's own doing.

Serves procedural bodies and real label maps alike. Runs on the map's device.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mambamim.data.noise_fields import smooth_field
from mambamim.data.phases import Phase, draw_phase
from mambamim.data.tissues import Tissue

GAS_HU = -970.0
_BONES = (Tissue.BONE, Tissue.VERTEBRAE)
_KIDNEYS = (Tissue.KIDNEY_RIGHT, Tissue.KIDNEY_LEFT)
# What a hollow organ holds: shares of collapsed, fluid, contrast, food or stool; share with gas.
CONTENT: dict[Tissue, tuple[tuple[float, float, float, float], float]] = {
    Tissue.STOMACH: ((0.1, 0.4, 0.2, 0.3), 0.6),
    Tissue.DUODENUM: ((0.5, 0.3, 0.15, 0.05), 0.2),
    Tissue.SMALL_BOWEL: ((0.35, 0.4, 0.2, 0.05), 0.25),
    Tissue.COLON: ((0.1, 0.15, 0.15, 0.6), 0.8),
    Tissue.ESOPHAGUS: ((0.7, 0.2, 0.05, 0.05), 0.4),
}


def paint(
    tissues: Tensor,
    spacing_mm: float,
    generator: torch.Generator,
    phase: Phase | None = None,
) -> Tensor:
    """HU of a tissue map.

    Args:
        tissues: values of `Tissue`, (D, H, W), axis 1 running to the patient's front.
        spacing_mm: voxel size.
        generator: of the map's device.
        phase: of the contrast agent; None draws one.

    Returns:
        (D, H, W) float32.
    """
    return _Painter(tissues, spacing_mm, generator, phase).paint()


class _Painter:
    def __init__(
        self, tissues: Tensor, mm: float, generator: torch.Generator, phase: Phase | None
    ) -> None:
        self.tissues, self.mm, self.generator = tissues.long(), mm, generator
        self.phase, self.table = draw_phase(generator, phase)
        self.fine = self.field(6)
        self.middle = self.field(16)
        self.wide = self.field(45)
        self.hu = self.table[self.tissues]

    def paint(self) -> Tensor:
        """Tissue by tissue, from what lies under to what lies over."""
        self.fat()
        self.soft_tissue()
        self.lungs()
        self.kidneys()
        self.liver_vessels()
        self.lesions()
        self.bones()
        for organ in CONTENT:
            self.hollow(organ)
        self.bladder()
        return self.hu

    def field(self, length_mm: float) -> Tensor:
        """A smooth random field over the whole map."""
        return smooth_field(self.tissues.shape, length_mm, self.mm, self.generator)

    def uniform(self, low: float, high: float) -> float:
        """One number."""
        draw = torch.rand((), generator=self.generator, device=self.generator.device)
        return low + (high - low) * float(draw)

    def is_any(self, *names: Tissue) -> Tensor:
        """Where one of these tissues lies, (D, H, W) bool."""
        table = torch.zeros(max(Tissue) + 1, dtype=torch.bool, device=self.tissues.device)
        table[list(names)] = True
        return table[self.tissues]

    def inside(self, mask: Tensor, mm: float) -> Tensor:
        """`mask` without its outer `mm`."""
        size = 2 * max(1, round(mm / self.mm)) + 1
        outside = F.max_pool3d((~mask).half()[None, None], size, 1, size // 2)[0, 0]
        return mask & (outside < 0.5)

    def put(self, where: Tensor, value: Tensor | float) -> None:
        """Sets the HU in `where`."""
        self.hu = torch.where(where, value, self.hu)

    def fat(self) -> None:
        """Strands and small vessels in the belly's fat, septa under the skin."""
        belly = self.tissues == Tissue.VISCERAL_FAT
        soft = torch.sigmoid((self.middle + self.uniform(-1.9, -0.9)) * 4) * self.uniform(0.2, 0.8)
        self.put(belly, self.hu + soft * 110)
        tubes = (self.field(22) ** 2 + self.field(22) ** 2).sqrt() < self.uniform(0.08, 0.17)
        self.put(belly & tubes, self.table[Tissue.VESSEL_VEIN] * 0.8)
        under = self.tissues == Tissue.SUBCUTANEOUS_FAT
        self.put(under, self.hu + 7 * self.fine + 25 * (self.middle.abs() < 0.05))

    def soft_tissue(self) -> None:
        """Muscle with planes of fat, organs not quite even."""
        muscle = self.tissues == Tissue.MUSCLE
        share = torch.sigmoid((self.middle + self.uniform(1.2, 2.6)) * 4)
        fat = self.table[Tissue.SUBCUTANEOUS_FAT]
        self.put(muscle, fat + (self.hu - fat) * share)
        organs = (self.tissues >= Tissue.SPLEEN) & (self.tissues != Tissue.LUNGS)
        self.put(organs, self.hu + self.uniform(0, 4) * self.fine + self.uniform(0, 5) * self.wide)
        if self.uniform(0, 1) < 0.5:  # fat between the pancreas' lobules
            lobules = (self.tissues == Tissue.PANCREAS) & (self.fine > self.uniform(0.7, 1.8))
            self.put(lobules, fat + 40)
        if self.phase is Phase.ARTERIAL:  # the spleen's stripes
            self.put(self.tissues == Tissue.SPLEEN, self.hu + self.uniform(8, 30) * self.middle)
        if self.phase is not Phase.UNENHANCED:  # muscle around the blood
            heart = self.tissues == Tissue.HEART
            wall = heart & ~self.inside(heart, 9) | heart & (self.wide > 0.9)
            self.put(wall, self.table[Tissue.MUSCLE] + self.uniform(20, 60) + 3 * self.fine)

    def lungs(self) -> None:
        """Vessels, and denser towards the back."""
        lung = self.tissues == Tissue.LUNGS
        depth = torch.linspace(1, -1, self.hu.shape[1], device=self.hu.device)[None, :, None]
        tubes = (self.field(13) ** 2 + self.field(13) ** 2).sqrt() < self.uniform(0.1, 0.24)
        value = self.hu + 22 * depth + 18 * self.fine + 850 * tubes
        self.put(lung, value)

    def kidneys(self) -> None:
        """Medulla darker than cortex early on; urine in the sinus, bright in the delayed phase."""
        cortex = self.table[Tissue.KIDNEY_RIGHT]
        share = {
            Phase.UNENHANCED: 0.95,
            Phase.ARTERIAL: self.uniform(0.4, 0.65),
            Phase.PORTAL: self.uniform(0.8, 1.0),
            Phase.DELAYED: self.uniform(0.95, 1.15),
        }[self.phase]
        kidney = self.is_any(*_KIDNEYS)
        medulla = self.inside(kidney, 6) & (self.middle > self.uniform(-0.7, 0.2))
        self.put(medulla, cortex * share + 4 * self.fine)
        sinus = self.tissues == Tissue.RENAL_SINUS
        urine = self.uniform(150, 450) if self.phase is Phase.DELAYED else 8.0
        self.put(self.inside(sinus, 3) & (self.middle > 0), urine)

    def liver_vessels(self) -> None:
        """Branching lines: places where two smooth fields vanish together."""
        step = self.table[Tissue.PORTAL_VEIN_AND_SPLENIC_VEIN] - self.table[Tissue.LIVER]
        liver = self.tissues == Tissue.LIVER
        for length, width in ((30, 0.16), (20, 0.11)):
            near = (self.field(length) ** 2 + self.field(length) ** 2).sqrt()
            tubes = near < self.uniform(0.5, 1.2) * width
            self.put(liver & tubes, self.table[Tissue.LIVER] + step * self.uniform(0.5, 0.95))

    def lesions(self) -> None:
        """Cysts and tumours: a third of the livers, a fifth of the kidneys."""
        for names, chance, most in (((Tissue.LIVER,), 0.33, 5), (_KIDNEYS, 0.2, 2)):
            if self.uniform(0, 1) > chance:
                continue
            organ = self.is_any(*names)
            places = organ[::4, ::4, ::4].nonzero() * 4
            if not len(places):
                continue
            for _ in range(int(self.uniform(1, most + 0.999))):
                centre = places[int(self.uniform(0, len(places) - 1e-3))]
                radius = 4 * 6 ** self.uniform(0, 1)  # 4 to 24 mm, small ones more often
                self._lesion(organ, centre, radius, float(self.table[names[0]]))

    def _lesion(self, organ: Tensor, centre: Tensor, radius: float, around: float) -> None:
        """One ball of `radius` mm at a voxel: a cyst, or a tumour darker than `around` (HU)."""
        reach = int(radius * 1.4 / self.mm) + 1
        box = tuple(slice(max(0, int(c) - reach), int(c) + reach + 1) for c in centre)
        axes = [
            (torch.arange(s.start, min(s.stop, n), device=organ.device) - int(c)) * self.mm
            for s, n, c in zip(box, organ.shape, centre, strict=True)
        ]
        grid = torch.meshgrid(*axes, indexing="ij")
        distance = sum(g.float() ** 2 for g in grid) ** 0.5
        edge = radius * (1 + 0.15 * self.middle[box])
        value = self.uniform(0, 16) if self.uniform(0, 1) < 0.5 else around - self.uniform(10, 55)
        self.hu[box] = torch.where((distance < edge) & organ[box], value, self.hu[box])

    def bones(self) -> None:
        """A compact shell around spongy bone."""
        bone = self.is_any(*_BONES)
        core = self.inside(bone, 1.5)
        self.put(bone & ~core, self.uniform(330, 620) + 40 * self.fine)
        self.put(core, self.hu + self.uniform(15, 50) * self.fine)

    def hollow(self, organ: Tissue) -> None:
        """A wall, what is in it, and gas above a level in front: the patient lies on the back."""
        mask = self.tissues == organ
        lumen = self.inside(mask, 2.0)
        shares, gas = CONTENT[organ]
        weights = torch.tensor(shares, device=self.generator.device)
        kind = int(torch.multinomial(weights, 1, generator=self.generator))
        wall = self.table[Tissue.STOMACH]
        stool = self.uniform(-60, 50) + self.uniform(20, 110) * self.fine
        content = (
            wall - 8 + 4 * self.fine,
            self.uniform(2, 30) + 4 * self.fine,
            self.uniform(110, 420) + 25 * self.wide,
            (stool if organ is Tissue.COLON else self.uniform(15, 60) + 20 * self.fine),
        )[kind]
        self.put(lumen, content)
        if self.uniform(0, 1) < gas:
            # The level differs from place to place along the gut, not within a loop.
            front = torch.arange(self.hu.shape[1], device=self.hu.device)[None, :, None] * self.mm
            place = smooth_field(
                (self.hu.shape[0], 1, self.hu.shape[2]), 40, self.mm, self.generator
            )
            height = front.float().expand_as(self.hu)[lumen]
            if len(height):
                level = height.mean() + 18 * place + self.uniform(-15, 35)
                self.put(lumen & (front > level), GAS_HU)

    def bladder(self) -> None:
        """Urine; in the delayed phase contrast lies at the back."""
        if self.phase is Phase.DELAYED and self.uniform(0, 1) < 0.6:
            bladder = self.tissues == Tissue.URINARY_BLADDER
            rows = bladder.any(2).any(0).nonzero()
            if len(rows):
                level = int(rows[0]) + self.uniform(0.2, 0.8) * int(rows[-1] - rows[0])
                index = torch.arange(self.hu.shape[1], device=self.hu.device)[None, :, None]
                self.put(bladder & (index < level), self.uniform(80, 350))
