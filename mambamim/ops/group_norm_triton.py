"""Triton kernels of group norm with ReLU, for channels-last features.

Torch's group norm turns channels-last features round, and every convolution after it turns them
back. Here sums over the voxels of each sample and channel are taken by one kernel, the few numbers
of each group are worked out by torch, and a second kernel applies them.
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
_PROGRAMS = 128  # that share the voxels of a sample


@triton.jit
def _sums(
    x, grad, out, sums, voxels, C, BACKWARD: tl.constexpr, STEP: tl.constexpr,
    ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Of x and x^2; backward of g and g x, where the output was positive."""
    sample, c = tl.program_id(1), tl.arange(0, CHANNELS)
    inside = c < C
    one = tl.zeros((CHANNELS,), tl.float32)
    two = tl.zeros((CHANNELS,), tl.float32)
    for first in range(tl.program_id(0) * ROWS, voxels, STEP * ROWS):
        row = first + tl.arange(0, ROWS)
        here = (row < voxels)[:, None] & inside[None]
        at = (sample * voxels + row).to(tl.int64)[:, None] * C + c[None]
        value = tl.load(x + at, mask=here, other=0.0).to(tl.float32)
        if BACKWARD:
            shown = tl.load(out + at, mask=here, other=0.0) > 0
            g = tl.load(grad + at, mask=here, other=0.0).to(tl.float32)
            g = tl.where(shown, g, 0.0)
            one += tl.sum(g, 0)
            two += tl.sum(g * value, 0)
        else:
            one += tl.sum(value, 0)
            two += tl.sum(value * value, 0)
    place = sums + (sample * STEP + tl.program_id(0)) * 2 * C + c
    tl.store(place, one, mask=inside)
    tl.store(place + C, two, mask=inside)


@triton.jit
def _apply(
    x, grad, out, result, by_x, by_grad, level, voxels, C, BACKWARD: tl.constexpr,
    ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """relu(by_x x + level); backward by_grad g [out > 0] + by_x x + level."""
    sample, c = tl.program_id(1), tl.arange(0, CHANNELS)
    inside = c < C
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    here = (row < voxels)[:, None] & inside[None]
    at = (sample * voxels + row).to(tl.int64)[:, None] * C + c[None]
    value = tl.load(x + at, mask=here, other=0.0).to(tl.float32)
    factor = tl.load(by_x + sample * C + c, mask=inside, other=0.0)
    shift = tl.load(level + sample * C + c, mask=inside, other=0.0)
    total = value * factor[None] + shift[None]
    if BACKWARD:
        shown = tl.load(out + at, mask=here, other=0.0) > 0
        g = tl.load(grad + at, mask=here, other=0.0).to(tl.float32)
        through = tl.load(by_grad + sample * C + c, mask=inside, other=0.0)
        total += tl.where(shown, g * through[None], 0.0)
    else:
        total = tl.maximum(total, 0.0)
    tl.store(result + at, total.to(result.dtype.element_ty), mask=here)


def sums(x: Tensor, grad: Tensor | None = None, out: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Over the voxels of each sample and channel, (B, C) float64 each.

    Args:
        x: (B, C, D, H, W), channels-last.
        grad, out: None gives the sums of x and x^2; else those of g and g x where `out` > 0.
    """
    batch, C, voxels, tile = _plan(x)
    step = min(_PROGRAMS, triton.cdiv(voxels, tile["ROWS"]))
    parts = torch.empty(batch, step, 2, C, device=x.device, dtype=torch.float32)
    backward = grad is not None
    others = (grad, out) if backward else (x, x)
    with torch.cuda.device_of(x):
        _sums[(step, batch)](x, *others, parts, voxels, C, backward, STEP=step, **tile)
    one, two = parts.double().sum(1).unbind(1)
    return one, two


def scale_shift_relu(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """relu(scale x + shift), `scale` and `shift` (B, C) float32."""
    batch, C, voxels, tile = _plan(x)
    out = torch.empty_like(x)
    grid = (triton.cdiv(voxels, tile["ROWS"]), batch)
    with torch.cuda.device_of(x):
        _apply[grid](x, x, x, out, scale, scale, shift, voxels, C, False, **tile)
    return out


def input_gradient(
    x: Tensor, grad: Tensor, out: Tensor, by_grad: Tensor, by_x: Tensor, level: Tensor
) -> Tensor:
    """by_grad g [out > 0] + by_x x + level; the three factors are (B, C) float32."""
    batch, C, voxels, tile = _plan(x)
    result = torch.empty_like(x)
    grid = (triton.cdiv(voxels, tile["ROWS"]), batch)
    with torch.cuda.device_of(x):
        _apply[grid](x, grad, out, result, by_x, by_grad, level, voxels, C, True, **tile)
    return result


def _plan(x: Tensor) -> tuple[int, int, int, dict[str, int]]:
    batch, C = x.shape[:2]
    channels = triton.next_power_of_2(C)
    tile = {"ROWS": max(1, _TILE // channels), "CHANNELS": channels}
    return batch, C, x[0, 0].numel(), tile
