"""Triton kernels of the causal convolution with SiLU, for one direction of time or for both.

A program has a tile of steps and channels; tensors are (P, E, L) with channels innermost in memory,
as linear layers leave them. P counts the batch once per direction: what comes in has the batch
alone, and the second direction looks at the steps that follow instead of those before.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mambamim.ops.triton_launch import Entry, tl, triton

_BLOCK_T, _BLOCK_E = 16, 64


@Entry
@triton.jit
def _forward(
    x, weight, bias, out, batch, E, L, x_b, x_t, TAPS: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_E: tl.constexpr,
):  # fmt: skip
    p = tl.program_id(2)
    direction, sample = p // batch, p % batch
    t = tl.program_id(1) * BLOCK_T + tl.arange(0, BLOCK_T)
    e = tl.program_id(0) * BLOCK_E + tl.arange(0, BLOCK_E)
    inside = e < E
    own = direction * E + e
    total = tl.zeros((BLOCK_T, BLOCK_E), tl.float32)
    total += tl.load(bias + own, mask=inside, other=0.0).to(tl.float32)[None]
    for k in tl.static_range(TAPS):
        back = TAPS - 1 - k
        at = t + back * (2 * direction - 1)
        there = (at >= 0)[:, None] & (at < L)[:, None] & inside[None]
        value = tl.load(
            x + sample.to(tl.int64) * x_b + at[:, None] * x_t + e[None], mask=there, other=0.0
        )
        factor = tl.load(weight + own * TAPS + k, mask=inside, other=0.0).to(tl.float32)
        total += value.to(tl.float32) * factor[None]
    total *= tl.sigmoid(total)
    place = (p.to(tl.int64) * L + t[:, None]) * E + e[None]
    tl.store(out + place, total.to(out.dtype.element_ty), mask=(t < L)[:, None] & inside[None])


@Entry
@triton.jit
def _before_silu(
    x, weight, bias, grad, pulls, sums, batch, E, L, x_b, x_t, grad_b, grad_t, tiles,
    TAPS: tl.constexpr, BLOCK_T: tl.constexpr, BLOCK_E: tl.constexpr,
):  # fmt: skip
    """The gradient before the SiLU, and per tile of steps those of weight (TAPS) and bias."""
    p = tl.program_id(2)
    direction, sample = p // batch, p % batch
    t = tl.program_id(1) * BLOCK_T + tl.arange(0, BLOCK_T)
    e = tl.program_id(0) * BLOCK_E + tl.arange(0, BLOCK_E)
    inside = e < E
    here = (t < L)[:, None] & inside[None]
    own = direction * E + e
    total = tl.zeros((BLOCK_T, BLOCK_E), tl.float32)
    total += tl.load(bias + own, mask=inside, other=0.0).to(tl.float32)[None]
    x += sample.to(tl.int64) * x_b
    for k in tl.static_range(TAPS):
        at = t + (TAPS - 1 - k) * (2 * direction - 1)
        there = (at >= 0)[:, None] & (at < L)[:, None] & inside[None]
        value = tl.load(x + at[:, None] * x_t + e[None], mask=there, other=0.0).to(tl.float32)
        factor = tl.load(weight + own * TAPS + k, mask=inside, other=0.0).to(tl.float32)
        total += value * factor[None]
    opened = tl.sigmoid(total)
    given = tl.load(
        grad + p.to(tl.int64) * grad_b + t[:, None] * grad_t + e[None], mask=here, other=0.0
    )
    pull = given.to(tl.float32) * opened * (1.0 + total * (1.0 - opened))
    place = (p.to(tl.int64) * L + t[:, None]) * E + e[None]
    tl.store(pulls + place, pull, mask=here)
    line = sums + (p * tiles + tl.program_id(1)) * (TAPS + 1) * E + e
    for k in tl.static_range(TAPS):
        at = t + (TAPS - 1 - k) * (2 * direction - 1)
        there = (at >= 0)[:, None] & (at < L)[:, None] & inside[None]
        value = tl.load(x + at[:, None] * x_t + e[None], mask=there, other=0.0).to(tl.float32)
        tl.store(line + k * E, tl.sum(pull * value, 0), mask=inside)
    tl.store(line + TAPS * E, tl.sum(pull, 0), mask=inside)


@Entry
@triton.jit
def _input_gradient(
    pulls, weight, out, batch, E, L, DIRECTIONS: tl.constexpr, TAPS: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_E: tl.constexpr,
):  # fmt: skip
    """What every step gave to those that looked at it, from all directions."""
    sample = tl.program_id(2)
    t = tl.program_id(1) * BLOCK_T + tl.arange(0, BLOCK_T)
    e = tl.program_id(0) * BLOCK_E + tl.arange(0, BLOCK_E)
    inside = e < E
    total = tl.zeros((BLOCK_T, BLOCK_E), tl.float32)
    for direction in tl.static_range(DIRECTIONS):
        rows = (direction * batch + sample).to(tl.int64) * L
        for k in tl.static_range(TAPS):
            at = t - (TAPS - 1 - k) * (2 * direction - 1)
            there = (at >= 0)[:, None] & (at < L)[:, None] & inside[None]
            pull = tl.load(pulls + (rows + at[:, None]) * E + e[None], mask=there, other=0.0)
            factor = tl.load(weight + (direction * E + e) * TAPS + k, mask=inside, other=0.0)
            total += pull * factor.to(tl.float32)[None]
    place = (sample.to(tl.int64) * L + t[:, None]) * E + e[None]
    tl.store(out + place, total.to(out.dtype.element_ty), mask=(t < L)[:, None] & inside[None])


def _grid(E: int, L: int, count: int) -> tuple[int, int, int]:
    return triton.cdiv(E, _BLOCK_E), triton.cdiv(L, _BLOCK_T), count


def convolve(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """(batch, L, E) with any strides over batch and steps -> (directions batch, L, E).

    Args:
        x: input, channels innermost.
        weight: (directions, E, K).
        bias: (directions, E).
    """
    batch, L, E = x.shape
    directions, _, taps = weight.shape
    out = torch.empty(directions * batch, L, E, dtype=x.dtype, device=x.device)
    with torch.cuda.device_of(x):
        _forward[_grid(E, L, directions * batch)](
            x, weight, bias, out, batch, E, L, x.stride(0), x.stride(1), TAPS=taps,
            BLOCK_T=_BLOCK_T, BLOCK_E=_BLOCK_E,
        )  # fmt: skip
    return out


def gradients(
    x: Tensor, weight: Tensor, bias: Tensor, grad: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Of x (batch, L, E), weight and bias, from that of the result, channels innermost."""
    batch, L, E = x.shape
    directions, _, taps = weight.shape
    grid = _grid(E, L, directions * batch)
    pulls = torch.empty(directions * batch, L, E, device=x.device)
    sums = torch.empty(directions, batch * grid[1], taps + 1, E, device=x.device)
    grad_x = torch.empty(batch, L, E, dtype=x.dtype, device=x.device)
    blocks = {"TAPS": taps, "BLOCK_T": _BLOCK_T, "BLOCK_E": _BLOCK_E}
    with torch.cuda.device_of(x):
        _before_silu[grid](
            x, weight, bias, grad, pulls, sums, batch, E, L, x.stride(0), x.stride(1),
            grad.stride(0), grad.stride(1), grid[1], **blocks,
        )  # fmt: skip
        _input_gradient[_grid(E, L, batch)](
            pulls, weight, grad_x, batch, E, L, DIRECTIONS=directions, **blocks
        )
    own = sums.sum(1)
    return grad_x, own[:, :taps].mT, own[:, taps]
