"""Triton kernel of what follows a convolution, for channels-last features.

Torch adds the bias of a channels-last convolution of volumes by a kernel that is not vectorised,
and activates and adds by further ones; here all is read and written once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mambamim.ops.triton_launch import Entry, tl, triton

_TILE = 4096  # numbers a program works on at once


@Entry
@triton.jit
def _bias_act(
    x, bias, residual, rows, C, slope, RESIDUAL: tl.constexpr, ACTIVATE: tl.constexpr,
    ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    c = tl.arange(0, CHANNELS)
    inside = c < C
    here = (row < rows)[:, None] & inside[None]
    at = row.to(tl.int64)[:, None] * C + c[None]
    total = tl.load(x + at, mask=here, other=0.0).to(tl.float32)
    total += tl.load(bias + c, mask=inside, other=0.0).to(tl.float32)[None]
    if RESIDUAL:
        total += tl.load(residual + at, mask=here, other=0.0).to(tl.float32)
    if ACTIVATE:
        total = tl.where(total > 0, total, slope * total)
    tl.store(x + at, total.to(x.dtype.element_ty), mask=here)


def forward(x: Tensor, bias: Tensor, slope: float | None, residual: Tensor | None) -> None:
    """Writes leaky(x + bias + residual) over `x`.

    Args:
        x: (B, C, D, H, W), channels-last.
        bias: (C,).
        slope: of the leaky ReLU; None for none.
        residual: as `x`; None for none.
    """
    C, rows = x.shape[1], x.numel() // x.shape[1]
    channels = triton.next_power_of_2(C)
    tile = {"ROWS": max(1, _TILE // channels), "CHANNELS": channels}
    other = x if residual is None else residual
    with torch.cuda.device_of(x):
        _bias_act[(triton.cdiv(rows, tile["ROWS"]),)](
            x, bias, other, rows, C, slope or 0.0, residual is not None, slope is not None, **tile
        )
