"""A volume as patches: what is to be reconstructed, the error, and the way back to a volume."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mambamim.ops.sparse import spread_visible

_EPS = 1e-6  # added to a patch's variance


@dataclass(frozen=True)
class Patches:
    """The target.

    Attributes:
        volume: (B, C, D, H, W) float32.
        size: of a patch, voxels.
        mean: of every patch and channel, (B, C, d, h, w); 0 if the target is raw.
        deviation: likewise, sqrt(unbiased variance + 1e-6); 1 if the target is raw.
    """

    volume: Tensor
    size: int
    mean: Tensor
    deviation: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, volume: Tensor, size: int, normalise: bool) -> Patches:
        """The patches of (B, C, D, H, W); each is normalised by its own moments, or none is."""
        volume = volume.float()
        cut = _cut(volume, size)
        mean = cut.mean(-1)
        deviation = (cut.var(-1) + _EPS).sqrt()
        if not normalise:
            mean, deviation = torch.zeros_like(mean), torch.ones_like(deviation)
        return cls(volume, size, mean, deviation)

    def error(self, prediction: Tensor, visible: Tensor) -> Tensor:
        """Mean squared error over the masked patches, scalar.

        Args:
            prediction: in the target's units, (B, C, D, H, W).
            visible: (B, d, h, w) bool.
        """
        target = (_cut(self.volume, self.size) - self.mean[..., None]) / self.deviation[..., None]
        squared = (_cut(prediction, self.size) - target).square().mean(-1).mean(1)
        masked = (~visible).to(squared.dtype)
        return (squared * masked).sum() / masked.sum()

    def show(self, prediction: Tensor, visible: Tensor) -> Tensor:
        """The prediction in the volume's units where masked, the volume itself where visible."""
        parts = _cut(prediction, self.size) * self.deviation[..., None] + self.mean[..., None]
        shown = _join(parts, self.size)
        seen = spread_visible(visible, tuple(self.volume.shape[2:]))
        return torch.where(seen, self.volume, shown)


def _cut(volume: Tensor, size: int) -> Tensor:
    """(B, C, D, H, W) -> (B, C, d, h, w, size^3)."""
    parts = volume.unfold(2, size, size).unfold(3, size, size).unfold(4, size, size)
    return parts.flatten(5)


def _join(parts: Tensor, size: int) -> Tensor:
    """(B, C, d, h, w, size^3) -> (B, C, D, H, W)."""
    batch, channels, depth, height, width, _ = parts.shape
    parts = parts.reshape(batch, channels, depth, height, width, size, size, size)
    ordered = parts.permute(0, 1, 2, 5, 3, 6, 4, 7)
    return ordered.reshape(batch, channels, depth * size, height * size, width * size)
