"""Layer norm over the channels of each voxel, in one pass and in the features' own layout."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mambamim.ops.bias_act import bias_act
from mambamim.ops.triton_support import fused_kernels, is_channels_last


def channel_norm(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    eps: float,
    before: Tensor | None = None,
    residual: Tensor | None = None,
    slope: float | None = None,
) -> Tensor:
    """leaky(norm(x + before) + residual), the norm torch's own layer norm over C.

    Statistics are taken in float32; the result has the dtype and the memory format of `x`, where
    autocast would give float32, twice the memory and a copy for the convolution that follows. Where
    channels are innermost (channels_last_3d) nothing is moved.

    Args:
        x: (B, C, D, H, W).
        weight: (C,).
        bias: (C,).
        eps: added to the biased variance.
        before: (C,), the bias of the convolution that `x` comes from, see `bare`; None for none.
        residual: as `x`; None for none.
        slope: of the leaky ReLU; None for none.
    """
    if found := fused_kernels("channel_norm_triton", x):
        if residual is not None:
            residual = residual.contiguous(memory_format=torch.channels_last_3d)
        return _ChannelNorm.apply(x, before, weight, bias, residual, eps, slope, found)
    kind = torch.channels_last_3d if is_channels_last(x) else torch.contiguous_format
    x = x if before is None else bias_act(x, before)
    with torch.autocast(x.device.type, enabled=False):
        scale, shift = weight.to(x.dtype), bias.to(x.dtype)
        normed = F.layer_norm(x.movedim(1, -1), weight.shape, scale, shift, eps)
    normed = normed.movedim(-1, 1).contiguous(memory_format=kind)
    total = normed if residual is None else normed + residual
    return total if slope is None else F.leaky_relu(total, slope)


class _ChannelNorm(torch.autograd.Function):
    """Keeps the features for the way back; their statistics are cheap to take again.

    Of an activated result it keeps the result too, which the next layer keeps as well.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        before: Tensor | None,
        weight: Tensor,
        bias: Tensor,
        residual: Tensor | None,
        eps: float,
        slope: float | None,
        found: Any,
    ) -> Tensor:
        out = found.forward(x, before, weight, bias, residual, eps, slope)
        ctx.save_for_backward(x, before, weight, None if slope is None else out)
        ctx.eps, ctx.slope, ctx.found = eps, slope, found
        ctx.residual = None if residual is None else residual.dtype
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, before, weight, out = ctx.saved_tensors
        grad = grads[0].contiguous(memory_format=torch.channels_last_3d)
        # What the activation lets through is the residual's gradient.
        passed = ctx.residual is not None and out is not None
        grad_x, pulled, sums = ctx.found.backward(
            x, before, weight, out, grad, ctx.eps, ctx.slope, passed
        )
        for_weight, for_bias, for_before = sums.to(weight.dtype)
        return (
            grad_x,
            None if before is None else for_before.to(before.dtype),
            for_weight,
            for_bias,
            None if ctx.residual is None else pulled.to(ctx.residual),
            *(None, None, None),
        )
