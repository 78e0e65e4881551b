"""What follows a convolution: its bias, a residual and a leaky ReLU, in one pass."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mambamim.ops.depthwise_conv import DepthwiseConv3d
from mambamim.ops.thin_conv import is_thin, thin_conv
from mambamim.ops.thin_pointwise import is_thin_pointwise, thin_pointwise
from mambamim.ops.triton_support import fused_kernels, kernels

Conv = nn.Conv3d | nn.ConvTranspose3d


def bare(conv: Conv, x: Tensor) -> tuple[Tensor, Tensor | None]:
    """A convolution whose bias is left to the kernel that comes after it.

    Args:
        conv: the convolution.
        x: (B, C_in, D, H, W).

    Returns:
        (B, C_out, D', H', W'), and the bias (C_out,) that it lacks; None where it lacks none, as
        on CPUs.
    """
    # A depthwise one adds its bias in its own kernel.
    if isinstance(conv, DepthwiseConv3d) or fused_kernels("bias_act_triton", x) is None:
        return conv(x), None
    if is_thin(conv):
        return thin_conv(x, conv.weight), conv.bias
    weight, stride, padding, groups = conv.weight, conv.stride, conv.padding, conv.groups
    if isinstance(conv, nn.ConvTranspose3d):
        more = (conv.output_padding, groups, conv.dilation)
        y = F.conv_transpose3d(x, weight, None, stride, padding, *more)  # type: ignore[arg-type]
        return y, conv.bias
    return F.conv3d(x, weight, None, stride, padding, conv.dilation, groups), conv.bias


def bias_act(
    x: Tensor, bias: Tensor | None, slope: float | None = None, residual: Tensor | None = None
) -> Tensor:
    """leaky(x + bias + residual), written over `x`: what a convolution gave, and nobody else has.

    Args:
        x: (B, C, D, H, W).
        bias: (C,); None where `x` has it already.
        slope: of the leaky ReLU; None for none.
        residual: as `x`; None for none.
    """
    if bias is not None and (found := kernels("bias_act_triton", x)):
        last = torch.channels_last_3d
        other = None if residual is None else residual.contiguous(memory_format=last)
        return _BiasAct.apply(x.contiguous(memory_format=last), bias, slope, other, found)
    if bias is not None:
        x = x + over_space(bias)
    if residual is not None:
        x = x.add_(residual)
    return x if slope is None else F.leaky_relu(x, slope, inplace=True)


def convolve_act(
    conv: Conv, x: Tensor, slope: float | None = None, residual: Tensor | None = None
) -> Tensor:
    """leaky(conv(x) + residual); see `bias_act`."""
    if residual is None and is_thin(conv) and fused_kernels("thin_conv_triton", x):
        return thin_conv(x, conv.weight, conv.bias, slope)
    if residual is None and slope is None and is_thin_pointwise(conv):
        return pointwise(conv, x)  # type: ignore[arg-type]
    return bias_act(*bare(conv, x), slope, residual)


def pointwise(conv: nn.Conv3d, x: Tensor) -> Tensor:
    """A 1x1x1 convolution, (B, C_in, D, H, W) -> (B, C_out, D, H, W).

    On GPUs with Triton that of channels-last features is a matrix product, which adds the bias
    before it writes; see `thin_pointwise` for few outputs.
    """
    if fused_kernels("bias_act_triton", x) is None:
        return conv(x)
    if is_thin_pointwise(conv):
        return thin_pointwise(x, conv.weight, conv.bias)
    values = x.movedim(1, -1)
    out = F.linear(values.reshape(-1, x.shape[1]), conv.weight.flatten(1), conv.bias)
    return out.view(*values.shape[:-1], -1).movedim(-1, 1)


def over_space(values: Tensor) -> Tensor:
    """(C,) -> (C, 1, 1, 1)."""
    return values[:, None, None, None]


class _BiasAct(torch.autograd.Function):
    """Keeps the result alone, which the next layer keeps as well, and that only for its signs."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, bias: Tensor, slope: float | None, residual: Tensor | None, found: Any
    ) -> Tensor:
        found.forward(x, bias, slope, residual)
        ctx.mark_dirty(x)
        ctx.slope, ctx.like = slope, (bias.dtype, None if residual is None else residual.dtype)
        if slope is not None:
            ctx.save_for_backward(x)
        return x

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        if ctx.slope is not None:
            grad = torch.ops.aten.leaky_relu_backward(grad, *ctx.saved_tensors, ctx.slope, True)
        bias, residual = ctx.like
        for_bias = grad.sum((0, 2, 3, 4), dtype=torch.float32).to(bias)
        return grad, for_bias, None, None if residual is None else grad.to(residual), None
