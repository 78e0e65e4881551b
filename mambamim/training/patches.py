"""Random patches of volumes that lie on the training device: turned, scaled, bent, degraded."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

AIR_HU = -1024.0


@dataclass(frozen=True)
class Case:
    """A volume and its labels, RAS-oriented, isotropic.

    Attributes:
        hu: (D, H, W) int16 or floating, HU.
        labels: (D, H, W) uint8.
        mm: voxel size.
    """

    hu: Tensor
    labels: Tensor
    mm: float


class PatchSampler:
    """Draws augmented patches.

    Args:
        size: voxels along each side.
        generator: on the cases' device; with a twin on the CPU that it seeds, it gives all
            randomness. Single numbers come from the twin: the device need not be waited for.
    """

    def __init__(self, size: int, generator: torch.Generator) -> None:
        self.size = size
        self.generator = generator
        self.device = generator.device
        self._numbers = torch.Generator().manual_seed(generator.initial_seed())

    def uniform(self, low: float, high: float) -> float:
        """One number."""
        return low + (high - low) * float(torch.rand((), generator=self._numbers))

    def draw(self, case: Case, mm: float) -> tuple[Tensor, Tensor]:
        """A patch at `mm` with its labels, (size,)*3 float32 HU and int64.

        Patches coarser than the case average over what their voxels cover.
        """
        fine = 2 if mm > 1.5 * case.mm else 1
        places = self._places(case, mm, self.size * fine)
        hu = self._look_up(case.hu.float() - AIR_HU, places, "bilinear") + AIR_HU
        if fine == 2:
            hu = F.avg_pool3d(hu, 2)
            places = F.avg_pool3d(places.permute(0, 4, 1, 2, 3), 2).permute(0, 2, 3, 4, 1)
        labels = self._look_up(case.labels.float(), places, "nearest")
        hu, labels = self._degrade(hu), labels.long()
        beyond = self._end_of_scan()
        hu[..., beyond], labels[..., beyond] = AIR_HU, 0
        return hu[0, 0], labels[0, 0]

    def _look_up(self, volume: Tensor, places: Tensor, mode: str) -> Tensor:
        return F.grid_sample(volume[None, None], places, mode=mode, align_corners=False)

    def _places(self, case: Case, mm: float, size: int) -> Tensor:
        """Where the patch's voxels lie in the case, in grid_sample's coordinates."""
        turn = [math.radians(self.uniform(-12, 12)) for _ in range(3)]
        zoom = self.uniform(0.82, 1.22)
        scale = [zoom * self.uniform(0.92, 1.08) for _ in range(3)]
        matrix = _rotation(turn) @ torch.diag(torch.tensor(scale))
        half = mm * self.size / 2
        line = (torch.arange(size, device=self.device) + 0.5) / size * 2 - 1
        offsets = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1) * half
        centre = self._centre(case) * case.mm
        at = centre + offsets @ matrix.T.to(self.device) + self._bend(size)
        extent = torch.tensor(case.hu.shape, device=self.device) * case.mm
        return (at / extent * 2 - 1).flip(-1)[None]

    def _centre(self, case: Case) -> Tensor:
        """A voxel's index, (3,): in or near a random class half of the time, else anywhere.

        So the small organs are seen as often as the large ones.
        """
        shape = torch.tensor(case.labels.shape, device=self.device)
        if self.uniform(0, 1) < 0.5:
            thinned = case.labels[::3, ::3, ::3]
            present = torch.unique(thinned)
            present = present[present > 0]
            if len(present):
                pick = int(self.uniform(0, len(present) - 1e-6))
                where = (thinned == present[pick]).nonzero()
                index = where[int(self.uniform(0, len(where) - 1e-6))] * 3
                near = torch.tensor([self.uniform(-8, 8) for _ in range(3)])
                return index + near.to(self.device)
        random = torch.rand(3, generator=self.generator, device=self.device)
        return (0.1 + 0.8 * random) * shape

    def _bend(self, size: int) -> Tensor:
        """A smooth displacement in mm, (size,)*3 + (3,)."""
        strength = self.uniform(0, 9)
        noise = torch.randn(1, 3, 5, 5, 5, generator=self.generator, device=self.device)
        smooth = F.interpolate(noise, size=(size,) * 3, mode="trilinear", align_corners=True)
        return strength * smooth[0].permute(1, 2, 3, 0)

    def _degrade(self, hu: Tensor) -> Tensor:
        """Other scanners: contrast, offset, noise, blur, thick slices."""
        hu = hu * self.uniform(0.92, 1.08) + self.uniform(-12, 12)
        if self.uniform(0, 1) < 0.3:
            thick = int(self.uniform(2, 5))
            coarse = F.avg_pool3d(hu, (1, 1, thick), ceil_mode=True)
            finer = F.interpolate(coarse, scale_factor=(1, 1, thick), mode="trilinear")
            hu = finer[..., : hu.shape[-1]]
        if self.uniform(0, 1) < 0.2:
            hu = F.avg_pool3d(F.pad(hu, (1,) * 6, mode="replicate"), 3, 1)
        if self.uniform(0, 1) < 0.6:
            noise = torch.randn(hu.shape, generator=self.generator, device=self.device)
            hu = hu + self.uniform(0, 25) * noise
        return hu

    def _end_of_scan(self) -> slice:
        """The planes beyond the scan's first or last one; mostly none."""
        if self.uniform(0, 1) > 0.25:
            return slice(0, 0)
        end = int(self.uniform(0.2, 0.9) * self.size)
        return slice(end, None) if self.uniform(0, 1) < 0.5 else slice(None, self.size - end)


def _rotation(angles: list[float]) -> Tensor:
    """Rotation about R, then A, then S by `angles` in radians, (3, 3)."""
    (a, b, c) = angles
    about_r = [[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]]
    about_a = [[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]]
    about_s = [[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]]
    return torch.tensor(about_s) @ torch.tensor(about_a) @ torch.tensor(about_r)
