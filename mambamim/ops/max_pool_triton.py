"""Triton kernels of max-pooling by 2, for channels-last features.

A program has a block of windows with all their channels. Which of its eight voxels a window took is
one byte, in raster order.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mambamim.ops.triton_launch import Entry, tl, triton

_TILE = 1024  # maxima that a program works on at once


@triton.jit
def _place(row, D, H, W):
    """Number of the first voxel of a window in the fine grid."""
    d, h, w = D // 2, H // 2, W // 2
    plane, line = row // (h * w), row // w % h
    fine = (plane // d).to(tl.int64) * D + plane % d * 2
    return (fine * H + line * 2) * W + row % w * 2


@Entry
@triton.jit
def _pool(
    x, out, taken, rows, D, H, W, C: tl.constexpr, NOTES: tl.constexpr,
    ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    row, c = tl.program_id(0) * ROWS + tl.arange(0, ROWS), tl.arange(0, CHANNELS)
    here = (row < rows)[:, None] & (c < C)[None]
    near = x + _place(row, D, H, W)[:, None] * C + c[None]
    best = tl.load(near, mask=here, other=0.0).to(tl.float32)
    which = tl.zeros((ROWS, CHANNELS), tl.int8)
    for k in tl.static_range(1, 8):
        step = (k // 4 * H + k // 2 % 2) * W + k % 2
        value = tl.load(near + step * C, mask=here, other=0.0).to(tl.float32)
        wins = (value > best) | (value != value)
        best = tl.where(wins, value, best)
        which = tl.where(wins, k, which).to(tl.int8)
    at = row.to(tl.int64)[:, None] * C + c[None]
    tl.store(out + at, best.to(out.dtype.element_ty), mask=here)
    if NOTES:
        tl.store(taken + at, which, mask=here)


@Entry
@triton.jit
def _spread(
    grad, taken, out, rows, D, H, W, C: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr
):
    row, c = tl.program_id(0) * ROWS + tl.arange(0, ROWS), tl.arange(0, CHANNELS)
    here = (row < rows)[:, None] & (c < C)[None]
    at = row.to(tl.int64)[:, None] * C + c[None]
    pull = tl.load(grad + at, mask=here, other=0.0)
    which = tl.load(taken + at, mask=here, other=0)
    near = out + _place(row, D, H, W)[:, None] * C + c[None]
    for k in tl.static_range(8):
        step = (k // 4 * H + k // 2 % 2) * W + k % 2
        tl.store(near + step * C, tl.where(which == k, pull, 0.0), mask=here)


def pool(x: Tensor, notes: bool) -> tuple[Tensor, Tensor | None]:
    """The maxima, (B, C, D // 2, H // 2, W // 2) channels-last, and which voxel they are of.

    Args:
        x: (B, C, D, H, W), channels-last.
        notes: whether to note the voxels, int8 in the shape of the maxima; else None.
    """
    (B, C, *sides), last = x.shape, torch.channels_last_3d
    shape = (B, C, *(side // 2 for side in sides))
    out = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=last)
    taken = torch.empty_like(out, dtype=torch.int8) if notes else None
    rows, grid, tile = _cut(out)
    with torch.cuda.device_of(x):
        _pool[grid](x, out, out if taken is None else taken, rows, *sides, C, notes, **tile)
    return out, taken


def spread(grad: Tensor, taken: Tensor, sides: Sequence[int]) -> Tensor:
    """Gradient of the features that `pool` took: (B, C, *sides), channels-last.

    Args:
        grad: of the maxima, (B, C, d, h, w), channels-last.
        taken: what `pool` has noted.
        sides: D, H and W.
    """
    shape, last = (*grad.shape[:2], *sides), torch.channels_last_3d
    out = torch.empty(shape, dtype=grad.dtype, device=grad.device, memory_format=last)
    if any(side % 2 for side in sides):
        out.zero_()  # what is in no window
    rows, grid, tile = _cut(grad)
    with torch.cuda.device_of(grad):
        _spread[grid](grad, taken, out, rows, *sides, grad.shape[1], **tile)
    return out


def _cut(pooled: Tensor) -> tuple[int, tuple[int], dict[str, int]]:
    C, rows = pooled.shape[1], pooled.numel() // pooled.shape[1]
    channels = triton.next_power_of_2(C)
    tile = {"ROWS": max(1, _TILE // channels), "CHANNELS": channels}
    return rows, (triton.cdiv(rows, tile["ROWS"]),), tile
