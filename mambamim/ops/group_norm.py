"""Group norm followed by ReLU, in the features' own layout."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mambamim.ops.triton_support import kernels


class GroupNormReLU(nn.GroupNorm):
    """relu(group norm): no sample sees another, and a grid of any size will do.

    On GPUs with Triton the result has the dtype and the channels-last layout of the features;
    elsewhere it is torch's own group norm.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, H, W) -> the same."""
        last = x.is_contiguous(memory_format=torch.channels_last_3d)
        if last and (found := kernels("group_norm_triton", x)):
            return _GroupNormReLU.apply(x, self.weight, self.bias, self.num_groups, self.eps, found)
        return super().forward(x).relu()


class _GroupNormReLU(torch.autograd.Function):
    """y = relu(w (x - m) r + b), m and r the mean and 1 / deviation of x's sample and group.

    With g = [y > 0] dy, and n numbers in a group, sums over all of them:

        dw = sum_samples r (sum g x - m sum g),   db = sum_samples sum g
        dx = w r g + q x + p,   q = -r^3 (sum w g x - m sum w g) / n,   p = -q m - r (sum w g) / n
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float, found: Any
    ) -> Tensor:
        ctx.found = found
        one, two = found.sums(x)
        size = x.numel() // (len(x) * groups)
        mean = _by_group(one, groups).sum(2, keepdim=True) / size
        square = _by_group(two, groups).sum(2, keepdim=True) / size
        rate = ((square - mean.square()).clamp_min(0) + eps).rsqrt()
        scale = (_by_group(weight.double()[None], groups) * rate).flatten(1)
        shift = bias.double() - (_by_group(scale, groups) * mean).flatten(1)
        out = found.scale_shift_relu(x, scale.float(), shift.float())
        ctx.save_for_backward(x, weight, out, mean, rate)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, out, mean, rate = ctx.saved_tensors
        grad = grads[0].contiguous(memory_format=torch.channels_last_3d)
        groups = mean.shape[1]
        plain, weighted = (_by_group(s, groups) for s in ctx.found.sums(x, grad, out))
        factor = _by_group(weight.double()[None], groups)
        size = x.numel() // (len(x) * groups)
        level = (factor * plain).sum(2, keepdim=True)
        slope = (factor * weighted).sum(2, keepdim=True)
        q = -(rate**3) * (slope - mean * level) / size
        p = -q * mean - rate * level / size
        parts = (factor * rate, q.expand_as(plain), p.expand_as(plain))
        grad_x = ctx.found.input_gradient(
            x, grad, out, *(part.flatten(1).float() for part in parts)
        )
        grad_weight = (rate * (weighted - mean * plain)).flatten(1).sum(0)
        grad_bias = plain.flatten(1).sum(0)
        return grad_x, grad_weight.to(weight.dtype), grad_bias.to(weight.dtype), None, None, None


def _by_group(values: Tensor, groups: int) -> Tensor:
    """(B, C) -> (B, groups, C / groups)."""
    return values.unflatten(1, (groups, -1))
