"""Causal depthwise convolution along a sequence: the short filter before every selective scan."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mambamim.ops.triton_support import kernels


def causal_conv1d(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """SiLU of a causal depthwise convolution: out_t = silu(sum_k weight_k x_{t-K+1+k} + bias).

    On a CUDA device by a Triton kernel, or by the `causal_conv1d` package where that alone is
    installed.

    Args:
        x: (B, E, L).
        weight: (E, K), K = 4 in Mamba.
        bias: (E,).

    Returns:
        (B, E, L).
    """
    if found := kernels("causal_conv_triton", x):
        return _CausalConv.apply(x, weight[None], bias[None], found)
    if x.is_cuda and weight.shape[1] <= 4 and importlib.util.find_spec("causal_conv1d") is not None:
        package = importlib.import_module("causal_conv1d")
        return package.causal_conv1d_fn(x, weight, bias, activation="silu")
    padded = F.pad(x, (weight.shape[1] - 1, 0))
    return F.silu(F.conv1d(padded, weight[:, None], bias, groups=x.shape[1]))


def causal_conv1d_both(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The same in both directions of time, each with its own weights.

    Args:
        x: (B, E, L).
        weight: (2, E, K).
        bias: (2, E).

    Returns:
        (2 B, E, L), B sequences that know what is before, then B that know what follows; both in
        the order of `x`.
    """
    if found := kernels("causal_conv_triton", x):
        return _CausalConv.apply(x, weight, bias, found)
    back = causal_conv1d(x.flip(2), weight[1], bias[1]).flip(2)
    return torch.cat([causal_conv1d(x, weight[0], bias[0]), back])


class _CausalConv(torch.autograd.Function):
    """Channels innermost in memory, which is how they are computed and given back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, found: Any) -> Tensor:
        inputs = (_channels_inner(x), weight.contiguous(), bias.contiguous())
        ctx.save_for_backward(*inputs)
        ctx.found = found
        return found.convolve(*inputs).mT

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias = ctx.saved_tensors
        parts = ctx.found.gradients(x, weight, bias, _channels_inner(grads[0]))
        grad_x, for_weight, for_bias = parts
        return grad_x.mT, for_weight.to(weight.dtype), for_bias.to(bias.dtype), None


def _channels_inner(x: Tensor) -> Tensor:
    """(B, E, L) as (B, L, E) with E innermost, copied only where it is not so."""
    return x.mT if x.stride(1) == 1 else x.mT.contiguous()
