"""Triton kernels of the layer norm over channels, for channels-last features.

A program has a block of voxels with all their channels. Torch's own kernel gives each voxel a
thread block of its own, which for the few channels of fine features leaves a GPU nearly idle.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mambamim.ops.triton_launch import Entry, tl, triton

_TILE = 4096  # numbers a program works on at once
_PROGRAMS = 1024  # that share the voxels of a backward pass


@triton.jit
def _centred(x, before, at, here, c, C, eps, BEFORE: tl.constexpr):
    """The features x + before without their mean, and 1 / their deviation at each voxel."""
    value = tl.load(x + at, mask=here, other=0.0).to(tl.float32)
    if BEFORE:
        value += tl.load(before + c, mask=c < C, other=0.0).to(tl.float32)[None]
    mean = tl.sum(value, 1) / C
    centred = tl.where(here, value - mean[:, None], 0.0)
    return centred, 1 / tl.sqrt(tl.sum(centred * centred, 1) / C + eps)


@Entry
@triton.jit
def _forward(
    x, before, weight, bias, residual, out, rows, C, eps, slope, BEFORE: tl.constexpr,
    RESIDUAL: tl.constexpr, ACTIVATE: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    c = tl.arange(0, CHANNELS)
    inside = c < C
    here = (row < rows)[:, None] & inside[None]
    at = row.to(tl.int64)[:, None] * C + c[None]
    centred, scale = _centred(x, before, at, here, c, C, eps, BEFORE)
    w = tl.load(weight + c, mask=inside, other=0.0).to(tl.float32)
    b = tl.load(bias + c, mask=inside, other=0.0).to(tl.float32)
    total = centred * scale[:, None] * w[None] + b[None]
    if RESIDUAL:
        total += tl.load(residual + at, mask=here, other=0.0).to(tl.float32)
    if ACTIVATE:
        total = tl.where(total > 0, total, slope * total)
    tl.store(out + at, total.to(out.dtype.element_ty), mask=here)


@Entry
@triton.jit
def _backward(
    x, before, weight, out, grad, grad_x, passed, sums, rows, C, eps, slope,
    BEFORE: tl.constexpr, PASSED: tl.constexpr, ACTIVATE: tl.constexpr,
    ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Gradient of the features, and partial sums for the parameters over a program's blocks."""
    c = tl.arange(0, CHANNELS)
    inside = c < C
    w = tl.load(weight + c, mask=inside, other=0.0).to(tl.float32)
    for_weight = tl.zeros((CHANNELS,), tl.float32)
    for_bias = tl.zeros((CHANNELS,), tl.float32)
    for_before = tl.zeros((CHANNELS,), tl.float32)
    for first in range(tl.program_id(0) * ROWS, rows, tl.num_programs(0) * ROWS):
        row = first + tl.arange(0, ROWS)
        here = (row < rows)[:, None] & inside[None]
        at = row.to(tl.int64)[:, None] * C + c[None]
        centred, scale = _centred(x, before, at, here, c, C, eps, BEFORE)
        g = tl.load(grad + at, mask=here, other=0.0).to(tl.float32)
        if ACTIVATE:
            g = tl.where(tl.load(out + at, mask=here, other=0.0) > 0, g, slope * g)
        if PASSED:
            tl.store(passed + at, g.to(passed.dtype.element_ty), mask=here)
        normed = centred * scale[:, None]
        pulled = g * w[None]
        along = tl.sum(pulled * normed, 1) / C
        level = tl.sum(pulled, 1) / C
        own = scale[:, None] * (pulled - level[:, None] - normed * along[:, None])
        tl.store(grad_x + at, own.to(grad_x.dtype.element_ty), mask=here)
        for_weight += tl.sum(g * normed, 0)
        for_bias += tl.sum(g, 0)
        if BEFORE:
            for_before += tl.sum(own, 0)
    place = sums + tl.program_id(0) * 3 * C + c
    tl.store(place, for_weight, mask=inside)
    tl.store(place + C, for_bias, mask=inside)
    tl.store(place + 2 * C, for_before, mask=inside)


def _tile(C: int) -> dict[str, int]:
    channels = triton.next_power_of_2(C)
    return {"ROWS": max(1, _TILE // channels), "CHANNELS": channels}


def forward(
    x: Tensor,
    before: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    residual: Tensor | None,
    eps: float,
    slope: float | None,
) -> Tensor:
    """leaky(norm(x + before) + residual), all channels-last; statistics in float32.

    Args:
        x: (B, C, D, H, W).
        before: (C,), or None.
        weight: (C,).
        bias: (C,).
        residual: as `x`, or None.
        eps: added to the biased variance.
        slope: of the leaky ReLU, or None.
    """
    C, rows = x.shape[1], x.numel() // x.shape[1]
    out, tile = torch.empty_like(x), _tile(C)
    added = (x if before is None else before, weight, bias, x if residual is None else residual)
    flags = (before is not None, residual is not None, slope is not None)
    with torch.cuda.device_of(x):
        _forward[(triton.cdiv(rows, tile["ROWS"]),)](
            x, *added, out, rows, C, eps, slope or 0.0, *flags, **tile
        )
    return out


def backward(
    x: Tensor,
    before: Tensor | None,
    weight: Tensor,
    out: Tensor | None,
    grad: Tensor,
    eps: float,
    slope: float | None,
    passed: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients; features are (B, C, D, H, W), channels-last.

    Args:
        x, before, weight, eps, slope: as in `forward`.
        out: what it gave; None where it did not activate.
        grad: of what it gave.
        passed: whether to write what of `grad` the activation lets through.

    Returns:
        Of the features; what is let through, or `grad` itself; of weight, bias and before (3, C).
    """
    C, rows = x.shape[1], x.numel() // x.shape[1]
    tile = _tile(C)
    step = min(_PROGRAMS, triton.cdiv(rows, tile["ROWS"]))
    grad_x = torch.empty_like(x)
    through = torch.empty_like(grad) if passed else grad
    sums = torch.empty(step, 3, C, device=x.device, dtype=torch.float32)
    given = (x if before is None else before, weight, x if out is None else out, grad)
    flags = (before is not None, passed, out is not None)
    with torch.cuda.device_of(x):
        _backward[(step,)](
            x, *given, grad_x, through, sums, rows, C, eps, slope or 0.0, *flags, **tile
        )
    return grad_x, through, sums.sum(0)
