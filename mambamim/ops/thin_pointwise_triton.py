"""Triton kernels of a 1x1x1 convolution with few outputs, for channels-last features.

Voxels are the rows of a matrix, which is read once, at the memory's pace.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mambamim.ops.triton_launch import Entry, tl, triton
from mambamim.ops.triton_support import precision

# Of a launch, several for each multiprocessor; fewer, where each has sums that are to be added up.
_PROGRAMS, _SUMMING = 4224, 264


@Entry
@triton.jit
def _multiply(
    x, weight, bias, out, rows, weight_o, weight_c, INPUTS: tl.constexpr, OUTPUTS: tl.constexpr,
    HAS_BIAS: tl.constexpr, PRECISION: tl.constexpr,
    M: tl.constexpr, N: tl.constexpr, K: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    m, n, k = tl.arange(0, M), tl.arange(0, N), tl.arange(0, K)
    taken, given = (k < INPUTS), (n < OUTPUTS)[None]
    place = weight + k[:, None] * weight_c + n[None] * weight_o
    matrix = tl.load(place, mask=taken[:, None] & given, other=0.0).to(x.dtype.element_ty)
    shift = tl.zeros((1, N), tl.float32)
    if HAS_BIAS:
        shift += tl.load(bias + n[None], mask=given, other=0.0).to(tl.float32)
    for tile in tl.range(tl.program_id(0), tl.cdiv(rows, M), tl.num_programs(0), num_stages=STAGES):
        row = tl.cast(tile, tl.int64) * M + m[:, None]
        values = tl.load(x + row * INPUTS + k[None], mask=(row < rows) & taken[None], other=0.0)
        total = tl.dot(values, matrix, input_precision=PRECISION) + shift
        target = out + row * OUTPUTS + n[None]
        tl.store(target, total.to(out.dtype.element_ty), mask=(row < rows) & given)


@Entry
@triton.jit
def _parameter_gradients(
    x, grad, for_weight, for_bias, rows, INPUTS: tl.constexpr, OUTPUTS: tl.constexpr,
    PRECISION: tl.constexpr,
    M: tl.constexpr, N: tl.constexpr, K: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Partial sums, (programs, INPUTS, OUTPUTS) and (programs, OUTPUTS)."""
    m, n, k = tl.arange(0, M), tl.arange(0, N), tl.arange(0, K)
    taken, given = k < INPUTS, n < OUTPUTS
    matrix, sums = tl.zeros((K, N), tl.float32), tl.zeros((M, N), tl.float32)
    for tile in tl.range(tl.program_id(0), tl.cdiv(rows, M), tl.num_programs(0), num_stages=STAGES):
        row = tl.cast(tile, tl.int64) * M + m[:, None]
        values = tl.load(x + row * INPUTS + k[None], mask=(row < rows) & taken[None], other=0.0)
        pull = tl.load(grad + row * OUTPUTS + n[None], mask=(row < rows) & given[None], other=0.0)
        matrix = tl.dot(tl.trans(values), pull, matrix, input_precision=PRECISION)
        sums += pull.to(tl.float32)
    tl.store(for_bias + tl.program_id(0) * OUTPUTS + n, tl.sum(sums, 0), mask=given)
    place = for_weight + (tl.program_id(0) * INPUTS + k[:, None]) * OUTPUTS + n[None]
    tl.store(place, matrix, mask=taken[:, None] & given[None])


def _tile(x: Tensor, outputs: int) -> dict[str, int]:
    """Of (B, C, D, H, W) features; tl.dot wants sides of 16 at least."""
    N, K = (max(16, triton.next_power_of_2(count)) for count in (outputs, x.shape[1]))
    if x.dtype == torch.float32:  # twice the memory, and no tensor cores but for TF32
        return {"M": 32, "N": N, "K": K, "STAGES": 2, "num_warps": 4}
    return {"M": 128 if K <= 64 else 64, "N": N, "K": K, "STAGES": 3, "num_warps": 4}


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Every voxel times a matrix, plus the bias.

    Args:
        x: (B, C_in, D, H, W), channels-last.
        weight: (C_out, C_in), of any strides.
        bias: (C_out,), or None.

    Returns:
        (B, C_out, D, H, W) in channels-last layout.
    """
    (B, inputs, *sides), outputs = x.shape, weight.shape[0]
    out = torch.empty(
        (B, outputs, *sides), device=x.device, dtype=x.dtype, memory_format=torch.channels_last_3d
    )
    rows, tile = x.numel() // inputs, _tile(x, outputs)
    with torch.cuda.device_of(x):
        _multiply[(min(_PROGRAMS, triton.cdiv(rows, tile["M"])),)](
            x, weight, weight if bias is None else bias, out, rows, *weight.stride(), inputs,
            outputs, bias is not None, precision(x), **tile,
        )  # fmt: skip
    return out


def parameter_gradients(x: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of `multiply`'s weight, (C_out, C_in), and bias, (C_out,); float32.

    Args:
        x: (B, C_in, D, H, W), channels-last.
        grad: (B, C_out, D, H, W), of the output; channels-last.
    """
    inputs, outputs = x.shape[1], grad.shape[1]
    rows, tile = x.numel() // inputs, _tile(x, outputs)
    programs = min(_SUMMING, triton.cdiv(rows, tile["M"]))
    for_weight = torch.empty(programs, inputs, outputs, device=x.device)
    for_bias = torch.empty(programs, outputs, device=x.device)
    with torch.cuda.device_of(x):
        _parameter_gradients[(programs,)](
            x, grad, for_weight, for_bias, rows, inputs, outputs, precision(x), **tile
        )
    return for_weight.sum(0).t().contiguous(), for_bias.sum(0)
