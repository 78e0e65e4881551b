"""A 3x3x3 convolution with few channels, and the leaky ReLU after it.

For 16 to 64 channels of fine channels-last features cuDNN's kernels leave most of a GPU idle. Where
Triton is installed, forward and backward are the kernels of `thin_conv_triton`; elsewhere this is
torch's own convolution.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mambamim.ops.triton_support import fused_kernels

# From here on cuDNN's own kernels are as good; measured on an H100.
_ENOUGH_OUTPUTS, _MOST_INPUTS = 64, 128
_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


class ThinConv3d(nn.Conv3d):
    """nn.Conv3d of 3x3x3 that keeps the size, by `thin_conv`; its parameters are nn.Conv3d's."""

    def __init__(self, in_channels: int, out_channels: int, bias: bool = True) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, D, H, W) -> (B, C_out, D, H, W)."""
        return thin_conv(x, self.weight, self.bias)


def is_thin(conv: nn.Module) -> bool:
    """Whether `thin_conv` does the same as a layer, and may be faster."""
    if not isinstance(conv, nn.Conv3d) or conv.padding_mode != "zeros":
        return False
    shape = (conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.groups)
    few = conv.out_channels < _ENOUGH_OUTPUTS and conv.in_channels <= _MOST_INPUTS
    return few and shape == ((3,) * 3, (1,) * 3, (1,) * 3, (1,) * 3, 1)


def thin_conv(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, slope: float | None = None
) -> Tensor:
    """Convolution with stride 1 that keeps the size, then a leaky ReLU if there is a slope.

    Args:
        x: (B, C_in, D, H, W); the kernels are for channels-last layout.
        weight: (C_out, C_in, 3, 3, 3).
        bias: (C_out,), or None.
        slope: of negative outputs, not below 0; None for no activation.

    Returns:
        (B, C_out, D, H, W).
    """
    few = weight.shape[0] < _ENOUGH_OUTPUTS and weight.shape[1] <= _MOST_INPUTS
    if few and (found := fused_kernels("thin_conv_triton", x)):
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
        if x.dtype in _DTYPES:
            return _ThinConv.apply(x, weight, bias, slope, found)
    out = F.conv3d(x, weight, bias, padding=1)
    return out if slope is None else F.leaky_relu(out, slope)


class _ThinConv(torch.autograd.Function):
    """Sums are float32; results have the dtype of the features."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, slope: float | None, found: Any
    ) -> Tensor:
        out = found.correlate(x, weight, bias, slope)
        ctx.save_for_backward(x, weight, None if slope is None else out)
        ctx.slope, ctx.found = slope, found
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, out = ctx.saved_tensors
        grad = grads[0].contiguous(memory_format=torch.channels_last_3d)
        if out is not None:  # a leaky ReLU keeps the sign, so its output tells the slope
            grad = torch.ops.aten.leaky_relu_backward(grad, out, ctx.slope, True)
        # With many channels on both sides cuDNN's gradients are faster.
        thin = max(weight.shape[:2]) <= _ENOUGH_OUTPUTS
        for_x = for_weight = for_bias = None
        if not thin:
            for_x, for_weight = _cudnn_gradients(x, weight, grad, ctx.needs_input_grad)
        elif ctx.needs_input_grad[0]:
            # The gradient of a correlation is the correlation with the kernel turned round.
            turned = weight.flip(2, 3, 4).transpose(0, 1)
            for_x = ctx.found.correlate(grad, turned, None, None)
        if thin and ctx.needs_input_grad[1]:
            for_weight = ctx.found.weight_gradient(x, grad).to(weight.dtype)
        if ctx.needs_input_grad[2]:
            for_bias = grad.sum((0, 2, 3, 4), dtype=torch.float32).to(weight.dtype)
        return for_x, for_weight, for_bias, None, None


def _cudnn_gradients(
    x: Tensor, weight: Tensor, grad: Tensor, needed: tuple[bool, ...]
) -> tuple[Tensor | None, Tensor | None]:
    """Of the input and the weight."""
    last = torch.channels_last_3d
    given = weight.to(x.dtype).contiguous(memory_format=last)
    ones, zeros, mask = [1] * 3, [0] * 3, [needed[0], needed[1], False]
    for_x, for_weight, _ = torch.ops.aten.convolution_backward(
        grad, x, given, None, ones, ones, ones, False, zeros, 1, mask
    )
    return for_x, None if for_weight is None else for_weight.to(weight.dtype)
