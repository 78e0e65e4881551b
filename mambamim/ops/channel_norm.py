"""Layer norm over the channels of each voxel, in one pass and in the features' own layout."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mambamim.ops.triton_support import kernels


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
    if last and (found := kernels("channel_norm_triton", x)):
        return _ChannelNorm.apply(x, weight, bias, eps, found)
    kind = torch.channels_last_3d if last else torch.contiguous_format
    with torch.autocast(x.device.type, enabled=False):
        scale, shift = weight.to(x.dtype), bias.to(x.dtype)
        normed = F.layer_norm(x.movedim(1, -1), weight.shape, scale, shift, eps)
    return normed.movedim(-1, 1).contiguous(memory_format=kind)


class _ChannelNorm(torch.autograd.Function):
    """Keeps the features alone for the way back; their statistics are cheap to take again."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, found: Any
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.eps, ctx.found = eps, found
        return found.forward(x, weight, bias, eps)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        grad = grads[0].contiguous(memory_format=torch.channels_last_3d)
        grad_x, for_weight, for_bias = ctx.found.backward(x, grad, weight, ctx.eps)
        return grad_x, for_weight.to(weight.dtype), for_bias.to(weight.dtype), None, None
