"""Layer norm over the channels of each voxel, in one pass and in the features' own layout."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def channel_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Torch's own layer norm over C of (B, C, D, H, W).

    Statistics are taken in float32; the result has the dtype and the memory format of `x`, where
    autocast would give float32, twice the memory and a copy for the convolution that follows. Where
    channels are innermost (channels_last_3d) nothing is moved.

    Args:
        x: (B, C, D, H, W).
        weight: (C,).
        bias: (C,).
        eps: added to the biased variance.
    """
    last = x.is_contiguous(memory_format=torch.channels_last_3d)
    kind = torch.channels_last_3d if last else torch.contiguous_format
    with torch.autocast(x.device.type, enabled=False):
        scale, shift = weight.to(x.dtype), bias.to(x.dtype)
        normed = F.layer_norm(x.movedim(1, -1), weight.shape, scale, shift, eps)
    return normed.movedim(-1, 1).contiguous(memory_format=kind)


class VoxelNorm(nn.LayerNorm):
    """`channel_norm` as a module: no sample and no voxel sees another, so any grid will do."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, H, W) -> the same."""
        return channel_norm(x, self.weight, self.bias, self.eps)
