"""Triton kernels of a 3x3x3 convolution with few channels, for channels-last features.

A row of a matrix product is a run of `span` voxels along W, for which (span + 2) voxels are read:
with channels innermost they lie side by side in memory. Weights are laid out to match (`_spread`),
with zeros where an output has no part in a voxel, so that even 1 or 16 channels fill the tiles that
tensor cores ask for. A plane of the input is read once for the three planes of the output that it
has part in; their sums move on as a program goes along D.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from mambamim.ops.triton_launch import Entry, tl, triton
from mambamim.ops.triton_support import precision


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a kernel cuts its work; `m`, `n` and `k` are the sides of its matrix products."""

    span: int  # voxels along W that are a row of a matrix
    m: int
    n: int
    k: int
    depth: int = 24  # planes of the output that a program goes along
    programs: int = 528  # of a weight gradient: some for each multiprocessor
    warps: int = 8
    stages: int = 3


@triton.jit
def _near(
    x, batch, z, row, j, D, H, W, C: tl.constexpr, SPAN: tl.constexpr,
):  # fmt: skip
    """Rows of a plane: (rows, j), where j runs over three lines of SPAN + 2 voxels of C."""
    voxel = j // C  # before all else: so the compiler sees how many neighbours in j have one mask
    up, along = voxel // (SPAN + 2) - 1, voxel % (SPAN + 2) - 1
    h, w = row * SPAN // W, row * SPAN % W
    hh, ww = h[:, None] + up[None], w[:, None] + along[None]
    seen = (hh >= 0) & (hh < H) & (ww >= 0) & (ww < W) & (voxel < 3 * (SPAN + 2))[None]
    plane = x + (batch * D + z).to(tl.int64) * H * W * C
    at = (row * SPAN)[:, None] * C + ((up * W + along) * C + j % C)[None]
    return tl.load(plane + at, mask=seen & (z >= 0) & (z < D), other=0.0)


@Entry
@triton.jit
def _correlate(
    x, weight, bias, out, D, H, W, slope, C: tl.constexpr, COLUMNS: tl.constexpr,
    SPAN: tl.constexpr, HAS_BIAS: tl.constexpr, BENT: tl.constexpr, PRECISION: tl.constexpr,
    DEPTH: tl.constexpr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr,
    STAGES: tl.constexpr,
):  # fmt: skip
    """`weight` is (3, steps * K, columns), padded with zeros to multiples of K and N."""
    STEPS: tl.constexpr = (3 * (SPAN + 2) * C + K - 1) // K
    rows, slabs = H * W // SPAN, tl.cdiv(D, DEPTH)
    tiles = tl.cdiv(rows, M)
    slab = tl.program_id(0) // tiles
    batch, first = slab // slabs, slab % slabs * DEPTH
    row = tl.program_id(0) % tiles * M + tl.arange(0, M)
    n = tl.program_id(1) * N + tl.arange(0, N)
    k, width = tl.arange(0, K), tl.num_programs(1) * N
    here = (row < rows)[:, None] & (n < COLUMNS)[None]
    shift = tl.zeros((N,), tl.float32)
    if HAS_BIAS:
        shift += tl.load(bias + n, mask=n < COLUMNS, other=0.0)
    behind = tl.zeros((M, N), tl.float32)
    level = tl.zeros((M, N), tl.float32)
    ahead = tl.zeros((M, N), tl.float32)
    # Planes and the steps within them are one loop, so that loads run ahead over planes too.
    planes = tl.minimum(DEPTH, D - first) + 2
    for turn in tl.range(0, planes * STEPS, num_stages=STAGES):
        step, z = turn % STEPS, first - 1 + turn // STEPS
        j = step * K + k
        near = _near(x, batch, z, row, j, D, H, W, C, SPAN)
        part = weight + j[:, None] * width + n[None]
        # The plane z is the first of three that the plane z + 1 of the output sees.
        ahead = tl.dot(near, tl.load(part), ahead, input_precision=PRECISION)
        part += STEPS * K * width
        level = tl.dot(near, tl.load(part), level, input_precision=PRECISION)
        part += STEPS * K * width
        behind = tl.dot(near, tl.load(part), behind, input_precision=PRECISION)
        if step == STEPS - 1:
            total = behind + shift[None]
            if BENT:
                total = tl.where(total > 0, total, total * slope)
            place = out + (batch * D + z - 1).to(tl.int64) * rows * COLUMNS
            place += row[:, None] * COLUMNS + n[None]
            tl.store(place, total.to(out.dtype.element_ty), mask=here & (z > first))
            behind, level = level, ahead
            ahead = tl.zeros((M, N), tl.float32)


@Entry
@triton.jit
def _weight_gradient(
    x, grad, out, B, D, H, W, C: tl.constexpr, COLUMNS: tl.constexpr, SPAN: tl.constexpr,
    PRECISION: tl.constexpr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr,
    STAGES: tl.constexpr,
):  # fmt: skip
    """Partial sums (programs, 3, 3 lines of SPAN + 2 voxels of C, COLUMNS); K rows at a time."""
    SIDE: tl.constexpr = 3 * (SPAN + 2) * C
    rows = H * W // SPAN
    pieces = B * D * tl.cdiv(rows, K)
    share = tl.cdiv(pieces, tl.num_programs(0))
    start = tl.program_id(0) * share
    j = tl.program_id(1) * M + tl.arange(0, M)
    n = tl.program_id(2) * N + tl.arange(0, N)
    behind = tl.zeros((M, N), tl.float32)
    level = tl.zeros((M, N), tl.float32)
    ahead = tl.zeros((M, N), tl.float32)
    for piece in tl.range(start, tl.minimum(start + share, pieces), num_stages=STAGES):
        z, batch = piece % D, piece // D % B  # along D first: neighbours are still in the cache
        row = piece // D // B * K + tl.arange(0, K)
        here = (row < rows)[:, None]
        near = tl.trans(_near(x, batch, z, row, j, D, H, W, C, SPAN))
        plane = grad + (batch * D + z).to(tl.int64) * rows * COLUMNS
        place, here = plane + row[:, None] * COLUMNS + n[None], here & (n < COLUMNS)[None]
        pull = tl.load(place + rows * COLUMNS, mask=here & (z < D - 1), other=0.0)
        ahead = tl.dot(near, pull, ahead, input_precision=PRECISION)
        pull = tl.load(place, mask=here, other=0.0)
        level = tl.dot(near, pull, level, input_precision=PRECISION)
        pull = tl.load(place - rows * COLUMNS, mask=here & (z > 0), other=0.0)
        behind = tl.dot(near, pull, behind, input_precision=PRECISION)
    place = out + tl.program_id(0).to(tl.int64) * (3 * SIDE * COLUMNS)
    place += j[:, None] * COLUMNS + n[None]
    here = (j < SIDE)[:, None] & (n < COLUMNS)[None]
    tl.store(place, ahead, mask=here)
    tl.store(place + SIDE * COLUMNS, level, mask=here)
    tl.store(place + 2 * SIDE * COLUMNS, behind, mask=here)


def _span(channels: int, W: int) -> int:
    """Voxels of a row: as many as fill a tile, of those that divide W."""
    wanted = 4 if channels == 1 else 2 if channels <= 16 else 1
    return next(span for span in (4, 2, 1) if span <= wanted and W % span == 0)


def _side(count: int, most: int) -> int:
    """Of a tile that holds `count` numbers or a part of them; tl.dot wants 16 at least."""
    return max(16, min(most, triton.next_power_of_2(count)))


def plan_correlate(x: Tensor, outputs: int) -> Plan:
    """For features (B, C, D, H, W) and the number of output channels."""
    C, W = x.shape[1], x.shape[4]
    span = _span(C, W)
    k = _side(3 * (span + 2) * C, 64)
    if x.dtype == torch.float32:  # twice the memory, and no tensor cores but for TF32
        return Plan(span, m=64, n=_side(span * outputs, 32), k=min(k, 32), stages=2)
    return Plan(span, m=64, n=_side(span * outputs, 64), k=k, warps=4)


def plan_weight_gradient(x: Tensor, outputs: int) -> Plan:
    """For features (B, C, D, H, W) and the number of output channels."""
    C, W = x.shape[1], x.shape[4]
    span = _span(C, W)
    m = _side(3 * (span + 2) * C, 128)
    if x.dtype == torch.float32:
        return Plan(span, m=min(m, 64), n=_side(span * outputs, 32), k=32, stages=2)
    programs = 528 if C < 48 else 1056
    return Plan(span, m=m, n=_side(span * outputs, 64), k=64, programs=programs)


def _spread(weight: Tensor, plan: Plan) -> Tensor:
    """(C_out, C_in, 3, 3, 3) as matrices (3, 3 lines of voxels of C_in, span of C_out), padded."""
    outputs, inputs = weight.shape[:2]
    span = plan.span
    shape = (3, 3, span + 2, inputs, span, outputs)
    taps = weight.permute(2, 3, 4, 1, 0)
    spread = weight.new_zeros(shape)
    for voxel in range(span):
        spread[:, :, voxel : voxel + 3, :, voxel] = taps
    matrix = spread.view(3, -1, span * outputs)
    right, below = -matrix.shape[2] % plan.n, -matrix.shape[1] % plan.k
    return torch.nn.functional.pad(matrix, (0, right, 0, below)).contiguous()


def correlate(
    x: Tensor, weight: Tensor, bias: Tensor | None, slope: float | None, plan: Plan | None = None
) -> Tensor:
    """Convolution with zeros beyond the border, then a leaky ReLU if there is a slope.

    Args:
        x: (B, C_in, D, H, W), channels-last.
        weight: (C_out, C_in, 3, 3, 3).
        bias: (C_out,), or None.
        slope: of negative outputs; None for no activation.
        plan: another than the usual one.

    Returns:
        (B, C_out, D, H, W) in channels-last layout.
    """
    (B, C, D, H, W), outputs = x.shape, weight.shape[0]
    plan = plan or plan_correlate(x, outputs)
    columns = plan.span * outputs
    out = torch.empty(
        (B, outputs, D, H, W), device=x.device, dtype=x.dtype, memory_format=torch.channels_last_3d
    )
    matrices = _spread(weight.to(x.dtype), plan)
    shift = matrices if bias is None else bias.float().repeat(plan.span)
    tiles = triton.cdiv(H * W // plan.span, plan.m)
    grid = (B * triton.cdiv(D, plan.depth) * tiles, matrices.shape[2] // plan.n)
    with torch.cuda.device_of(x):
        _correlate[grid](
            x, matrices, shift, out, D, H, W, slope or 0.0, C, columns, plan.span,
            bias is not None, slope is not None, precision(x), plan.depth, plan.m, plan.n, plan.k,
            plan.stages, num_warps=plan.warps,
        )  # fmt: skip
    return out


def weight_gradient(x: Tensor, grad: Tensor, plan: Plan | None = None) -> Tensor:
    """Gradient of `correlate`'s weight, (C_out, C_in, 3, 3, 3) float32.

    Args:
        x: (B, C_in, D, H, W), channels-last.
        grad: (B, C_out, D, H, W), of the output before the activation; channels-last.
        plan: another than the usual one.
    """
    (B, C, D, H, W), outputs = x.shape, grad.shape[1]
    plan = plan or plan_weight_gradient(x, outputs)
    span, columns, side = plan.span, plan.span * outputs, 3 * (plan.span + 2) * C
    blocks = triton.cdiv(side, plan.m), triton.cdiv(columns, plan.n)
    pieces = B * D * triton.cdiv(H * W // span, plan.k)
    programs = min(pieces, triton.cdiv(plan.programs, blocks[0] * blocks[1]))
    sums = torch.empty(programs, 3, side, columns, device=x.device, dtype=torch.float32)
    with torch.cuda.device_of(x):
        _weight_gradient[(programs, *blocks)](
            x, grad, sums, B, D, H, W, C, columns, span, precision(x), plan.m, plan.n, plan.k,
            plan.stages, num_warps=plan.warps,
        )  # fmt: skip
    total = sums.sum(0).view(3, 3, span + 2, C, span, outputs)
    taps = torch.stack([total[:, :, voxel : voxel + 3, :, voxel] for voxel in range(span)]).sum(0)
    return taps.permute(4, 3, 0, 1, 2).contiguous()
