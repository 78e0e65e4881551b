"""Triton kernels of the depthwise 3x3x3 convolution, for channels-last features.

A program works on a line of W voxels and a block of channels, channels innermost, so that loads are
wide; the 27 neighbours of a voxel come from the cache.
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

_BLOCK_W, _BLOCK_C = 16, 32
_LINES = 1024  # programs that share the lines of a weight gradient


@triton.jit
def _correlate(
    x, weight, bias, out, C, D, H, W, HAS_BIAS: tl.constexpr,
    BLOCK_W: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    tiles = tl.cdiv(W, BLOCK_W)
    line = tl.program_id(0) // tiles
    w = (tl.program_id(0) % tiles) * BLOCK_W + tl.arange(0, BLOCK_W)
    c = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    h, d, inside = line % H, (line // H) % D, c < C
    total = tl.zeros((BLOCK_W, BLOCK_C), tl.float32)
    for tap in tl.static_range(27):
        dd, hh, ww = d + tap // 9 - 1, h + (tap // 3) % 3 - 1, w + tap % 3 - 1
        there = (dd >= 0) & (dd < D) & (hh >= 0) & (hh < H)
        at = ((line + (tap // 9 - 1) * H + (tap // 3) % 3 - 1) * W + ww).to(tl.int64)
        seen = ((ww >= 0) & (ww < W) & there)[:, None] & inside[None]
        near = tl.load(x + at[:, None] * C + c[None], mask=seen, other=0.0).to(tl.float32)
        factor = tl.load(weight + tap * C + c, mask=inside, other=0.0)
        total += near * factor[None]
    if HAS_BIAS:
        total += tl.load(bias + c, mask=inside, other=0.0)[None]
    at = (line * W + w).to(tl.int64)
    here = (w < W)[:, None] & inside[None]
    tl.store(out + at[:, None] * C + c[None], total.to(out.dtype.element_ty), mask=here)


@triton.jit
def _weight_gradient(
    x, grad, out, C, D, H, W, lines, STEP: tl.constexpr,
    BLOCK_W: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """Of three taps along W; partial sums over every STEP-th line."""
    start, c = tl.program_id(0), tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    row = tl.program_id(2)  # which of the 3 x 3 taps across D and H
    up, along = row // 3 - 1, row % 3 - 1
    inside = c < C
    left = tl.zeros((BLOCK_W, BLOCK_C), tl.float32)
    middle = tl.zeros((BLOCK_W, BLOCK_C), tl.float32)
    right = tl.zeros((BLOCK_W, BLOCK_C), tl.float32)
    for line in range(start, lines, STEP):
        h, d = line % H, (line // H) % D
        there = (d + up >= 0) & (d + up < D) & (h + along >= 0) & (h + along < H)
        if there:
            for first in range(0, W, BLOCK_W):
                w = first + tl.arange(0, BLOCK_W)
                here = (w < W)[:, None] & inside[None]
                ours = (line * W + w).to(tl.int64)[:, None] * C + c[None]
                g = tl.load(grad + ours, mask=here, other=0.0).to(tl.float32)
                theirs = ((line + up * H + along) * W + w).to(tl.int64)[:, None] * C + c[None]
                near = x + theirs
                before = here & (w >= 1)[:, None]
                after = here & (w < W - 1)[:, None]
                left += g * tl.load(near - C, mask=before, other=0.0).to(tl.float32)
                middle += g * tl.load(near, mask=here, other=0.0).to(tl.float32)
                right += g * tl.load(near + C, mask=after, other=0.0).to(tl.float32)
    place = out + (start * 27 + row * 3) * C + c
    tl.store(place, tl.sum(left, 0), mask=inside)
    tl.store(place + C, tl.sum(middle, 0), mask=inside)
    tl.store(place + 2 * C, tl.sum(right, 0), mask=inside)


def correlate(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Every channel with its own kernel, zeros beyond the border.

    Args:
        x: (B, C, D, H, W), any layout; channels-last is not copied.
        weight: (C, 27), taps in raster order.
        bias: (C,), or None.

    Returns:
        (B, C, D, H, W) in channels-last layout.
    """
    x = x.contiguous(memory_format=torch.channels_last_3d)
    batch, C, D, H, W = x.shape
    out = torch.empty_like(x)
    taps = weight.t().float().contiguous()
    shift = taps if bias is None else bias.float().contiguous()
    grid = (batch * D * H * triton.cdiv(W, _BLOCK_W), triton.cdiv(C, _BLOCK_C))
    with torch.cuda.device_of(x):
        _correlate[grid](
            x, taps, shift, out, C, D, H, W, bias is not None, BLOCK_W=_BLOCK_W, BLOCK_C=_BLOCK_C
        )
    return out


def weight_gradient(x: Tensor, grad: Tensor) -> Tensor:
    """Gradient of `correlate`'s weight, (C, 27) float32; `x` and `grad` are (B, C, D, H, W)."""
    x = x.contiguous(memory_format=torch.channels_last_3d)
    grad = grad.contiguous(memory_format=torch.channels_last_3d)
    batch, C, D, H, W = x.shape
    lines = batch * D * H
    step = min(_LINES, lines)
    out = torch.empty(step, 27, C, device=x.device, dtype=torch.float32)
    with torch.cuda.device_of(x):
        _weight_gradient[(step, triton.cdiv(C, _BLOCK_C), 9)](
            x, grad, out, C, D, H, W, lines, STEP=step, BLOCK_W=_BLOCK_W, BLOCK_C=_BLOCK_C
        )
    return out.sum(0).t().contiguous()
