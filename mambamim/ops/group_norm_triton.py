"""Triton kernels of group norm with what follows it, for channels-last features.

Torch's norms over space turn channels-last features round, and every convolution after them turns
them back. Here one kernel takes sums over the voxels of each sample and channel, a small one makes
factors of them (`group_factors_triton`), and a third applies these.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mambamim.ops.triton_launch import Entry, tl, triton

_TILE = 4096  # numbers a program works on at once
_PROGRAMS = 1024  # that share the voxels of all samples


@Entry
@triton.jit
def _sums(
    x, grad, out, sums, voxels, middle, C, slope, BACKWARD: tl.constexpr,
    ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Of v and v^2; backward of g and g v, g what the activation lets through of the gradient.

    v is x without its value in the middle: squares of what is far from zero would lose its spread.
    """
    sample, c = tl.program_id(1), tl.arange(0, CHANNELS)
    inside = c < C
    start = (sample * voxels + middle).to(tl.int64) * C + c
    level = tl.load(x + start, mask=inside, other=0.0).to(tl.float32)
    one = tl.zeros((ROWS, CHANNELS), tl.float32)
    two = tl.zeros((ROWS, CHANNELS), tl.float32)
    step = tl.num_programs(0)
    for first in range(tl.program_id(0) * ROWS, voxels, step * ROWS):
        row = first + tl.arange(0, ROWS)
        here = (row < voxels)[:, None] & inside[None]
        at = (sample * voxels + row).to(tl.int64)[:, None] * C + c[None]
        value = tl.load(x + at, mask=here, other=0.0).to(tl.float32)
        value = tl.where(here, value - level[None], 0.0)
        if BACKWARD:
            g = tl.load(grad + at, mask=here, other=0.0).to(tl.float32)
            g = tl.where(tl.load(out + at, mask=here, other=0.0) > 0, g, slope * g)
            one += g
            two += g * value
        else:
            one += value
            two += value * value
    place = sums + (sample * 2 * C + c) * step + tl.program_id(0)
    tl.store(place, tl.sum(one, 0), mask=inside)
    tl.store(place + C * step, tl.sum(two, 0), mask=inside)


@triton.jit
def _line(x, factors, at, here, sample, c, C, samples):
    """x times its factor plus its shift; the factors of all samples lie before the shifts."""
    value = tl.load(x + at, mask=here, other=0.0).to(tl.float32)
    scale = tl.load(factors + sample * C + c, mask=c < C, other=0.0)
    shift = tl.load(factors + (samples + sample) * C + c, mask=c < C, other=0.0)
    return value * scale[None] + shift[None]


@Entry
@triton.jit
def _apply(
    x, factors, other, other_factors, out, voxels, C, slope, OTHER: tl.constexpr,
    NORMED: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """leaky(the line of x + other), or + the line of other."""
    sample, c = tl.program_id(1), tl.arange(0, CHANNELS)
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    here = (row < voxels)[:, None] & (c < C)[None]
    at = (sample * voxels + row).to(tl.int64)[:, None] * C + c[None]
    total = _line(x, factors, at, here, sample, c, C, tl.num_programs(1))
    if NORMED:
        total += _line(other, other_factors, at, here, sample, c, C, tl.num_programs(1))
    elif OTHER:
        total += tl.load(other + at, mask=here, other=0.0).to(tl.float32)
    total = tl.where(total > 0, total, slope * total)
    tl.store(out + at, total.to(out.dtype.element_ty), mask=here)


@Entry
@triton.jit
def _input_gradient(
    x, grad, out, by_x, by_grad, result, passed, voxels, C, slope, PASSED: tl.constexpr,
    ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """by_grad g + the line of x; and g itself, which is the residual's gradient."""
    sample, c = tl.program_id(1), tl.arange(0, CHANNELS)
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    here = (row < voxels)[:, None] & (c < C)[None]
    at = (sample * voxels + row).to(tl.int64)[:, None] * C + c[None]
    g = tl.load(grad + at, mask=here, other=0.0).to(tl.float32)
    g = tl.where(tl.load(out + at, mask=here, other=0.0) > 0, g, slope * g)
    if PASSED:
        tl.store(passed + at, g.to(passed.dtype.element_ty), mask=here)
    total = _line(x, by_x, at, here, sample, c, C, tl.num_programs(1))
    total += g * tl.load(by_grad + sample * C + c, mask=c < C, other=0.0)[None]
    tl.store(result + at, total.to(result.dtype.element_ty), mask=here)


def sums(
    x: Tensor, grad: Tensor | None = None, out: Tensor | None = None, slope: float = 0.0
) -> Tensor:
    """Partial sums over the voxels of each sample and channel, (B, 2, C, parts) float32.

    Args:
        x: (B, C, D, H, W), channels-last; v is x minus x in the middle of sample and channel.
        grad, out: None gives sums of v and v^2; else of g and g v, with g = `grad` where `out` > 0
            and slope * `grad` elsewhere.
        slope: of the leaky ReLU.
    """
    batch, C, voxels, tile = _plan(x)
    step = min(max(1, _PROGRAMS // batch), triton.cdiv(voxels, tile["ROWS"]))
    parts = torch.empty(batch, 2, C, step, device=x.device, dtype=torch.float32)
    backward = grad is not None
    others = (grad, out) if backward else (x, x)
    with torch.cuda.device_of(x):
        _sums[(step, batch)](x, *others, parts, voxels, middle(x), C, slope, backward, **tile)
    return parts


def apply(
    x: Tensor, factors: Tensor, slope: float, other: Tensor | None, other_factors: Tensor | None
) -> Tensor:
    """leaky(scale x + shift + other), or with `other_factors` + their scale other + shift.

    Args:
        x: (B, C, D, H, W), channels-last.
        factors: scale and shift, (2, B, C) float32.
        slope: of the leaky ReLU.
        other: as `x`, or None.
        other_factors: as `factors`, or None.
    """
    batch, C, voxels, tile = _plan(x)
    out = torch.empty_like(x)
    given = (x, factors, x if other is None else other)
    lines = factors if other_factors is None else other_factors
    flags = (other is not None, other_factors is not None)
    with torch.cuda.device_of(x):
        _apply[(triton.cdiv(voxels, tile["ROWS"]), batch)](
            *given, lines, out, voxels, C, slope, *flags, **tile
        )
    return out


def input_gradient(
    x: Tensor, grad: Tensor, out: Tensor, factors: Tensor, slope: float, passed: bool
) -> tuple[Tensor, Tensor]:
    """by_x x + level + by_grad g, and g where `passed`, else `grad`; see `sums` for g.

    Args:
        x, grad, out: (B, C, D, H, W), channels-last.
        factors: by_x, level and by_grad, (3, B, C) float32.
        slope: of the leaky ReLU.
        passed: whether to write g.
    """
    batch, C, voxels, tile = _plan(x)
    result = torch.empty_like(x)
    through = torch.empty_like(grad) if passed else grad
    with torch.cuda.device_of(x):
        _input_gradient[(triton.cdiv(voxels, tile["ROWS"]), batch)](
            x, grad, out, factors, factors[2], result, through, voxels, C, slope, passed, **tile
        )
    return result, through


def middle(x: Tensor) -> int:
    """Number of the voxel in the middle of (B, C, D, H, W), where no padding reaches."""
    D, H, W = x.shape[2:]
    return (D // 2 * H + H // 2) * W + W // 2


def _plan(x: Tensor) -> tuple[int, int, int, dict[str, int]]:
    batch, C = x.shape[:2]
    channels = triton.next_power_of_2(C)
    tile = {"ROWS": max(1, _TILE // channels), "CHANNELS": channels}
    return batch, C, x[0, 0].numel(), tile
