"""Triton kernel of the selective scan, forward, that walks through time step by step.

Letters as in `selective_scan_torch`. A program, one warp, has a tile (STATES, CHANNELS): a thread
has some states of one channel, so that only y = C h needs other threads, and few. Loads of STEPS
steps are issued before the first is used, as one after the other they would each wait for memory.

u, delta and z are (P, E, L), B and C (P, N, L), of any strides; faster with channels innermost, as
linear layers leave them, and as y is. P counts the
batch once per direction; sequences from `batch` on are walked from their end. Weights have a row
per direction.
"""

from __future__ import annotations

from mambamim.ops.triton_launch import Entry, tl, triton


@triton.jit
def read(x, at, there):
    """Values as float32, zero where nothing is."""
    return tl.load(x + at, mask=there, other=0.0).to(tl.float32)


@triton.jit
def _softplus(x):
    """log(1 + exp(x)), as precise where it is small.

    That is max(x, 0) + log(1 + g) with g = exp(-|x|), and log(1 + g) = 2 artanh(g / (2 + g)), whose
    argument is at most 1/3: seven terms of its series are all that float32 holds.
    """
    grown = tl.exp2(-1.4426950408889634 * tl.abs(x))
    s = grown / (2.0 + grown)
    square = s * s
    series = 1.0 / 13
    for k in tl.static_range(5, -1, -1):
        series = series * square + 1.0 / (2 * k + 1)
    return tl.maximum(x, 0.0) + 2.0 * s * series


@triton.jit
def silu(x):
    """x sigmoid(x)."""
    return x / (1.0 + tl.exp2(-1.4426950408889634 * x))


@triton.jit
def step_size(raw, there, SOFTPLUS: tl.constexpr):
    """Zero where nothing is, which leaves a state as it is."""
    return tl.where(there, _softplus(raw) if SOFTPLUS else raw, 0.0)


@triton.jit
def _rows(x, first, L, turned, stride, inside, STEPS: tl.constexpr):
    """A tuple of STEPS steps of one tensor, as it is in memory."""
    rows = ()
    for k in tl.static_range(STEPS):
        t = first + k
        there = inside & (t < L)
        rows = rows + (tl.load(x + tl.where(turned, L - 1 - t, t) * stride, there, other=0.0),)
    return rows


@triton.jit
def _steps(
    u, delta, z, B, C, first, L, turned, u_t, delta_t, z_t, B_t, C_t, inside, known,
    HAS_Z: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """What STEPS steps read: a tuple for each tensor."""
    us = _rows(u, first, L, turned, u_t, inside, STEPS)
    raws = _rows(delta, first, L, turned, delta_t, inside, STEPS)
    Bs = _rows(B, first, L, turned, B_t, known, STEPS)
    Cs = _rows(C, first, L, turned, C_t, known, STEPS)
    return us, raws, _rows(z, first, L, turned, z_t, inside, STEPS) if HAS_Z else us, Bs, Cs


@Entry
@triton.jit
def forward(
    u, delta, A, B, C, D, z, bias, y, last, E, L, N, batch,
    u_b, u_e, u_t, delta_b, delta_e, delta_t, z_b, z_e, z_t, B_b, B_n, B_t, C_b, C_n, C_t,
    SOFTPLUS: tl.constexpr, HAS_D: tl.constexpr, HAS_Z: tl.constexpr, HAS_BIAS: tl.constexpr,
    HAS_LAST: tl.constexpr, STEPS: tl.constexpr, CHANNELS: tl.constexpr, STATES: tl.constexpr,
):  # fmt: skip
    """y, (P, L, E) in memory, and where it is asked for the last state (P, E, N)."""
    p = tl.program_id(1).to(tl.int64)
    e, n = tl.program_id(0) * CHANNELS + tl.arange(0, CHANNELS), tl.arange(0, STATES)
    inside, known = e < E, n < N
    pair = known[:, None] & inside[None]
    own = (p // batch) * E + e
    rates = read(A, own[None] * N + n[:, None], pair) * 1.4426950408889634
    through = read(D, own, inside) if HAS_D else tl.zeros((CHANNELS,), tl.float32)
    shift = read(bias, own, inside) if HAS_BIAS else tl.zeros((CHANNELS,), tl.float32)
    u, delta = u + p * u_b + e * u_e, delta + p * delta_b + e * delta_e
    z += (p % batch) * z_b + e * z_e
    B, C, y, turned = B + p * B_b + n * B_n, C + p * C_b + n * C_n, y + p * E * L + e, p >= batch
    state = tl.zeros((STATES, CHANNELS), tl.float32)
    us, raws, gates, Bs, Cs = _steps(
        u, delta, z, B, C, 0, L, turned, u_t, delta_t, z_t, B_t, C_t, inside, known, HAS_Z, STEPS
    )
    for first in range(0, L, STEPS):
        next_us, next_raws, next_gates, next_Bs, next_Cs = _steps(
            u, delta, z, B, C, first + STEPS, L, turned, u_t, delta_t, z_t, B_t, C_t,
            inside, known, HAS_Z, STEPS,
        )  # fmt: skip
        outs = ()
        for k in tl.static_range(STEPS):
            there = inside & (first + k < L)
            step = step_size(raws[k].to(tl.float32) + shift, there, SOFTPLUS)
            value = us[k].to(tl.float32)
            decay = tl.exp2(step[None] * rates)
            state = decay * state + (step * value)[None] * Bs[k].to(tl.float32)[:, None]
            out = tl.sum(state * Cs[k].to(tl.float32)[:, None], 0) + through * value
            if HAS_Z:
                gate = gates[k].to(tl.float32)
                out *= silu(gate)
            outs = outs + (out,)
        for k in tl.static_range(STEPS):  # at once: a load is not moved before a store
            t = first + k
            to = y + tl.where(turned, L - 1 - t, t) * E
            tl.store(to, outs[k].to(y.dtype.element_ty), mask=inside & (t < L))
        us, raws, gates, Bs, Cs = next_us, next_raws, next_gates, next_Bs, next_Cs
    if HAS_LAST:
        tl.store(last + (p * E + e)[None] * N + n[:, None], state, mask=pair)
