"""Triton kernels of the layer norm over channels, for channels-last features.

A program has a block of voxels with all their channels. Torch's own kernel gives each voxel a
thread block of its own, which for the few channels of fine features leaves a GPU nearly idle.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mambamim.errors import MissingDependencyError

try:
    import triton
    import triton.language as tl
except ImportError as error:
    raise MissingDependencyError(
        "Triton is not installed.", "It comes with torch for CUDA on Linux."
    ) from error

_TILE = 4096  # numbers a program works on at once
_PROGRAMS = 1024  # that share the voxels of a backward pass


@triton.jit
def _forward(
    x, weight, bias, out, rows, C, eps, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    c = tl.arange(0, CHANNELS)
    inside = c < C
    here = (row < rows)[:, None] & inside[None]
    at = row.to(tl.int64)[:, None] * C + c[None]
    value = tl.load(x + at, mask=here, other=0.0).to(tl.float32)
    mean = tl.sum(value, 1) / C
    centred = tl.where(here, value - mean[:, None], 0.0)
    scale = 1 / tl.sqrt(tl.sum(centred * centred, 1) / C + eps)
    w = tl.load(weight + c, mask=inside, other=0.0).to(tl.float32)
    b = tl.load(bias + c, mask=inside, other=0.0).to(tl.float32)
    normed = centred * scale[:, None] * w[None] + b[None]
    tl.store(out + at, normed.to(out.dtype.element_ty), mask=here)


@triton.jit
def _backward(
    x, grad, weight, grad_x, sums, rows, C, eps, STEP: tl.constexpr,
    ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Gradient of the features, and partial sums for weight and bias over every STEP-th block."""
    c = tl.arange(0, CHANNELS)
    inside = c < C
    w = tl.load(weight + c, mask=inside, other=0.0).to(tl.float32)
    for_weight = tl.zeros((CHANNELS,), tl.float32)
    for_bias = tl.zeros((CHANNELS,), tl.float32)
    for first in range(tl.program_id(0) * ROWS, rows, STEP * ROWS):
        row = first + tl.arange(0, ROWS)
        here = (row < rows)[:, None] & inside[None]
        at = row.to(tl.int64)[:, None] * C + c[None]
        value = tl.load(x + at, mask=here, other=0.0).to(tl.float32)
        g = tl.load(grad + at, mask=here, other=0.0).to(tl.float32)
        mean = tl.sum(value, 1) / C
        centred = tl.where(here, value - mean[:, None], 0.0)
        scale = 1 / tl.sqrt(tl.sum(centred * centred, 1) / C + eps)
        normed = centred * scale[:, None]
        pulled = g * w[None]
        along = tl.sum(pulled * normed, 1) / C
        level = tl.sum(pulled, 1) / C
        out = scale[:, None] * (pulled - level[:, None] - normed * along[:, None])
        tl.store(grad_x + at, out.to(grad_x.dtype.element_ty), mask=here)
        for_weight += tl.sum(g * normed, 0)
        for_bias += tl.sum(g, 0)
    place = sums + tl.program_id(0) * 2 * C + c
    tl.store(place, for_weight, mask=inside)
    tl.store(place + C, for_bias, mask=inside)


def _tile(C: int) -> dict[str, int]:
    channels = triton.next_power_of_2(C)
    return {"ROWS": max(1, _TILE // channels), "CHANNELS": channels}


def forward(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Normed features of (B, C, D, H, W), channels-last; statistics in float32."""
    C, rows = x.shape[1], x.numel() // x.shape[1]
    out, tile = torch.empty_like(x), _tile(C)
    with torch.cuda.device_of(x):
        _forward[(triton.cdiv(rows, tile["ROWS"]),)](x, weight, bias, out, rows, C, eps, **tile)
    return out


def backward(x: Tensor, grad: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the features, the weight and the bias; `x` and `grad` are channels-last."""
    C, rows = x.shape[1], x.numel() // x.shape[1]
    tile = _tile(C)
    step = min(_PROGRAMS, triton.cdiv(rows, tile["ROWS"]))
    grad_x = torch.empty_like(x)
    sums = torch.empty(step, 2, C, device=x.device, dtype=torch.float32)
    with torch.cuda.device_of(x):
        _backward[(step,)](x, grad, weight, grad_x, sums, rows, C, eps, STEP=step, **tile)
    for_weight, for_bias = sums.sum(0)
    return grad_x, for_weight, for_bias
