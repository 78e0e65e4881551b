"""Triton kernels of the selective scan: one launch forward, one backward.

Letters as in `selective_scan_torch`. A program has one sequence and a block of channels, and walks
through time in chunks. A thread has one pair of channel and state with all steps of the chunk, so
that the scan within a chunk stays in registers and loads are wide. The backward pass keeps the
states at chunk borders alone and computes the others again. Sums over E are finished by torch from
one partial sum per program, in the same order every time.
"""

from __future__ import annotations

from typing import Any

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

_STEPS = 16  # of a chunk
_PAIRS = 128  # of channel and state in a program: one per thread


@triton.jit
def _join(reach, state, decay, drive):
    """Two spans of time as one: the decay over both, and the state both leave behind."""
    return reach * decay, state * decay + drive


@triton.jit
def _read(x, at, there):
    """Zero where nothing is: a step size of zero leaves a state as it is."""
    return tl.load(x + at, mask=there, other=0.0).to(tl.float32)


@triton.jit
def _forward(
    u, delta, A, B, C, y, last, borders, E, L, N, chunks,
    STEPS: tl.constexpr, CHANNELS: tl.constexpr, STATES: tl.constexpr,
):  # fmt: skip
    batch, step = tl.program_id(0), tl.arange(0, STEPS)
    e, n = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS), tl.arange(0, STATES)
    row, weights = (batch * E + e).to(tl.int64), (batch * N + n).to(tl.int64)
    pair = (e < E)[:, None] & (n < N)[None]
    rates = _read(A, e[:, None] * N + n[None], pair)
    state = tl.zeros((CHANNELS, STATES), tl.float32)
    for chunk in range(chunks):
        border = ((batch * chunks + chunk) * E + e).to(tl.int64)[:, None] * N + n[None]
        tl.store(borders + border, state, mask=pair)
        t = chunk * STEPS + step
        wide, narrow = (t < L)[:, None] & (e < E)[None], (t < L)[:, None] & (n < N)[None]
        at, weight = row[None] * L + t[:, None], weights[None] * L + t[:, None]
        u_t, delta_t = _read(u, at, wide), _read(delta, at, wide)
        B_t, C_t = _read(B, weight, narrow), _read(C, weight, narrow)
        decay = tl.exp(delta_t[:, :, None] * rates[None])
        drive = (delta_t * u_t)[:, :, None] * B_t[:, None, :]
        drive += tl.where(step[:, None, None] == 0, decay * state[None], 0.0)
        _, states = tl.associative_scan((decay, drive), 0, _join)
        tl.store(y + at, tl.sum(states * C_t[:, None, :], 2), mask=wide)
        state = tl.sum(tl.where(step[:, None, None] == STEPS - 1, states, 0.0), 0)
    tl.store(last + row[:, None] * N + n[None], state, mask=pair)


@triton.jit
def _states_before(u, delta, B, at, weight, wide, narrow, first, start, rates):
    """The state before each step: what the step before left, and in the first one `start`."""
    delta_t = _read(delta, at - 1, wide)
    decay = tl.exp(delta_t[:, :, None] * rates[None])
    drive = (delta_t * _read(u, at - 1, wide))[:, :, None] * _read(B, weight - 1, narrow)[:, None]
    _, before = tl.associative_scan((decay, tl.where(first, start[None], drive)), 0, _join)
    return before


@triton.jit
def _state_gradients(delta, C, grad_y, at, weight, wide, narrow, later, first, carry, rates):
    """Gradient of each state, g_t = C_t dy_t + decay_{t+1} g_{t+1}, `carry` from beyond the chunk.

    Addresses and masks come mirrored in time, as a scan from the right is slower.
    """
    decay = tl.exp(_read(delta, at + 1, later)[:, :, None] * rates[None])
    pull = _read(grad_y, at, wide)[:, :, None] * _read(C, weight, narrow)[:, None]
    pull += tl.where(first, carry[None], 0.0)
    _, gradient = tl.associative_scan((decay, pull), 0, _join)
    return tl.flip(gradient, 0)


@triton.jit
def _chunk_gradients(u, delta, B, grad_y, rates, before, g, first):
    """Gradients of u, delta, A, B, C and of the state before the chunk; `g` is that of each state.

    u, delta and grad_y are (STEPS, CHANNELS), B is (STEPS, STATES).
    """
    decay = tl.exp(delta[:, :, None] * rates[None])
    put_in = (delta * u)[:, :, None]
    after = decay * before + put_in * B[:, None]
    through_A = g * decay * before  # d loss / d (delta A)
    through_B = tl.sum(g * B[:, None], 2)  # d loss / d (delta u)
    for_delta = tl.sum(through_A * rates[None], 2) + through_B * u
    for_A = tl.sum(through_A * delta[:, :, None], 0)
    for_B, for_C = tl.sum(g * put_in, 1), tl.sum(after * grad_y[:, :, None], 1)
    carry = tl.sum(tl.where(first, decay * g, 0.0), 0)
    return through_B * delta, for_delta, for_A, for_B, for_C, carry


@triton.jit
def _backward(
    u, delta, A, B, C, grad_y, grad_last, borders, grad_u, grad_delta, grad_A, grad_B, grad_C,
    E, L, N, chunks, STEPS: tl.constexpr, CHANNELS: tl.constexpr, STATES: tl.constexpr,
):  # fmt: skip
    """Gradients of u and delta; per sequence that of A; per program those of B and C, (L, N)."""
    batch, step = tl.program_id(0), tl.arange(0, STEPS)
    e, n = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS), tl.arange(0, STATES)
    row, weights = (batch * E + e).to(tl.int64), (batch * N + n).to(tl.int64)
    program = batch * tl.num_programs(1) + tl.program_id(1)
    first, channels, states = step[:, None, None] == 0, (e < E)[None], (n < N)[None]
    pair, own = (e < E)[:, None] & states, row[:, None] * N + n[None]
    rates, carry = _read(A, e[:, None] * N + n[None], pair), _read(grad_last, own, pair)
    for_A = tl.zeros((CHANNELS, STATES), tl.float32)
    for back in range(chunks):
        chunk = chunks - 1 - back
        border = ((batch * chunks + chunk) * E + e).to(tl.int64)[:, None] * N + n[None]
        t, m = chunk * STEPS + step, chunk * STEPS + STEPS - 1 - step  # m: time mirrored
        here, there = (t < L)[:, None], (m < L)[:, None]
        at, weight = row[None] * L + t[:, None], weights[None] * L + t[:, None]
        at_m, weight_m = row[None] * L + m[:, None], weights[None] * L + m[:, None]
        earlier = (step > 0)[:, None] & (t <= L)[:, None]
        later = (step > 0)[:, None] & (m + 1 < L)[:, None] & channels
        before = _states_before(
            u, delta, B, at, weight, earlier & channels, earlier & states, first,
            _read(borders, border, pair), rates,
        )  # fmt: skip
        g = _state_gradients(
            delta, C, grad_y, at_m, weight_m, there & channels, there & states, later, first,
            carry, rates,
        )  # fmt: skip
        wide, narrow = here & channels, here & states
        for_u, for_delta, more_A, for_B, for_C, carry = _chunk_gradients(
            _read(u, at, wide), _read(delta, at, wide), _read(B, weight, narrow),
            _read(grad_y, at, wide), rates, before, g, first,
        )  # fmt: skip
        for_A += more_A
        tl.store(grad_u + at, for_u.to(grad_u.dtype.element_ty), mask=wide)
        tl.store(grad_delta + at, for_delta.to(grad_delta.dtype.element_ty), mask=wide)
        place = (program * L + t).to(tl.int64)[:, None] * N + n[None]
        tl.store(grad_B + place, for_B, mask=narrow)
        tl.store(grad_C + place, for_C, mask=narrow)
    tl.store(grad_A + own, for_A, mask=pair)


def _tile(N: int) -> dict[str, int]:
    states = triton.next_power_of_2(N)
    return {"STEPS": _STEPS, "CHANNELS": max(1, _PAIRS // states), "STATES": states}


def forward(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The scan of contiguous tensors, shaped as in `scan_triton`.

    Returns:
        y (B, E, L), the last state (B, E, N), and the states before each chunk (B, chunks, E, N),
        all float32.
    """
    (batch, E, L), N = u.shape, A.shape[1]
    tile, chunks = _tile(N), triton.cdiv(L, _STEPS)
    y = torch.empty_like(u, dtype=torch.float32)
    last = torch.empty(batch, E, N, device=u.device, dtype=torch.float32)
    borders = torch.empty(batch, chunks, E, N, device=u.device, dtype=torch.float32)
    grid = (batch, triton.cdiv(E, tile["CHANNELS"]))
    with torch.cuda.device_of(u):
        _forward[grid](u, delta, A, B, C, y, last, borders, E, L, N, chunks, **tile)
    return y, last, borders


def backward(
    inputs: tuple[Tensor, ...], borders: Tensor, grad_y: Tensor, grad_last: Tensor
) -> tuple[Tensor, ...]:
    """Gradients of `forward`'s inputs, in their dtypes; every tensor given is contiguous."""
    u, delta, A, B, C = inputs
    (batch, E, L), N, tile = u.shape, A.shape[1], _tile(A.shape[1])
    blocks = triton.cdiv(E, tile["CHANNELS"])
    grad_u, grad_delta = torch.empty_like(u), torch.empty_like(delta)
    for_A = torch.empty(batch, E, N, device=u.device, dtype=torch.float32)
    for_weights = torch.empty(2, batch, blocks, L, N, device=u.device, dtype=torch.float32)
    with torch.cuda.device_of(u):
        _backward[(batch, blocks)](
            *inputs, grad_y, grad_last, borders, grad_u, grad_delta, for_A, *for_weights,
            E, L, N, borders.shape[1], **tile,
        )  # fmt: skip
    for_B, for_C = for_weights.sum(2).mT
    return grad_u, grad_delta, for_A.sum(0), for_B.to(B.dtype), for_C.to(C.dtype)


def scan_triton(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> tuple[Tensor, Tensor]:
    """The selective scan from a zero state, in float32 whatever the inputs' dtypes.

    Args:
        u: input, (B, E, L), on a CUDA device as all others.
        delta: step sizes after bias and softplus, (B, E, L).
        A: decay, (E, N).
        B: input weights, (B, N, L).
        C: output weights, (B, N, L).

    Returns:
        y (B, E, L) and the last state (B, E, N), float32.
    """
    return _Scan.apply(u, delta, A, B, C)


class _Scan(torch.autograd.Function):
    """Keeps its inputs and the states at chunk borders."""

    @staticmethod
    def forward(
        ctx: Any, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor
    ) -> tuple[Tensor, Tensor]:
        inputs = tuple(x.contiguous() for x in (u, delta, A.float(), B, C))
        y, last, borders = forward(*inputs)
        ctx.save_for_backward(*inputs, borders)
        return y, last

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        *inputs, borders = ctx.saved_tensors
        grad_y, grad_last = (grad.contiguous() for grad in grads)
        return backward(tuple(inputs), borders, grad_y, grad_last)
