"""A 1x1x1 convolution with few outputs: the head of a network.

It is bound by memory, yet cuDNN takes several times as long as it takes to read the features and
write the result, and adds the bias in a further pass. Where Triton is installed, forward and
backward are the kernels of `thin_pointwise_triton`; elsewhere this is torch's own convolution.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mambamim.ops.triton_support import fused_kernels

# From here on it is a matrix product of which torch's own kernels make good use.
_ENOUGH_OUTPUTS, _MOST_INPUTS = 32, 128
_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def is_thin_pointwise(conv: nn.Module) -> bool:
    """Whether `thin_pointwise` does the same as a layer, and may be faster."""
    if not isinstance(conv, nn.Conv3d):
        return False
    shape = (conv.kernel_size, conv.stride, conv.padding, conv.groups)
    few = conv.out_channels < _ENOUGH_OUTPUTS and conv.in_channels <= _MOST_INPUTS
    return few and shape == ((1,) * 3, (1,) * 3, (0,) * 3, 1)


def thin_pointwise(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """1x1x1 convolution with stride 1.

    Args:
        x: (B, C_in, D, H, W); the kernels are for channels-last layout.
        weight: (C_out, C_in, 1, 1, 1).
        bias: (C_out,), or None.

    Returns:
        (B, C_out, D, H, W).
    """
    few = weight.shape[0] < _ENOUGH_OUTPUTS and weight.shape[1] <= _MOST_INPUTS
    if few and (found := fused_kernels("thin_pointwise_triton", x)):
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
        if x.dtype in _DTYPES:
            return _ThinPointwise.apply(x, weight, bias, found)
    return F.conv3d(x, weight, bias)


class _ThinPointwise(torch.autograd.Function):
    """Sums are float32; results have the dtype of the features."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, found: Any) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.found = found
        return found.multiply(x, weight.flatten(1), bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        grad = grads[0].contiguous(memory_format=torch.channels_last_3d)
        for_x = for_weight = for_bias = None
        if ctx.needs_input_grad[0]:
            for_x = ctx.found.multiply(grad, weight.flatten(1).t(), None)
        if any(ctx.needs_input_grad[1:3]):
            matrix, sums = ctx.found.parameter_gradients(x, grad)
            for_weight = matrix.to(weight.dtype).view_as(weight)
            for_bias = sums.to(weight.dtype) if ctx.needs_input_grad[2] else None
        return for_x, for_weight, for_bias, None
