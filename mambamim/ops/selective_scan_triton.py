"""The selective scan by Triton kernels: one launch forward, one backward, one or both directions.

The backward pass keeps the states before each chunk of steps alone and computes the others again.
Sums over channels and sequences are finished by torch from one partial sum per program, in the same
order every time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mambamim.ops import selective_scan_kernels as kernels

SPAN = 16  # steps between the states that are kept
STEPS = (8, 2)  # whose loads are issued at once, forward and backward
CHANNELS = 8  # of a program, which is one warp


def scan_triton(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
) -> tuple[Tensor, Tensor]:
    """The scan of one direction, or of both: sequences of the second are walked from their end.

    Args:
        u: input, (P, E, L), on a CUDA device as all others; P = batch x directions.
        delta: step sizes, (P, E, L).
        A: decay, (directions, E, N).
        B: input weights, (P, N, L).
        C: output weights, (P, N, L).
        D: direct path, (directions, E).
        z: gate, (batch, E, L), the same for both directions.
        delta_bias: added to `delta`, (directions, E).
        delta_softplus: pass `delta` (and its bias) through softplus.

    Returns:
        y (P, E, L) in u's dtype and the state after the last step walked, (P, E, N), float32.
    """
    weights = [w if w is None else w.float().contiguous() for w in (A, D, delta_bias)]
    return _Scan.apply(u, delta, weights[0], B, C, weights[1], z, weights[2], delta_softplus)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None,
        z: Tensor | None, bias: Tensor | None, softplus: bool,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        wide = u.stride(1) == 1 or u.stride(2) != 1
        narrow = B.stride(1) == 1 or B.stride(2) != 1
        u, delta, z = (_laid_out(x, wide) for x in (u, delta, z))
        B, C = (_laid_out(x, narrow) for x in (B, C))
        ctx.flags = (wide, narrow, softplus)
        ctx.inputs = (u, delta, A, B, C, D, z, bias)
        keep = any(ctx.needs_input_grad)
        y, last, borders = _forward(ctx.inputs, ctx.flags, keep)
        if keep:
            ctx.save_for_backward(*(x for x in ctx.inputs if x is not None), borders)
        ctx.inputs = [x is not None for x in ctx.inputs]
        return y, last

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        *kept, borders = ctx.saved_tensors
        rest = iter(kept)
        inputs = tuple(next(rest) if given else None for given in ctx.inputs)
        wide = ctx.flags[0]
        return *_backward(inputs, ctx.flags, borders, _laid_out(grads[0], wide), grads[1]), None


def _laid_out(x: Tensor | None, inner: bool) -> Tensor | None:
    """(P, X, L) with X innermost, or with L innermost; copied only where it is not so."""
    if x is None or x.stride(1 if inner else 2) == 1:
        return x
    return x.mT.contiguous().mT if inner else x.contiguous()


def _outer(x: Tensor, inner: bool) -> int:
    return x.stride(2 if inner else 1)


def _like(x: Tensor, inner: bool, count: int | None = None, dtype: Any = None) -> Tensor:
    """An unwritten tensor of x's shape, with `count` sequences, in the given layout."""
    P, X, L = x.shape
    shape = (count or P, L, X) if inner else (count or P, X, L)
    made = torch.empty(shape, dtype=dtype or x.dtype, device=x.device)
    return made.mT if inner else made


def _forward(
    inputs: tuple[Tensor | None, ...], flags: tuple[bool, ...], keep: bool
) -> tuple[Tensor, Tensor, Tensor]:
    u, A = inputs[0], inputs[2]
    assert u is not None
    assert A is not None
    y = _like(u, flags[0])
    sizes, strides, options = _plan(inputs, flags)
    (P, E, L), N = u.shape, A.shape[2]
    last = torch.empty(P, E, N, device=u.device)
    borders = torch.empty((P, -(-L // SPAN), N, E) if keep else (1,), device=u.device)
    with torch.cuda.device_of(u):
        kernels.forward[(-(-E // CHANNELS), P)](
            *(u if x is None else x for x in inputs), y, last, borders, *sizes[:3],
            -(-L // STEPS[0]), sizes[3], *strides, _outer(y, flags[0]), KEEP=keep, STEPS=STEPS[0],
            **options,
        )  # fmt: skip
    return y, last, borders


def _backward(
    inputs: tuple[Tensor | None, ...], flags: tuple[bool, ...], borders: Tensor,
    grad_y: Tensor | None, grad_last: Tensor,
) -> tuple[Tensor | None, ...]:  # fmt: skip
    """Gradients of the eight inputs."""
    u, delta, A, B, C, D, z, bias = inputs
    assert u is not None
    assert delta is not None
    assert A is not None
    assert B is not None
    assert C is not None
    assert grad_y is not None
    wide, narrow = flags[0], flags[1]
    sizes, strides, options = _plan(inputs, flags)
    (P, E, L), (directions, _, N) = u.shape, A.shape
    batch, programs = P // directions, -(-E // CHANNELS)
    grad_u, grad_delta = _like(u, wide), _like(delta, wide)
    grad_z = grad_u if z is None else _like(z, wide, P)
    narrow_parts = torch.empty(2, P, programs, L, N, device=u.device)
    tile = options["STATES"] * CHANNELS
    scratch = torch.empty(P * programs * SPAN // STEPS[1] * tile, device=u.device)
    parts = [torch.empty(P, E, *more, device=u.device) for more in ((N,), (), ())]
    with torch.cuda.device_of(u):
        kernels.backward[(programs, P)](
            *(u if x is None else x for x in inputs), grad_y, grad_last.contiguous(), borders,
            scratch, grad_u, grad_delta, grad_z, parts[0], *narrow_parts, parts[1], parts[2],
            *sizes, *strides, grad_y.stride(0), _outer(grad_y, wide), _outer(grad_u, wide),
            STEPS=STEPS[1], **options,
        )  # fmt: skip
    for_A, for_D, for_bias = (p.unflatten(0, (directions, batch)).sum(1) for p in parts)
    for_B, for_C = (p.sum(1).mT.to(B.dtype) for p in narrow_parts)
    for_z = None
    if z is not None:
        for_z = grad_z if directions == 1 else grad_z.unflatten(0, (directions, batch)).sum(0)
    return (
        grad_u, grad_delta, for_A, for_B, for_C, None if D is None else for_D, for_z,
        None if bias is None else for_bias,
    )  # fmt: skip


def _plan(
    inputs: tuple[Tensor | None, ...], flags: tuple[bool, ...]
) -> tuple[tuple[int, ...], list[int], dict[str, Any]]:
    """What both kernels are told: sizes, strides, and what is fixed when they are compiled."""
    u, delta, A, B, C, D, z, bias = inputs
    assert u is not None
    assert A is not None
    wide, narrow, softplus = flags
    (P, E, L), (directions, _, N) = u.shape, A.shape
    sizes = (E, L, N, P // directions)
    strides = []
    for x, inner in ((u, wide), (delta, wide), (z, wide), (B, narrow), (C, narrow)):
        strides += [0, 0] if x is None else [x.stride(0), _outer(x, inner)]
    options = {
        "E_INNER": wide, "N_INNER": narrow, "BOTH": directions == 2, "SOFTPLUS": softplus,
        "HAS_D": D is not None, "HAS_Z": z is not None, "HAS_BIAS": bias is not None,
        "SPAN": SPAN, "CHANNELS": CHANNELS, "STATES": max(2, 1 << (N - 1).bit_length()),
        "num_warps": 1,
    }  # fmt: skip
    return sizes, strides, options
