"""Triton kernels of the depthwise 3x3x3 convolution of visible blocks, for channels-last features.

As those of `depthwise_triton`, but voxels beyond a block's faces are read from its neighbours: no
block needs a border, and none is convolved.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mambamim.ops.triton_launch import Entry, tl, triton
from mambamim.ops.visible_blocks_triton import channel_block

_TILE, _BLOCK_W = 1024, 16  # numbers a program works on at once; voxels of a line, at most
_LINES = 1024  # programs that share the lines of a weight gradient


@triton.jit
def _beside_line(
    beside, n, d, h, count, D: tl.constexpr, H: tl.constexpr,
):  # fmt: skip
    """Of a line that may lie beyond block n: those before, at and after it, and where it is."""
    across = (d >= 0).to(tl.int32) + (d >= D).to(tl.int32)
    down = (h >= 0).to(tl.int32) + (h >= H).to(tl.int32)
    first = beside + (9 * across + 3 * down) * count + n
    place = (d + D) % D * H + (h + H) % H
    return tl.load(first), tl.load(first + count), tl.load(first + 2 * count), place


@triton.jit
def _voxels(
    before, same, after, place, w, count, D: tl.constexpr, H: tl.constexpr, W: tl.constexpr,
):  # fmt: skip
    """Places of the voxels of a line, and whether they are in a block; -1 <= w <= W."""
    n = tl.where(w < 0, before, tl.where(w >= W, after, same))
    return (n * (D * H) + place) * W + (w + W) % W, n < count


@Entry
@triton.jit(do_not_specialize=["count"])
def _correlate(
    x, weight, bias, beside, out, count, C, D: tl.constexpr, H: tl.constexpr, W: tl.constexpr,
    HAS_BIAS: tl.constexpr, BLOCK_W: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    tiles = tl.cdiv(W, BLOCK_W)
    line = tl.program_id(0) // tiles
    w = (tl.program_id(0) % tiles) * BLOCK_W + tl.arange(0, BLOCK_W)
    c = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    n, d, h, inside = line // (D * H), line // H % D, line % H, c < C
    here = (w < W)[:, None] & inside[None]
    total = tl.zeros((BLOCK_W, BLOCK_C), tl.float32)
    for row in tl.static_range(9):
        before, same, after, place = _beside_line(
            beside, n, d + row // 3 - 1, h + row % 3 - 1, count, D, H
        )
        for tap in tl.static_range(3):
            at, known = _voxels(before, same, after, place, w + tap - 1, count, D, H, W)
            seen = known[:, None] & here
            near = tl.load(x + at[:, None] * C + c[None], mask=seen, other=0.0).to(tl.float32)
            factor = tl.load(weight + (3 * row + tap) * C + c, mask=inside, other=0.0)
            total += near * factor[None]
    if HAS_BIAS:
        total += tl.load(bias + c, mask=inside, other=0.0)[None]
    at = (line * W + w).to(tl.int64)
    tl.store(out + at[:, None] * C + c[None], total.to(out.dtype.element_ty), mask=here)


@Entry
@triton.jit(do_not_specialize=["count", "lines"])
def _weight_gradient(
    x, grad, beside, out, count, C, lines, D: tl.constexpr, H: tl.constexpr, W: tl.constexpr,
    STEP: tl.constexpr, BLOCK_W: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """Of three taps along W; partial sums over every STEP-th line."""
    start, c = tl.program_id(0), tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    row = tl.program_id(2)  # which of the 3 x 3 taps across D and H
    inside = c < C
    left = tl.zeros((BLOCK_W, BLOCK_C), tl.float32)
    middle = tl.zeros((BLOCK_W, BLOCK_C), tl.float32)
    right = tl.zeros((BLOCK_W, BLOCK_C), tl.float32)
    for line in range(start, lines, STEP):
        n, d, h = line // (D * H), line // H % D, line % H
        before, same, after, place = _beside_line(
            beside, n, d + row // 3 - 1, h + row % 3 - 1, count, D, H
        )
        for first in range(0, W, BLOCK_W):
            w = first + tl.arange(0, BLOCK_W)
            here = (w < W)[:, None] & inside[None]
            ours = (line * W + w).to(tl.int64)[:, None] * C + c[None]
            g = tl.load(grad + ours, mask=here, other=0.0).to(tl.float32)
            at, known = _voxels(before, same, after, place, w - 1, count, D, H, W)
            near, seen = x + at[:, None] * C + c[None], known[:, None] & here
            left += g * tl.load(near, mask=seen, other=0.0).to(tl.float32)
            at, known = _voxels(before, same, after, place, w, count, D, H, W)
            near, seen = x + at[:, None] * C + c[None], known[:, None] & here
            middle += g * tl.load(near, mask=seen, other=0.0).to(tl.float32)
            at, known = _voxels(before, same, after, place, w + 1, count, D, H, W)
            near, seen = x + at[:, None] * C + c[None], known[:, None] & here
            right += g * tl.load(near, mask=seen, other=0.0).to(tl.float32)
    out_at = out + (start * 27 + row * 3) * C + c
    tl.store(out_at, tl.sum(left, 0), mask=inside)
    tl.store(out_at + C, tl.sum(middle, 0), mask=inside)
    tl.store(out_at + 2 * C, tl.sum(right, 0), mask=inside)


class BlockKernels:
    """The functions of `depthwise_triton`, for blocks with neighbours.

    Args:
        beside: (27, N) int64, the block at each offset in raster order; N where there is none.
    """

    def __init__(self, beside: Tensor) -> None:
        self._beside = beside

    def correlate(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """(N, C, p, p, p), as `depthwise_triton.correlate`."""
        x = x.contiguous(memory_format=torch.channels_last_3d)
        count, C, D, H, W = x.shape
        out = torch.empty_like(x)
        taps = weight.t().float().contiguous()
        shift = taps if bias is None else bias.float().contiguous()
        tile = _tile(C, W)
        tiles = triton.cdiv(W, tile["BLOCK_W"]), triton.cdiv(C, tile["BLOCK_C"])
        with torch.cuda.device_of(x):
            _correlate[(count * D * H * tiles[0], tiles[1])](
                x, taps, shift, self._beside, out, count, C, D, H, W, bias is not None, **tile
            )
        return out

    def weight_gradient(self, x: Tensor, grad: Tensor) -> Tensor:
        """(C, 27) float32, as `depthwise_triton.weight_gradient`."""
        x = x.contiguous(memory_format=torch.channels_last_3d)
        grad = grad.contiguous(memory_format=torch.channels_last_3d)
        count, C, D, H, W = x.shape
        tile, lines = _tile(C, W), count * D * H
        step = min(_LINES, lines)
        out = torch.empty(step, 27, C, device=x.device, dtype=torch.float32)
        with torch.cuda.device_of(x):
            _weight_gradient[(step, triton.cdiv(C, tile["BLOCK_C"]), 9)](
                x, grad, self._beside, out, count, C, lines, D, H, W, STEP=step, **tile
            )
        return out.sum(0).t().contiguous()


def _tile(C: int, W: int) -> dict[str, int]:
    width = min(_BLOCK_W, triton.next_power_of_2(W))
    return {"BLOCK_W": width, "BLOCK_C": channel_block(C, _TILE // width)}
