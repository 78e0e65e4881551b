"""Triton kernel that joins two channels-last feature maps along their channels, or parts them."""

from __future__ import annotations

import torch
from torch import Tensor

from mambamim.ops.triton_launch import Entry, tl, triton

_TILE = 8192  # numbers of the joined features that a program works on at once


@triton.jit
def _copy(
    part, whole, row, rows, C: tl.constexpr, WIDTH: tl.constexpr, PARTS: tl.constexpr,
    CHANNELS: tl.constexpr,
):  # fmt: skip
    """Voxels of C channels to or from the beginnings of voxels of WIDTH."""
    c = tl.arange(0, CHANNELS)
    here = (row < rows)[:, None] & (c < C)[None]
    place = part + row.to(tl.int64)[:, None] * C + c[None]
    places = whole + row.to(tl.int64)[:, None] * WIDTH + c[None]
    if PARTS:
        tl.store(place, tl.load(places, mask=here), mask=here)
    else:
        tl.store(places, tl.load(place, mask=here), mask=here)


@Entry
@triton.jit
def _copy_both(
    a, b, whole, rows, A: tl.constexpr, B: tl.constexpr, PARTS: tl.constexpr,
    ROWS: tl.constexpr, CHANNELS_A: tl.constexpr, CHANNELS_B: tl.constexpr,
):  # fmt: skip
    # How many channels there are is known at compile time, and with it how wide accesses may be.
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    _copy(a, whole, row, rows, A, A + B, PARTS, CHANNELS_A)
    _copy(b, whole + A, row, rows, B, A + B, PARTS, CHANNELS_B)


def join(a: Tensor, b: Tensor) -> Tensor:
    """(B, C_a, D, H, W) and (B, C_b, D, H, W) -> (B, C_a + C_b, D, H, W), all channels-last."""
    whole = _empty(a, a.shape[1] + b.shape[1])
    _launch(a, b, whole, parts=False)
    return whole


def split(whole: Tensor, channels_a: int, channels_b: int) -> tuple[Tensor, Tensor]:
    """The other way; both parts are channels-last tensors of their own."""
    a, b = _empty(whole, channels_a), _empty(whole, channels_b)
    _launch(a, b, whole, parts=True)
    return a, b


def _empty(like: Tensor, channels: int) -> Tensor:
    shape = (len(like), channels, *like.shape[2:])
    last = torch.channels_last_3d
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=last)


def _launch(a: Tensor, b: Tensor, whole: Tensor, parts: bool) -> None:
    A, B = a.shape[1], b.shape[1]
    voxels = whole.numel() // (A + B)
    padded = triton.next_power_of_2(A), triton.next_power_of_2(B)
    rows = max(1, _TILE // 2 // max(padded))
    with torch.cuda.device_of(whole):
        _copy_both[(triton.cdiv(voxels, rows),)](a, b, whole, voxels, A, B, parts, rows, *padded)
