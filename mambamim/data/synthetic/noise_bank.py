"""Noise made once, as cutting a piece out of a large field costs a device nothing, or anew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mambamim.data.noise_fields import smooth_field

_LENGTHS_MM = (6, 9, 14, 20, 28, 40, 60, 90)
_GRAINS = (0.3, 0.55, 0.8)  # share of the neighbours' mean in a scanner's noise
_ROOM = 48  # voxels that a piece may be moved by


class NoiseBank:
    """Random fields of a seed; the pieces that `rng` picks depend on it alone.

    Args:
        size: voxels of the largest piece.
        mm: voxel size.
        seed: of the fields.
        device: where they lie.
        variants: fields of each kind.
    """

    def __init__(
        self, size: Sequence[int], mm: float, seed: int, device: torch.device, variants: int = 2
    ) -> None:
        self._shape = tuple(n + _ROOM for n in size)
        self._mm, self._seed, self._device, self._variants = mm, seed, device, variants
        self._dtype = torch.float16 if device.type == "cuda" else torch.float32
        self._fields: dict[tuple[str, int, int], Tensor] = {}

    def smooth(self, length_mm: float, size: Sequence[int], rng: np.random.Generator) -> Tensor:
        """A piece of a field of mean 0 and deviation 1, about `length_mm` between its waves."""
        kind = int(np.abs(np.log(np.array(_LENGTHS_MM) / length_mm)).argmin())
        return self._piece("smooth", kind, size, rng)

    def grain(self, size: Sequence[int], rng: np.random.Generator) -> Tensor:
        """A piece of a scanner's noise: deviation 1, neighbours alike to a random degree."""
        return self._piece("grain", int(rng.integers(len(_GRAINS))), size, rng)

    def _piece(self, name: str, kind: int, size: Sequence[int], rng: np.random.Generator) -> Tensor:
        field = self._field(name, kind, int(rng.integers(self._variants)))
        starts = [int(rng.integers(n - s + 1)) for n, s in zip(self._shape, size, strict=True)]
        piece = field[tuple(slice(a, a + s) for a, s in zip(starts, size, strict=True))]
        return -piece if rng.random() < 0.5 else piece

    def _field(self, name: str, kind: int, variant: int) -> Tensor:
        """Made when it is first asked for; which ones were made before changes nothing."""
        key = (name, kind, variant)
        if key not in self._fields:
            number = np.random.SeedSequence([self._seed, len(name), kind, variant])
            generator = torch.Generator(self._device)
            generator.manual_seed(int(number.generate_state(1, np.uint32)[0]))
            self._fields[key] = self._make(name, kind, self._shape, generator).to(self._dtype)
        return self._fields[key]

    def _make(
        self, name: str, kind: int, shape: Sequence[int], generator: torch.Generator
    ) -> Tensor:
        if name == "smooth":
            return smooth_field(shape, _LENGTHS_MM[kind], self._mm, generator)
        return _grain(shape, _GRAINS[kind], generator)


class FreshNoise(NoiseBank):
    """Every field is made when it is asked for, and not kept: whole scans are painted once.

    Args:
        mm: voxel size.
    """

    def __init__(self, mm: float, device: torch.device) -> None:
        super().__init__((), mm, 0, device)

    def _piece(self, name: str, kind: int, size: Sequence[int], rng: np.random.Generator) -> Tensor:
        generator = torch.Generator(self._device).manual_seed(int(rng.integers(2**63)))
        return self._make(name, kind, size, generator)


def _grain(shape: Sequence[int], share: float, generator: torch.Generator) -> Tensor:
    noise = torch.randn(1, 1, *shape, generator=generator, device=generator.device)
    noise = torch.lerp(noise, F.avg_pool3d(noise, 3, 1, 1), share)
    return (noise / noise.std())[0, 0]
