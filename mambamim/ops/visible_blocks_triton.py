"""Triton kernels that move visible blocks about, for channels-last features.

A program has a few voxels of the result with a block of their channels, and looks up where each is
read from. Sums are gathered, never scattered, so that results do not change from run to run.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mambamim.ops.triton_launch import Entry, tl, triton

_TILE = 4096  # numbers a program works on at once
_ROWS, _CHANNELS = 256, 128  # voxels and channels of those, at most


@triton.jit
def _tile(voxels, C, ROWS: tl.constexpr, CHANNELS: tl.constexpr):
    """The voxels of a program, where its numbers lie, and which of them there are."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    c = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    inside = (c < C)[None]
    return row, row.to(tl.int64)[:, None] * C + c[None], c, (row < voxels)[:, None] & inside


@triton.jit
def _axes(row, D: tl.constexpr, H: tl.constexpr, W: tl.constexpr):
    """Block, depth, height and width of a voxel."""
    return row // (D * H * W), row // (H * W) % D, row // W % H, row % W


@Entry
@triton.jit(do_not_specialize=["count"])
def _border(
    blocks, beside, wide, count, voxels, C, D: tl.constexpr, H: tl.constexpr, W: tl.constexpr,
    ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    row, at, c, here = _tile(voxels, C, ROWS, CHANNELS)
    n, d, h, w = _axes(row, D + 2, H + 2, W + 2)
    # Along each axis 0, 1 or 2: in the block before, in this one, in the one after.
    across = (d > 0).to(tl.int32) + (d > D).to(tl.int32)
    down = (h > 0).to(tl.int32) + (h > H).to(tl.int32)
    along = (w > 0).to(tl.int32) + (w > W).to(tl.int32)
    number = 9 * across + 3 * down + along
    there = tl.load(beside + number * count + n, mask=row < voxels, other=count)
    place = ((d + D - 1) % D * H + (h + H - 1) % H) * W + (w + W - 1) % W
    source = there * (D * H * W) + place
    seen = here & (there < count)[:, None]
    value = tl.load(blocks + source[:, None] * C + c[None], mask=seen, other=0.0)
    tl.store(wide + at, value, mask=here)


@Entry
@triton.jit(do_not_specialize=["count"])
def _border_gradient(
    wide, beside, blocks, count, voxels, C, D: tl.constexpr, H: tl.constexpr, W: tl.constexpr,
    ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    row, at, c, here = _tile(voxels, C, ROWS, CHANNELS)
    n, d, h, w = _axes(row, D, H, W)
    # The only neighbour along each axis that has the voxel: before, none (0), after.
    across = (d == D - 1).to(tl.int32) - (d == 0).to(tl.int32)
    down = (h == H - 1).to(tl.int32) - (h == 0).to(tl.int32)
    along = (w == W - 1).to(tl.int32) - (w == 0).to(tl.int32)
    total = tl.zeros((ROWS, CHANNELS), tl.float32)
    for axes in tl.static_range(8):  # which of the axes lead to the neighbour; none: the own place
        dd, hh, ww = across * (axes // 4), down * (axes // 2 % 2), along * (axes % 2)
        leads = (dd != 0) | (axes // 4 == 0)
        leads &= (hh != 0) | (axes // 2 % 2 == 0)
        leads &= (ww != 0) | (axes % 2 == 0)
        number = 9 * dd + 3 * hh + ww + 13
        there = tl.load(beside + number * count + n, mask=leads & (row < voxels), other=count)
        # Behind its last voxel where it is before this block, ahead of its first where after.
        place = ((d + 1 - dd * D) * (H + 2) + h + 1 - hh * H) * (W + 2) + w + 1 - ww * W
        source = there * ((D + 2) * (H + 2) * (W + 2)) + place
        seen = here & (there < count)[:, None]
        value = tl.load(wide + source[:, None] * C + c[None], mask=seen, other=0.0)
        total += value.to(tl.float32)
    tl.store(blocks + at, total.to(blocks.dtype.element_ty), mask=here)


@Entry
@triton.jit
def _cut(
    volume, places, blocks, voxels, C, GRID_D, GRID_H, GRID_W, D: tl.constexpr, H: tl.constexpr,
    W: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    row, at, c, here = _tile(voxels, C, ROWS, CHANNELS)
    n, d, h, w = _axes(row, D, H, W)
    place, known = places + n * 4, row < voxels
    sample = tl.load(place, mask=known, other=0)
    depth = sample * GRID_D * D + tl.load(place + 1, mask=known, other=0) * D + d
    height = depth * GRID_H * H + tl.load(place + 2, mask=known, other=0) * H + h
    source = height * GRID_W * W + tl.load(place + 3, mask=known, other=0) * W + w
    value = tl.load(volume + source[:, None] * C + c[None], mask=here, other=0.0)
    tl.store(blocks + at, value, mask=here)


@Entry
@triton.jit(do_not_specialize=["count"])
def _spread(
    blocks, slots, volume, count, voxels, C, GRID_D: tl.constexpr, GRID_H: tl.constexpr,
    GRID_W: tl.constexpr, D: tl.constexpr, H: tl.constexpr, W: tl.constexpr,
    ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    row, at, c, here = _tile(voxels, C, ROWS, CHANNELS)
    sample, d, h, w = _axes(row, GRID_D * D, GRID_H * H, GRID_W * W)
    place = ((sample * GRID_D + d // D) * GRID_H + h // H) * GRID_W + w // W
    n = tl.load(slots + place, mask=row < voxels, other=count)
    source = n * (D * H * W) + (d % D * H + h % H) * W + w % W
    seen = here & (n < count)[:, None]
    value = tl.load(blocks + source[:, None] * C + c[None], mask=seen, other=0.0)
    tl.store(volume + at, value, mask=here)


def channel_block(C: int, most: int) -> int:
    """Channels that a program has: a power of two, at best one that leaves no program half idle."""
    even = C & -C
    return min(even if even >= 32 else triton.next_power_of_2(C), most)


def add_border(blocks: Tensor, beside: Tensor) -> Tensor:
    """(N, C, p, p, p), channels-last, with a border of one voxel from the neighbours.

    Args:
        blocks: (N, C, p, p, p).
        beside: (27, N) int64, the block at each offset in raster order; N where there is none.

    Returns:
        (N, C, p + 2, p + 2, p + 2), zero where there is no neighbour.
    """
    sides = [side + 2 for side in blocks.shape[2:]]
    wide = _empty((*blocks.shape[:2], *sides), blocks)
    _launch(_border, blocks, beside, wide, beside.shape[1], sides=blocks.shape[2:])
    return wide


def border_gradient(wide: Tensor, beside: Tensor) -> Tensor:
    """Gradient of the blocks, (N, C, p, p, p), from that of `add_border`'s result.

    Sums are float32. No side may be 1: then a voxel would be both the first and the last.
    """
    blocks = _empty((*wide.shape[:2], *(side - 2 for side in wide.shape[2:])), wide)
    _launch(_border_gradient, wide, beside, blocks, beside.shape[1], sides=blocks.shape[2:])
    return blocks


def cut(volume: Tensor, places: Tensor, grid: tuple[int, ...]) -> Tensor:
    """Blocks (N, C, p, p, p) of a volume, channels-last.

    Args:
        volume: (B, C, D, H, W).
        places: (N, 4) int64, sample and place of each block on the grid.
        grid: (d, h, w), blocks of the volume along each axis.
    """
    sides = [side // places for side, places in zip(volume.shape[2:], grid, strict=True)]
    blocks = _empty((len(places), volume.shape[1], *sides), volume)
    _launch(_cut, volume, places, blocks, sides=sides, grid=grid)
    return blocks


def spread(blocks: Tensor, slots: Tensor) -> Tensor:
    """The other way: the volume (B, C, D, H, W), zero where no block is.

    Args:
        blocks: (N, C, p, p, p), channels-last.
        slots: (B, d, h, w) int64, the block at each place; N where there is none.
    """
    batch, *grid = slots.shape
    sides = [side * places for side, places in zip(blocks.shape[2:], grid, strict=True)]
    volume = _empty((batch, blocks.shape[1], *sides), blocks)
    _launch(_spread, blocks, slots, volume, len(blocks), sides=blocks.shape[2:], grid=grid)
    return volume


def _empty(shape: tuple[int, ...], like: Tensor) -> Tensor:
    kind = torch.channels_last_3d
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=kind)


def _launch(kernel, x: Tensor, table: Tensor, out: Tensor, *count: int, sides, grid=()) -> None:
    """A kernel with a program for every tile of `out`."""
    C, voxels = out.shape[1], out.numel() // out.shape[1]
    channels = channel_block(C, _CHANNELS)
    rows = min(_TILE // channels, _ROWS)
    programs = (triton.cdiv(voxels, rows), triton.cdiv(C, channels))
    with torch.cuda.device_of(x):
        kernel[programs](
            x, table, out, *count, voxels, C, *grid, *sides, ROWS=rows, CHANNELS=channels
        )
