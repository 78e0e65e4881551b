"""The scanner: air and couch around the patient, blur, noise, thick slices."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from mambamim.data.noise_fields import smooth_field

_AIR = -900.0


def scan(
    hu: Tensor,
    spacing_mm: float,
    generator: torch.Generator,
    *,
    noise_hu: float | None = None,
    slice_mm: float | None = None,
) -> Tensor:
    """A scan of a painted body.

    Args:
        hu: (D, H, W) float32, axis 1 running to the patient's front; about -1000 outside.
        spacing_mm: voxel size.
        generator: of the same device.
        noise_hu: standard deviation of the noise; None draws 4 to 20.
        slice_mm: thickness of a slice along axis 2; planes are averaged over it. None keeps the
            voxel's.

    Returns:
        (D, H, W) int16 HU in [-1024, 3071].
    """

    def uniform(low: float, high: float) -> float:
        draw = torch.rand((), generator=generator, device=generator.device)
        return low + (high - low) * float(draw)

    hu = _with_couch(hu, spacing_mm, uniform(6, 14), uniform(2e-4, 1.2e-3))
    hu = _blur(hu, uniform(0.35, 0.85) / spacing_mm)
    if slice_mm and slice_mm > spacing_mm:
        hu = _thicken(hu, slice_mm / spacing_mm)
    shade = smooth_field(hu.shape, 110, spacing_mm, generator) * uniform(0, 4)
    deviation = uniform(4, 20) if noise_hu is None else noise_hu
    noise = torch.randn(hu.shape, generator=generator, device=hu.device)
    noise = _blur(noise, uniform(0.3, 0.7))
    noise = noise * (deviation / noise.std().clamp_min(1e-6))
    return (hu + shade + noise).round_().clamp_(-1024, 3071).to(torch.int16)


def _with_couch(hu: Tensor, mm: float, gap: float, bend: float) -> Tensor:
    """A thin curved shell with foam under the patient's back.

    `gap` lies between back and couch, mm; `bend` is the shell's rise to the sides, mm per mm^2.
    """
    rows = (hu > _AIR).any(2).any(0).nonzero()
    if not len(rows):
        return hu
    lowest = float(rows[0]) * mm - gap + 8
    x = (torch.arange(hu.shape[0], device=hu.device) - (hu.shape[0] - 1) / 2) * mm
    y = torch.arange(hu.shape[1], device=hu.device) * mm
    top = lowest - 10 + bend * x**2
    below = top[:, None] - y[None, :]
    free = hu < _AIR
    shell = ((below > 0) & (below < 2.2)) | ((below > 20) & (below < 22.2))
    foam = (below >= 2.2) & (below <= 20)
    hu = torch.where(free & shell[:, :, None], 20.0, hu)
    return torch.where(free & foam[:, :, None], -930.0, hu)


def _blur(volume: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (D, H, W); `sigma` in voxels."""
    reach = max(1, round(3 * sigma))
    line = torch.arange(-reach, reach + 1, device=volume.device, dtype=torch.float32)
    kernel = torch.exp(-(line**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    for axis in range(3):
        volume = _weigh(volume, kernel, axis)
    return volume


def _thicken(volume: Tensor, planes: float) -> Tensor:
    """Mean over `planes` planes along axis 2; of the outermost ones a part may count."""
    reach = math.ceil((planes - 1) / 2)
    line = torch.arange(-reach, reach + 1, device=volume.device)
    share = (planes / 2 + 0.5 - line.abs()).clamp(0, 1)
    return _weigh(volume, share / share.sum(), 2)


def _weigh(volume: Tensor, kernel: Tensor, axis: int) -> Tensor:
    """Weighted sum of neighbours along an axis of (D, H, W); the last planes go on outside."""
    sides = [0, 0, 0, 0, 0, 0]
    sides[2 * (2 - axis)] = sides[2 * (2 - axis) + 1] = len(kernel) // 2
    shape = [1, 1, 1, 1, 1]
    shape[2 + axis] = len(kernel)
    padded = F.pad(volume[None, None], sides, mode="replicate")
    return F.conv3d(padded, kernel.view(shape))[0, 0]
