"""Group norm and instance norm with what follows them, in the features' own layout."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mambamim.ops.triton_support import fused_kernels

Norm = nn.GroupNorm | nn.InstanceNorm3d


class GroupNormReLU(nn.GroupNorm):
    """relu(group norm): no sample sees another, and a grid of any size will do.

    On GPUs with Triton the result has the dtype and the channels-last layout of the features;
    elsewhere it is torch's own group norm.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, H, W) -> the same."""
        out = norm_leaky(x, self, 0.0)
        return super().forward(x).relu() if out is None else out


def norm_leaky(
    x: Tensor, norm: Norm, slope: float, other: Tensor | None = None, other_norm: Norm | None = None
) -> Tensor | None:
    """leaky(norm(x) + other), or with `other_norm` leaky(norm(x) + other_norm(other)).

    Args:
        x: (B, C, D, H, W).
        norm: of samples; its instance norm keeps no running statistics.
        slope: of the leaky ReLU.
        other: as `x`; None for none.
        other_norm: has the groups and the eps of `norm`.

    Returns:
        As `x`, channels-last. None where there are no kernels for `x`.
    """
    found = fused_kernels("group_norm_triton", x)
    factors = fused_kernels("group_factors_triton", x)
    if factors is None or found is None:
        return None
    if other is not None:
        other = other.contiguous(memory_format=torch.channels_last_3d)
    groups = norm.num_groups if isinstance(norm, nn.GroupNorm) else norm.num_features
    plan = _Plan(found, factors, groups, norm.eps, slope, other_norm is not None)
    weights = (norm.weight, norm.bias)
    other_weights = (None, None) if other_norm is None else (other_norm.weight, other_norm.bias)
    return _GroupNorm.apply(plan, x, *weights, other, *other_weights)


class _Plan(NamedTuple):
    kernels: ModuleType
    factors: ModuleType
    groups: int
    eps: float
    slope: float
    norms_other: bool

    def forward(self, x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Any:
        """Factors of the features, and what they are made of."""
        return self.factors.forward(x, self.kernels.sums(x), weight, bias, self.groups, self.eps)

    def backward(
        self,
        x: Tensor,
        weight: Tensor | None,
        stats: Tensor,
        grad: Tensor,
        out: Tensor,
        passed: bool = False,
    ) -> tuple[Tensor | None, ...]:
        """Gradients of features, weight and bias; and with `passed` that of a residual."""
        sums = self.kernels.sums(x, grad, out, self.slope)
        factors, own = self.factors.backward(x, sums, weight, stats)
        grad_x, through = self.kernels.input_gradient(x, grad, out, factors, self.slope, passed)
        if weight is None or own is None:
            return grad_x, None, None, through
        return grad_x, *own.to(weight.dtype), through


class _GroupNorm(torch.autograd.Function):
    """y = leaky(w (x - m) r + b + ..), m and r mean and 1 / deviation of x's sample and group.

    With g = dy where y > 0, else slope dy, and n numbers in a group, sums over all of them:

        dw = sum_samples r (sum g x - m sum g),   db = sum_samples sum g
        dx = w r g + q x + p,   q = -r^3 (sum w g x - m sum w g) / n,   p = -q m - r (sum w g) / n
    """

    @staticmethod
    def forward(
        ctx: Any,
        plan: _Plan,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        other: Tensor | None,
        other_weight: Tensor | None,
        other_bias: Tensor | None,
    ) -> Tensor:
        factors, stats = plan.forward(x, weight, bias)
        other_factors = other_stats = kept = None
        if other is not None and plan.norms_other:
            other_factors, other_stats = plan.forward(other, other_weight, other_bias)
            kept = other
        out = plan.kernels.apply(x, factors, plan.slope, other, other_factors)
        ctx.plan, ctx.other = plan, None if other is None else other.dtype
        ctx.save_for_backward(x, weight, stats, out, kept, other_weight, other_stats)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, stats, out, other, other_weight, other_stats = ctx.saved_tensors
        grad = grads[0].contiguous(memory_format=torch.channels_last_3d)
        passed = ctx.other is not None and not ctx.plan.norms_other
        *own, through = ctx.plan.backward(x, weight, stats, grad, out, passed)
        if ctx.plan.norms_other:
            *others, _ = ctx.plan.backward(other, other_weight, other_stats, grad, out)
            return None, *own, *others
        return None, *own, through.to(ctx.other) if passed else None, None, None
