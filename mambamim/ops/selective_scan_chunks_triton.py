"""Triton kernel of the selective scan, forward, that walks through time in chunks at once.

Letters as in `selective_scan_torch`. A thread has one channel with all its states and walks through
one chunk of time, STEPS at once, so that no thread needs another. What a chunk starts from is not
known before those before it are done; so there are two launches. The first gives what a chunk does
to the state as a whole: where it gets from zero, and the sum of its step sizes, which is its decay.
The second goes through those of the chunks before its own, and then through its own once more.

Wide tensors are (P, E, L), time innermost and channels next to it; `x_b` is the stride over
sequences. P counts the batch once per direction; sequences from `batch` on are walked from their
end. Weights have a row per direction. B and C may first be `gathered`, so that what a block of
steps needs of them lies together.
"""

from __future__ import annotations

from mambamim.ops.selective_scan_blocks_triton import stacked, steps, walked
from mambamim.ops.selective_scan_steps_triton import read, silu, step_size
from mambamim.ops.triton_launch import Entry, tl, triton


@Entry
@triton.jit
def gather(
    B, C, gathered, L, N, batch, blocks, B_b, B_n, B_t, C_b, C_n, C_t,
    STEPS: tl.constexpr, STATES: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """B and C (P, N, L) of any strides as walked: (P, blocks, 2, N, STEPS), then zeros."""
    p = tl.program_id(1).to(tl.int64)
    n, i = tl.arange(0, STATES)[:, None], tl.program_id(0) * SIZE + tl.arange(0, SIZE)[None]
    known, t = n < N, tl.where(p >= batch, L - 1 - i, i)
    to = ((p * blocks + i // STEPS) * 2 * N + n) * STEPS + i % STEPS
    kept = known & (i < blocks * STEPS)
    of_B = read(B, p * B_b + n * B_n + t * B_t, known & (i < L))
    of_C = read(C, p * C_b + n * C_n + t * C_t, known & (i < L))
    tl.store(gathered + to, of_B.to(gathered.dtype.element_ty), mask=kept)
    tl.store(gathered + to + N * STEPS, of_C.to(gathered.dtype.element_ty), mask=kept)


@triton.jit
def _state_before(ends, rates, state, p, chunk, E, e, inside, N: tl.constexpr):
    """From that before the first chunk to that before `chunk`, through what others do to it."""
    for c in range(chunk):
        row = (p * (tl.num_programs(2) - 1) + c) * (N + 1)
        reached, total = (), read(ends, (row + N) * E + e, inside)
        for n in tl.static_range(N):
            end = read(ends, (row + n) * E + e, inside)
            reached = reached + (tl.exp2(total * rates[n]) * state[n] + end,)
        state = reached
    return state


@triton.jit
def _place(block, L, turned, inside, BOTH: tl.constexpr, EVEN: tl.constexpr, STEPS: tl.constexpr):
    """Where in memory a block begins, and which of its steps are there."""
    first = block * STEPS
    if BOTH:
        first = tl.where(turned, L - STEPS - first, first)
    if EVEN:
        first, there = tl.multiple_of(first, STEPS), inside
    else:
        at = first + tl.arange(0, STEPS)[None]
        there = inside & (at >= 0) & (at < L)
    return first, there


@triton.jit
def _sizes(
    values, raws, shift, through, total, first, L, inside, every,
    SOFTPLUS: tl.constexpr, EVEN: tl.constexpr,
):  # fmt: skip
    """Of a block: step sizes, what they put in, the direct path, and `total` with the sizes."""
    sizes, puts, outs = (), (), ()
    for k in tl.static_range(len(values)):
        timely = every if EVEN else inside & (first + k < L)
        size = step_size(raws[k] + shift, timely, SOFTPLUS)
        sizes, puts = sizes + (size,), puts + (size * values[k],)
        outs = outs + (through * values[k],)
        total += size
    return sizes, puts, outs, total


@triton.jit
def _weights(
    x, at, every, turned, BOTH: tl.constexpr, GATHERED: tl.constexpr, LEVELS: tl.constexpr
):
    """Of B or C for one state, as walked."""
    weights = steps(x, at, every, True, LEVELS)
    if not GATHERED:
        weights = walked(weights, turned, BOTH)
    return weights


@triton.jit
def _through_block(
    B, C, row, sizes, puts, outs, rates, state, every, turned, stride, apart,
    BOTH: tl.constexpr, FINAL: tl.constexpr, GATHERED: tl.constexpr, N: tl.constexpr,
    LEVELS: tl.constexpr,
):  # fmt: skip
    """The states after a block, and FINAL, `outs` with what they give.

    B of the first state is at `row`, of others `stride` apart; C of each is `apart` from its B.
    """
    reached = ()
    for n in tl.static_range(N):
        at = row + n * stride
        Bs, now = _weights(B, at, every, turned, BOTH, GATHERED, LEVELS), state[n]
        if FINAL:
            Cs, new_outs = _weights(C, at + apart, every, turned, BOTH, GATHERED, LEVELS), ()
            for k in tl.static_range(2**LEVELS):
                now = tl.exp2(sizes[k] * rates[n]) * now + puts[k] * Bs[k]
                new_outs = new_outs + (outs[k] + Cs[k] * now,)
            outs = new_outs
        else:
            for k in tl.static_range(2**LEVELS):
                now = tl.exp2(sizes[k] * rates[n]) * now + puts[k] * Bs[k]
        reached = reached + (now,)
    return reached, outs


@triton.jit
def _put_out(
    y, z, outs, first, there, turned,
    HAS_Z: tl.constexpr, BOTH: tl.constexpr, EVEN: tl.constexpr, LEVELS: tl.constexpr,
):  # fmt: skip
    """Through the gate, and as one store."""
    if HAS_Z:
        gates = walked(steps(z, first, there, EVEN, LEVELS), turned, BOTH)
        gated = ()
        for k in tl.static_range(2**LEVELS):
            gated = gated + (outs[k] * silu(gates[k]),)
        outs = gated
    tile = stacked(walked(outs, turned, BOTH), LEVELS)
    tile = tl.reshape(tile, (tile.shape[0], 2**LEVELS))
    to = y + first + tl.arange(0, 2**LEVELS)[None]
    tl.store(to, tile.to(y.dtype.element_ty), mask=there)


@triton.jit
def _put_end(ends, row, state, total, E, e, inside):
    for n in tl.static_range(len(state)):
        tl.store(ends + (row + n) * E + e, state[n], mask=inside)
    tl.store(ends + (row + len(state)) * E + e, total, mask=inside)


# A kernel that was compiled for one length serves others.
@Entry
@triton.jit(do_not_specialize=["E", "L", "batch", "length", "per_span", "spans"])
def forward(
    u, delta, A, B, C, D, z, bias, y, states, ends, E, L, batch, length, per_span, spans,
    u_b, delta_b, B_b, C_b, z_b,
    SOFTPLUS: tl.constexpr, HAS_D: tl.constexpr, HAS_Z: tl.constexpr, HAS_BIAS: tl.constexpr,
    BOTH: tl.constexpr, FINAL: tl.constexpr, EVEN: tl.constexpr, GATHERED: tl.constexpr,
    KEEPS: tl.constexpr, N: tl.constexpr, LEVELS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """First `ends`; FINAL, from these, y and, where it KEEPS them, `states`.

    Time goes in blocks of 2^LEVELS steps: `length` of a chunk, `per_span` between two states that
    are kept, (P, E, spans, N). EVEN: they fill L. `ends` (P, chunks - 1, N + 1, E) has the states
    that chunks get to from zero and, last, the sums of their step sizes. B and C are either both
    the one tensor GATHERED, or (P, N, L), time innermost and states next to it, and EVEN.
    """
    STEPS: tl.constexpr = 2**LEVELS
    if EVEN:
        L = L // STEPS * STEPS  # as is, but now the compiler knows that blocks are aligned
    p, chunk = tl.program_id(1).to(tl.int64), tl.program_id(2)
    e = tl.program_id(0) * CHANNELS + tl.arange(0, CHANNELS)[:, None]
    inside, turned, own = e < E, p >= batch, (p // batch) * E + e
    through = read(D, own, inside) if HAS_D else tl.zeros((CHANNELS, 1), tl.float32)
    shift = read(bias, own, inside) if HAS_BIAS else tl.zeros((CHANNELS, 1), tl.float32)
    rates, state = (), ()
    for n in tl.static_range(N):
        rates = rates + (read(A, own * N + n, inside) * 1.4426950408889634,)
        state = state + (tl.zeros((CHANNELS, 1), tl.float32),)
    if FINAL:
        state = _state_before(ends, rates, state, p, chunk, E, e, inside, N)
    u, delta, z = u + p * u_b + e * L, delta + p * delta_b + e * L, z + (p % batch) * z_b + e * L
    y, states = y + (p * E + e) * L, states + (p * E + e) * spans * N
    blocks, every = tl.cdiv(L, STEPS), tl.full((CHANNELS, 1), 1, tl.int1)
    B, C = B + p * B_b + e * 0, C + p * C_b + e * 0
    total = tl.zeros((CHANNELS, 1), tl.float32)
    for block in range(chunk * length, tl.minimum((chunk + 1) * length, blocks)):
        first, there = _place(block, L, turned, inside, BOTH, EVEN, STEPS)
        values = walked(steps(u, first, there, EVEN, LEVELS), turned, BOTH)
        raws = walked(steps(delta, first, there, EVEN, LEVELS), turned, BOTH)
        sizes, puts, outs, total = _sizes(
            values, raws, shift, through, total, block * STEPS, L, inside, every, SOFTPLUS, EVEN
        )
        if GATHERED:
            row, stride, apart = block * (2 * N * STEPS), STEPS, N * STEPS
        else:
            row, stride, apart = first, L, 0
        state, outs = _through_block(
            B, C, row, sizes, puts, outs, rates, state, every, turned, stride, apart,
            BOTH, FINAL, GATHERED, N, LEVELS,
        )  # fmt: skip
        if FINAL:
            _put_out(y, z, outs, first, there, turned, HAS_Z, BOTH, EVEN, LEVELS)
            if KEEPS:  # noqa: SIM102 (known while compiling, the other is not)
                if ((block + 1) % per_span == 0) | (block == blocks - 1):
                    for n in tl.static_range(N):
                        tl.store(states + (block // per_span) * N + n, state[n], mask=inside)
    if not FINAL:
        row = (p * tl.num_programs(2) + chunk) * (N + 1)
        _put_end(ends, row, state, total, E, e, inside)
