"""What a scanner makes of a painted crop: blur, thick slices, noise, and where the scan ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mambamim.data.synthetic.noise_bank import NoiseBank

NOTHING_HU = -1024.0  # beyond the scan


@dataclass(frozen=True)
class Field:
    """The part of a crop that was scanned.

    Attributes:
        box: voxels.
        radius: of the round field of view around the crop's middle, in half its width; 0: none.
    """

    box: tuple[slice, slice, slice]
    radius: float = 0.0

    def cut(self, values: Tensor, beyond: float) -> Tensor:
        """(D, H, W) with `beyond` where nothing was scanned."""
        result = torch.full_like(values, beyond)
        result[self.box] = values[self.box]
        if self.radius:
            lines = [torch.linspace(-1, 1, n, device=values.device) for n in values.shape[:2]]
            far = lines[0][:, None] ** 2 + lines[1] ** 2 > self.radius**2
            result = torch.where(far[:, :, None], beyond, result)
        return result


def draw_field(rng: np.random.Generator, size: Sequence[int], covered: tuple[int, int]) -> Field:
    """Where a scan ends: a third are short, some narrow; the crop's middle is scanned.

    Args:
        rng: of all that is drawn.
        size: voxels of the crop.
        covered: planes along axis 2 between which there is something to scan.
    """
    box = [slice(0, n) for n in size]
    low, high = covered
    if rng.random() < 0.33 and high - low > 12:
        kind = rng.integers(3)
        if kind == 0:  # a slab
            thick = int(rng.uniform(0.15, 0.7) * (high - low)) + 6
            low = max(low, int(size[2] / 2 - rng.uniform(0.1, 0.9) * thick))
            high = min(high, low + thick)
        else:  # ends in what the crop was centred at
            cut = int(np.clip(size[2] / 2 + rng.normal(0, size[2] / 10), low + 6, high - 6))
            low, high = (low, cut) if kind == 1 else (cut, high)
    box[2] = slice(low, high)
    if rng.random() < 0.15:
        for axis in range(2):
            wide = int(rng.uniform(0.45, 0.95) * size[axis])
            start = int(rng.integers(0, size[axis] - wide + 1))
            box[axis] = slice(start, start + wide)
    radius = float(rng.uniform(0.8, 1.25)) if rng.random() < 0.1 else 0.0
    return Field((box[0], box[1], box[2]), radius)


def scan_crop(hu: Tensor, bank: NoiseBank, rng: np.random.Generator) -> Tensor:
    """(D, H, W) HU with blur, thick slices, shading and noise, float32."""
    size = tuple(hu.shape)
    image = hu.float()[None, None]
    flat = F.avg_pool3d(image, (3, 3, 1), 1, (1, 1, 0), count_include_pad=False)
    image = torch.lerp(image, flat, float(rng.uniform(0.1, 0.75)))
    if rng.random() < 0.4:
        image = _thicken(image, int(rng.integers(2, 5)))
    else:
        deep = F.avg_pool3d(image, (1, 1, 3), 1, (0, 0, 1), count_include_pad=False)
        image = torch.lerp(image, deep, float(rng.uniform(0, 0.7)))
    image = image[0, 0] * rng.uniform(0.97, 1.03) + rng.uniform(-5, 5)
    shade = bank.smooth(90, size, rng) * rng.uniform(0, 4)
    if rng.random() < 0.9:
        deviation = float(np.exp(rng.uniform(np.log(2.5), np.log(28))))
        shade = shade + bank.grain(size, rng) * deviation
    return image + shade


def _thicken(image: Tensor, planes: int) -> Tensor:
    """Means over `planes` along the last axis, and lines between them."""
    n = image.shape[-1]
    planes = min(planes, n)
    short = -n % planes
    padded = F.pad(image, (0, short, 0, 0, 0, 0), mode="replicate") if short else image
    thick = F.avg_pool3d(padded, (1, 1, planes))
    return F.interpolate(thick, size=padded.shape[2:], mode="trilinear")[..., :n]
