"""Triton kernels that make factors of a group norm from partial sums, a program a group.

In double precision, as squares of means are subtracted from means of squares.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mambamim.ops.group_norm_triton import middle
from mambamim.ops.triton_launch import Entry, tl, triton

_PARTS = 4096  # partial sums a program works on at once


@triton.jit
def _totals(
    x, sums, sample, c, inside, voxels, middle, C, parts, BLOCK: tl.constexpr,
    CHANNELS: tl.constexpr,
):  # fmt: skip
    """The two sums of each channel `c`, and its value in the middle, float64."""
    one = tl.zeros((CHANNELS,), tl.float64)
    two = tl.zeros((CHANNELS,), tl.float64)
    for first in range(0, parts, BLOCK):
        part = first + tl.arange(0, BLOCK)
        here = inside[:, None] & (part < parts)[None]
        at = (sample * 2 * C + c)[:, None] * parts + part[None]
        one += tl.sum(tl.load(sums + at, mask=here, other=0.0).to(tl.float64), 1)
        two += tl.sum(tl.load(sums + at + C * parts, mask=here, other=0.0).to(tl.float64), 1)
    at = (sample * voxels + middle).to(tl.int64) * C + c
    return one, two, tl.load(x + at, mask=inside, other=0.0).to(tl.float64)


@Entry
@triton.jit
def _forward(
    x, sums, weight, bias, factors, stats, voxels, middle, C, parts, eps, AFFINE: tl.constexpr,
    WIDTH: tl.constexpr, BLOCK: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    group, sample, i = tl.program_id(0), tl.program_id(1), tl.arange(0, CHANNELS)
    c, inside = group * WIDTH + i, i < WIDTH
    one, two, level = _totals(x, sums, sample, c, inside, voxels, middle, C, parts, BLOCK, CHANNELS)
    mean = (tl.sum(one, 0) / voxels + tl.sum(level, 0)) / WIDTH
    off = tl.where(inside, mean - level, 0.0)
    variance = (tl.sum(two - 2 * off * one, 0) / voxels + tl.sum(off * off, 0)) / WIDTH
    rate = 1 / tl.sqrt(tl.where(variance > 0, variance, 0.0) + eps)
    scale = tl.zeros((CHANNELS,), tl.float64) + rate
    shift = -scale * mean
    if AFFINE:
        w = tl.load(weight + c, mask=inside, other=0.0).to(tl.float64)
        shift = shift * w + tl.load(bias + c, mask=inside, other=0.0).to(tl.float64)
        scale = scale * w
    place = factors + sample * C + c
    tl.store(place, scale.to(tl.float32), mask=inside)
    tl.store(place + tl.num_programs(1) * C, shift.to(tl.float32), mask=inside)
    own = stats + (sample * tl.num_programs(0) + group) * 2
    tl.store(own, mean)
    tl.store(own + 1, rate)


@Entry
@triton.jit
def _backward(
    x, sums, weight, stats, factors, for_parameters, voxels, middle, C, parts,
    AFFINE: tl.constexpr, WIDTH: tl.constexpr, BLOCK: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    group, sample, i = tl.program_id(0), tl.program_id(1), tl.arange(0, CHANNELS)
    c, inside = group * WIDTH + i, i < WIDTH
    plain, weighted, level = _totals(
        x, sums, sample, c, inside, voxels, middle, C, parts, BLOCK, CHANNELS
    )
    own = stats + (sample * tl.num_programs(0) + group) * 2
    mean, rate = tl.load(own), tl.load(own + 1)
    weighted += (level - mean) * plain  # about the mean
    w = tl.zeros((CHANNELS,), tl.float64) + 1.0
    if AFFINE:
        w = tl.load(weight + c, mask=inside, other=0.0).to(tl.float64)
    q = -rate * rate * rate * tl.sum(w * weighted, 0) / voxels / WIDTH
    p = -q * mean - rate * tl.sum(w * plain, 0) / voxels / WIDTH
    place, step = factors + sample * C + c, tl.num_programs(1) * C
    tl.store(place, (tl.zeros((CHANNELS,), tl.float64) + q).to(tl.float32), mask=inside)
    tl.store(place + step, (tl.zeros((CHANNELS,), tl.float64) + p).to(tl.float32), mask=inside)
    tl.store(place + 2 * step, (w * rate).to(tl.float32), mask=inside)
    if AFFINE:
        place = for_parameters + sample * C + c
        tl.store(place, rate * weighted, mask=inside)
        tl.store(place + step, plain, mask=inside)


def forward(
    x: Tensor, sums: Tensor, weight: Tensor | None, bias: Tensor | None, groups: int, eps: float
) -> tuple[Tensor, Tensor]:
    """Scale and shift of each sample and channel, and the groups' statistics.

    Args:
        x: (B, C, D, H, W), channels-last.
        sums: partial sums of its v and v^2, (B, 2, C, parts) float32, see `group_norm_triton`.
        weight, bias: (C,), or None for a norm without.
        groups: of channels.
        eps: added to the biased variance.

    Returns:
        (2, B, C) float32; mean and 1 / deviation, (B, groups, 2) float64.
    """
    batch, _, C, parts = sums.shape
    factors = torch.empty(2, batch, C, device=sums.device, dtype=torch.float32)
    stats = torch.empty(batch, groups, 2, device=sums.device, dtype=torch.float64)
    given = (sums, sums, sums) if weight is None else (sums, weight, bias)
    width, size = C // groups, (x[0, 0].numel(), middle(x), C, parts)
    with torch.cuda.device_of(sums):
        _forward[(groups, batch)](
            x, *given, factors, stats, *size, eps, weight is not None, **_blocks(width, parts)
        )
    return factors, stats


def backward(
    x: Tensor, sums: Tensor, weight: Tensor | None, stats: Tensor
) -> tuple[Tensor, Tensor | None]:
    """Factors of the gradient of the features, and the gradients of weight and bias.

    Args:
        x: (B, C, D, H, W), channels-last.
        sums: partial sums of g and g v, (B, 2, C, parts) float32.
        weight: (C,), or None.
        stats: as `forward` gave them.

    Returns:
        q, p and w r of each sample and channel, (3, B, C) float32, see `_GroupNorm`; and (2, C)
        float64, None without a weight.
    """
    batch, _, C, parts = sums.shape
    groups = stats.shape[1]
    factors = torch.empty(3, batch, C, device=sums.device, dtype=torch.float32)
    own = None if weight is None else stats.new_empty(2, batch, C)
    given = (sums, sums if weight is None else weight, stats, factors)
    width, size = C // groups, (x[0, 0].numel(), middle(x), C, parts)
    with torch.cuda.device_of(sums):
        _backward[(groups, batch)](
            x, *given, factors if own is None else own, *size, own is not None,
            **_blocks(width, parts),
        )  # fmt: skip
    return factors, None if own is None else own.sum(1)


def _blocks(width: int, parts: int) -> dict[str, int]:
    channels = triton.next_power_of_2(width)
    block = min(triton.next_power_of_2(parts), max(1, _PARTS // channels))
    return {"WIDTH": width, "BLOCK": block, "CHANNELS": channels}
