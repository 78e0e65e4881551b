"""Triton kernels that fill masked voxels, for channels-last features.

What is masked is not read. A tile is some voxels with a block of their channels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mambamim.ops.triton_launch import Entry, tl, triton
from mambamim.ops.visible_blocks_triton import channel_block

_TILE = 4096  # numbers a program works on at once
_ROWS, _CHANNELS = 1024, 128  # voxels and channels of those, at most
_PROGRAMS = 1056  # that share the tiles of a sum: some for each multiprocessor


@triton.jit
def _tile(
    tile, visible, voxels, C, GRID_D: tl.constexpr, GRID_H: tl.constexpr, GRID_W: tl.constexpr,
    D: tl.constexpr, H: tl.constexpr, W: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Where a tile's numbers lie, which of them there are, and which are visible.

    A place of the mask is D x H x W voxels.
    """
    row = tile * ROWS + tl.arange(0, ROWS)
    c = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    w, h = row % (GRID_W * W) // W, row // (GRID_W * W) % (GRID_H * H) // H
    d = row // (GRID_H * H * GRID_W * W) // D  # of all samples
    seen = tl.load(visible + (d * GRID_H + h) * GRID_W + w, mask=row < voxels, other=0)
    here = (row < voxels)[:, None] & (c < C)[None]
    return row.to(tl.int64)[:, None] * C + c[None], here, (seen != 0)[:, None]


@Entry
@triton.jit(do_not_specialize=["voxels"])
def _fill(
    x, visible, token, out, voxels, C, HAS_TOKEN: tl.constexpr, GRID_D: tl.constexpr,
    GRID_H: tl.constexpr, GRID_W: tl.constexpr, D: tl.constexpr, H: tl.constexpr, W: tl.constexpr,
    ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    at, here, seen = _tile(
        tl.program_id(0), visible, voxels, C, GRID_D, GRID_H, GRID_W, D, H, W, ROWS, CHANNELS
    )
    value = tl.load(x + at, mask=here & seen, other=0.0)
    if HAS_TOKEN:
        c = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
        fill = tl.load(token + c, mask=c < C, other=0.0).to(value.dtype)
        value = tl.where(seen, value, fill[None])
    tl.store(out + at, value, mask=here)


@Entry
@triton.jit(do_not_specialize=["voxels", "tiles"])
def _part(
    grad, visible, kept, sums, voxels, C, tiles, GRID_D: tl.constexpr, GRID_H: tl.constexpr,
    GRID_W: tl.constexpr, D: tl.constexpr, H: tl.constexpr, W: tl.constexpr, ROWS: tl.constexpr,
    CHANNELS: tl.constexpr,
):  # fmt: skip
    """What is visible, zeros elsewhere; partial sums of what is masked, (programs, C)."""
    total = tl.zeros((ROWS, CHANNELS), tl.float32)
    for tile in range(tl.program_id(0), tiles, tl.num_programs(0)):
        at, here, seen = _tile(
            tile, visible, voxels, C, GRID_D, GRID_H, GRID_W, D, H, W, ROWS, CHANNELS
        )
        value = tl.load(grad + at, mask=here, other=0.0)
        tl.store(kept + at, tl.where(seen, value, 0.0), mask=here)
        total += tl.where(seen, 0.0, value.to(tl.float32))
    c = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    tl.store(sums + tl.program_id(0) * C + c, tl.sum(total, 0), mask=c < C)


def fill(x: Tensor, visible: Tensor, token: Tensor | None) -> Tensor:
    """`x` with `token` where it is masked.

    Args:
        x: (B, C, D, H, W), channels-last.
        visible: (B, d, h, w) bool, each side a divisor of that of `x`.
        token: (C,); None for zeros.
    """
    out = torch.empty_like(x)
    tiles, blocks, cut = _cut(x, visible)
    with torch.cuda.device_of(x):
        _fill[(tiles, blocks)](
            x, visible.contiguous(), x if token is None else token, out, x.numel() // x.shape[1],
            x.shape[1], token is not None, **cut,
        )  # fmt: skip
    return out


def part(grad: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of `x` and `token`, (C,) float32, from that of `fill`, channels-last."""
    C, kept = grad.shape[1], torch.empty_like(grad)
    tiles, blocks, cut = _cut(grad, visible)
    programs = min(triton.cdiv(_PROGRAMS, blocks), tiles)
    sums = torch.empty(programs, C, device=grad.device, dtype=torch.float32)
    with torch.cuda.device_of(grad):
        _part[(programs, blocks)](
            grad, visible.contiguous(), kept, sums, grad.numel() // C, C, tiles, **cut
        )
    return kept, sums.sum(0)


def _cut(x: Tensor, visible: Tensor) -> tuple[int, int, dict[str, int]]:
    """Tiles, blocks of channels, and what kernels are told of both."""
    channels = channel_block(x.shape[1], _CHANNELS)
    rows = min(_TILE // channels, _ROWS)
    grid = dict(zip(("GRID_D", "GRID_H", "GRID_W"), visible.shape[1:], strict=True))
    sides = {
        axis: side // places
        for axis, side, places in zip("DHW", x.shape[2:], visible.shape[1:], strict=True)
    }
    cut = grid | sides | {"ROWS": rows, "CHANNELS": channels}
    tiles = triton.cdiv(x.numel() // x.shape[1], rows)
    return tiles, triton.cdiv(x.shape[1], channels), cut
