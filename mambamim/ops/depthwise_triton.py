"""Triton kernels of the depthwise 3x3x3 convolution, for channels-last features.

A thread has a few channels of a patch of LINES x SPAN voxels of a plane, and goes along D: a plane
of the input is read once for the three planes of the output that it has part in, and a voxel once
for all of the patch. What a patch has is a tuple of tensors (ROWS patches, CHANNELS), so that it
stays in registers, as the weights do.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from mambamim.ops.triton_launch import Entry, tl, triton

_PROGRAMS = 1024  # of a correlation: some for each multiprocessor
_SUMS = 300  # of a weight gradient, where each writes partial sums
_SHALLOWEST = 6  # planes of a program: it reads two more


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a kernel cuts its work; sides of patches divide those of a plane."""

    lines: int  # voxels of a patch along H
    span: int  # and along W
    depth: int  # planes that a program goes along
    rows: int  # patches that a program works on at once
    channels: int
    warps: int = 4


@triton.jit
def _patches(D, H, W, depth, LINES: tl.constexpr, SPAN: tl.constexpr, ROWS: tl.constexpr):
    """Of a program: where patches begin along H and W, which there are; sample, and first plane."""
    across = W // SPAN
    count = H // LINES * across
    tiles = tl.cdiv(count, ROWS)
    row = tl.program_id(0) % tiles * ROWS + tl.arange(0, ROWS)
    known = row < count
    row = tl.where(known, row, 0)  # there are voxels to be read for each
    slab, slabs = tl.program_id(0) // tiles, tl.cdiv(D, depth)
    batch, first = (slab // slabs).to(tl.int64), slab % slabs * depth
    return row // across * LINES, row % across * SPAN, known[:, None], batch, first


@triton.jit
def _channels(C: tl.constexpr, CHANNELS: tl.constexpr):
    """Channels (1, CHANNELS) of a program, and which of them there are."""
    c = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)[None]
    # A mask that is known to hold costs nothing.
    return c, c < C if C % CHANNELS else tl.full((1, CHANNELS), True, tl.int1)


@triton.jit
def _around(
    plane, h, w, c, inside, H, W, C: tl.constexpr, LINES: tl.constexpr, SPAN: tl.constexpr,
):  # fmt: skip
    """The voxels of patches and those beside them, zero beyond the border, in raster order."""
    near = ()
    for i in tl.static_range(LINES + 2):
        line = plane + (((h + i - 1) * W + w)[:, None] * C + c)
        for j in tl.static_range(SPAN + 2):
            seen = inside
            if i == 0:
                seen = seen & (h > 0)[:, None]
            if i == LINES + 1:
                seen = seen & (h < H - LINES)[:, None]
            if j == 0:
                seen = seen & (w > 0)[:, None]
            if j == SPAN + 1:
                seen = seen & (w < W - SPAN)[:, None]
            value = tl.load(line + (j - 1) * C, mask=seen, other=0.0)
            near = near + (value.to(tl.float32),)
    return near


@triton.jit
def _patch(
    plane, at, here, W, C: tl.constexpr, LINES: tl.constexpr, SPAN: tl.constexpr,
):  # fmt: skip
    """The voxels of patches, in raster order."""
    values = ()
    for i in tl.static_range(LINES):
        line = plane + (at + i * W * C)
        for j in tl.static_range(SPAN):
            value = tl.load(line + j * C, mask=here, other=0.0)
            values = values + (value.to(tl.float32),)
    return values


@triton.jit
def _store(
    plane, at, values, here, W, C: tl.constexpr, LINES: tl.constexpr, SPAN: tl.constexpr,
):  # fmt: skip
    for i in tl.static_range(LINES):
        line = plane + (at + i * W * C)
        for j in tl.static_range(SPAN):
            value = values[i * SPAN + j].to(plane.dtype.element_ty)
            tl.store(line + j * C, value, mask=here)


@Entry
@triton.jit(do_not_specialize=["D", "H", "W", "depth"])
def _correlate(
    x, weight, bias, out, D, H, W, depth, C: tl.constexpr, HAS_BIAS: tl.constexpr,
    LINES: tl.constexpr, SPAN: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """`weight` is (27, C)."""
    h, w, known, batch, first = _patches(D, H, W, depth, LINES, SPAN, ROWS)
    c, inside = _channels(C, CHANNELS)
    own = c + tl.zeros((ROWS, CHANNELS), tl.int32)
    taps = ()
    for tap in tl.static_range(27):
        factor = tl.load(weight + tap * C + own, mask=inside, other=0.0)
        taps = taps + (factor.to(tl.float32),)
    start = tl.zeros((ROWS, CHANNELS), tl.float32)
    if HAS_BIAS:
        start += tl.load(bias + own, mask=inside, other=0.0).to(tl.float32)
    # Sums of the planes z - 1 and z of the output before the plane z of the input is added.
    behind, level = (), ()
    for _ in tl.static_range(LINES * SPAN):
        behind, level = behind + (start,), level + (start,)
    at, here = (h * W + w)[:, None] * C + c, known & inside
    end = tl.minimum(first + depth, D)
    for z in range(tl.maximum(first - 1, 0), tl.minimum(end + 1, D)):
        near = _around(x + (batch * D + z) * H * W * C, h, w, c, inside, H, W, C, LINES, SPAN)
        done, current, fresh = (), (), ()
        for n in tl.static_range(LINES * SPAN):
            one, two, three = behind[n], level[n], start
            for tap in tl.static_range(9):
                value = near[(n // SPAN + tap // 3) * (SPAN + 2) + n % SPAN + tap % 3]
                one += value * taps[18 + tap]
                two += value * taps[9 + tap]
                three += value * taps[tap]
            done, current, fresh = done + (one,), current + (two,), fresh + (three,)
        plane = out + (batch * D + z - 1) * H * W * C
        _store(plane, at, done, here & (z > first), W, C, LINES, SPAN)
        behind, level = current, fresh
    if end == D:
        _store(out + (batch * D + D - 1) * H * W * C, at, behind, here, W, C, LINES, SPAN)


@triton.jit
def _joined(parts):
    """27 tensors and five of zeros as one with five more axes: all are summed at one go."""
    for _ in tl.static_range(32 - 27):
        parts = parts + (tl.zeros_like(parts[0]),)
    for axis in tl.static_range(4, -1, -1):
        pairs = ()
        for k in tl.static_range(2**axis):
            pairs = pairs + (tl.join(parts[k], parts[2**axis + k]),)
        parts = pairs
    return parts[0]


@Entry
@triton.jit(do_not_specialize=["D", "H", "W", "depth"])
def _weight_gradient(
    x, grad, out, D, H, W, depth, C: tl.constexpr, LINES: tl.constexpr, SPAN: tl.constexpr,
    ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Partial sums, (programs, C, 27)."""
    h, w, known, batch, first = _patches(D, H, W, depth, LINES, SPAN, ROWS)
    c, inside = _channels(C, CHANNELS)
    at, here = (h * W + w)[:, None] * C + c, known & inside
    sums = ()
    for _ in tl.static_range(27):
        sums = sums + (tl.zeros((ROWS, CHANNELS), tl.float32),)
    plane = grad + (batch * D + first) * H * W * C
    behind = _patch(plane - H * W * C, at, here & (first > 0), W, C, LINES, SPAN)
    level = _patch(plane, at, here, W, C, LINES, SPAN)
    for z in range(first, tl.minimum(first + depth, D)):
        plane = grad + (batch * D + z + 1) * H * W * C
        ahead = _patch(plane, at, here & (z < D - 1), W, C, LINES, SPAN)
        near = _around(x + (batch * D + z) * H * W * C, h, w, c, inside, H, W, C, LINES, SPAN)
        # The plane z is the first of three that the plane z + 1 of the output sees.
        pulls, totals = ahead + level + behind, ()
        for tap in tl.static_range(27):
            total = sums[tap]
            for n in tl.static_range(LINES * SPAN):
                value = near[(n // SPAN + tap % 9 // 3) * (SPAN + 2) + n % SPAN + tap % 3]
                total += value * pulls[tap // 9 * LINES * SPAN + n]
            totals = totals + (total,)
        sums, behind, level = totals, level, ahead
    total, tap = tl.sum(_joined(sums), 0), tl.arange(0, 32)[None]
    c = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)[:, None]
    place = out + (tl.program_id(0) * C + c) * 27 + tap
    tl.store(place, tl.reshape(total, (CHANNELS, 32)), mask=(c < C) & (tap < 27))


def make_plan(x: Tensor, programs: int) -> Plan:
    """For features (B, C, D, H, W): so many programs, if there are planes enough for each."""
    _, C, D, H, W = x.shape
    lines = next(side for side in (2, 1) if H % side == 0)
    span = next(side for side in (4, 2, 1) if W % side == 0)
    # As few idle channels as can be, and two for each thread.
    channels = min((64, 32, 16), key=lambda block: triton.cdiv(C, block) * block)
    plan = Plan(lines, span, D, 64 * Plan.warps // channels, channels)
    tiles, blocks = _grid(x, plan)
    cuts = max(1, min(triton.cdiv(programs, tiles * blocks), D // _SHALLOWEST))
    return dataclasses.replace(plan, depth=triton.cdiv(D, cuts))


def _grid(x: Tensor, plan: Plan) -> tuple[int, int]:
    B, C, D, H, W = x.shape
    patches = (H // plan.lines) * (W // plan.span)
    slabs = B * triton.cdiv(D, plan.depth)
    return slabs * triton.cdiv(patches, plan.rows), triton.cdiv(C, plan.channels)


def _cut(plan: Plan) -> dict[str, int]:
    """What kernels are told of a plan."""
    sides = {"depth": plan.depth, "LINES": plan.lines, "SPAN": plan.span}
    return sides | {"ROWS": plan.rows, "CHANNELS": plan.channels, "num_warps": plan.warps}


def correlate(x: Tensor, weight: Tensor, bias: Tensor | None, plan: Plan | None = None) -> Tensor:
    """Every channel with its own kernel, zeros beyond the border.

    Args:
        x: (B, C, D, H, W), any layout; channels-last is not copied.
        weight: (C, 27), taps in raster order.
        bias: (C,), or None.
        plan: another than the usual one.

    Returns:
        (B, C, D, H, W) in channels-last layout.
    """
    x = x.contiguous(memory_format=torch.channels_last_3d)
    _, C, D, H, W = x.shape
    plan = plan or make_plan(x, _PROGRAMS)
    out = torch.empty_like(x)
    taps = weight.t().contiguous()
    shift = taps if bias is None else bias.contiguous()
    with torch.cuda.device_of(x):
        _correlate[_grid(x, plan)](
            x, taps, shift, out, D, H, W, C=C, HAS_BIAS=bias is not None, **_cut(plan)
        )
    return out


def weight_gradient(x: Tensor, grad: Tensor, plan: Plan | None = None) -> Tensor:
    """Gradient of `correlate`'s weight, (C, 27) float32.

    Args:
        x: (B, C, D, H, W), as `grad`, of the output: any layout; channels-last is not copied.
        plan: another than the usual one.
    """
    x = x.contiguous(memory_format=torch.channels_last_3d)
    grad = grad.contiguous(memory_format=torch.channels_last_3d)
    _, C, D, H, W = x.shape
    plan = plan or make_plan(x, _SUMS)
    grid = _grid(x, plan)
    out = torch.empty(grid[0], C, 27, device=x.device, dtype=torch.float32)
    with torch.cuda.device_of(x):
        _weight_gradient[grid](x, grad, out, D, H, W, C=C, **_cut(plan))
    return out.sum(0)
