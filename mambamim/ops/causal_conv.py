"""Causal depthwise convolution along a sequence: the short filter before every selective scan."""

from __future__ import annotations

import importlib
import importlib.util

import torch.nn.functional as F
from torch import Tensor


def causal_conv1d(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """SiLU of a causal depthwise convolution: out_t = silu(sum_k weight_k x_{t-K+1+k} + bias).

    Uses the `causal_conv1d` package where it is installed and the tensors are on a CUDA device.

    Args:
        x: (B, E, L).
        weight: (E, K), K = 4 in Mamba (the package takes 2 to 4).
        bias: (E,).

    Returns:
        (B, E, L).
    """
    width = weight.shape[1]
    if x.is_cuda and width <= 4 and importlib.util.find_spec("causal_conv1d") is not None:
        package = importlib.import_module("causal_conv1d")
        return package.causal_conv1d_fn(x, weight, bias, activation="silu")
    padded = F.pad(x, (width - 1, 0))
    return F.silu(F.conv1d(padded, weight[:, None], bias, groups=x.shape[1]))
