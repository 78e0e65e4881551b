"""Depthwise 3x3x3 convolution whose training on GPUs is not held up by its weight gradient.

For channels-last features in half precision cuDNN takes a kernel for the weights' gradient that is
some hundred times slower than reading its inputs; with it, it is most of a training step. Where
Triton is installed, forward and backward are the kernels of `depthwise_triton`; elsewhere this is
torch's own convolution.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mambamim.ops.triton_support import kernels


class DepthwiseConv3d(nn.Conv3d):
    """nn.Conv3d with a group a channel, stride 1 and as much padding as keeps the size.

    Its parameters are nn.Conv3d's, so checkpoints do not know the difference.
    """

    def __init__(self, channels: int, kernel_size: int = 3) -> None:
        super().__init__(channels, channels, kernel_size, padding=kernel_size // 2, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, H, W) -> (B, C, D, H, W)."""
        found = kernels("depthwise_triton", x) if self.kernel_size == (3, 3, 3) else None
        return super().forward(x) if found is None else self.run_kernels(x, found)

    def run_kernels(self, x: Tensor, found: Any) -> Tensor:
        """(B, C, D, H, W) -> the same, by kernels.

        Args:
            x: features.
            found: `depthwise_triton`, or what has its functions.
        """
        if torch.is_autocast_enabled("cuda"):
            x = x.to(torch.get_autocast_dtype("cuda"))
        assert self.bias is not None
        return _Depthwise.apply(x, self.weight, self.bias, found)


class _Depthwise(torch.autograd.Function):
    """Sums are float32; results have the dtype of the features."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, found: Any) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.found = found
        return found.correlate(x, weight.flatten(1), bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        (grad,) = grads
        # The gradient of a correlation is the correlation with the kernel turned round.
        grad_x = ctx.found.correlate(grad, weight.flatten(1).flip(1), None)
        grad_weight = ctx.found.weight_gradient(x, grad).view_as(weight)
        grad_bias = grad.sum((0, 2, 3, 4), dtype=torch.float32)
        return grad_x, grad_weight.to(weight.dtype), grad_bias.to(weight.dtype), None
