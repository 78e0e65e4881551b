"""Triton kernels of the selective scan, backward, that walk through time span by span.

Letters as in `selective_scan_torch`. Step t of a span is step k = t % STEPS of run t // STEPS. A
thread has one run of one channel: (CHANNELS, RUNS) tensors, STEPS of them in a tuple. It goes
through its run alone, and only what a run does as a whole, one decay and one state, is scanned over
threads. Channels' own quantities are computed once per span; states follow one after the other.

Wide tensors are (P, E, L), time innermost and channels next to it; `x_b` is the stride over
sequences. P counts the batch once per direction; sequences from `batch` on are walked from their
end. Weights have a row per direction. B and C may first be `gathered`, in the order that threads
read them; what the channels of a program give to their gradients is `collected` from `parts`.
"""

from __future__ import annotations

from mambamim.ops.selective_scan_chunks_triton import stacked
from mambamim.ops.selective_scan_steps_triton import read, step_size
from mambamim.ops.triton_launch import Entry, tl, triton


@triton.jit
def _join_both(decay_1, state_1, back_1, grad_1, decay_2, state_2, back_2, grad_2):
    return (
        decay_1 * decay_2, decay_2 * state_1 + state_2, back_1 * back_2, back_2 * grad_1 + grad_2,
    )  # fmt: skip


@triton.jit
def _times(span, run, L, turned, STEPS: tl.constexpr, RUNS: tl.constexpr):
    """Where in memory the steps of a span are: (1, RUNS) offsets and masks, STEPS of both."""
    at, there = (), ()
    for k in tl.static_range(STEPS):
        t = (span * RUNS + run) * STEPS + k
        there = there + (t < L,)
        # Said to be neighbours, lest Triton puts neighbouring channels in neighbouring threads. It
        # has no other effect, as a thread has one value of each tensor.
        at = at + (tl.max_contiguous(tl.where(turned, L - 1 - t, t), [1, RUNS]),)
    return at, there


@Entry
@triton.jit
def gather(
    B, C, gathered, L, N, spans, batch, B_b, B_n, B_t, C_b, C_n, C_t,
    STEPS: tl.constexpr, RUNS: tl.constexpr, STATES: tl.constexpr,
):  # fmt: skip
    """B and C (P, N, L) of any strides as walked: (P, N, spans, 2, STEPS, RUNS), then zeros."""
    span, p = tl.program_id(0), tl.program_id(1).to(tl.int64)
    n, i = tl.arange(0, STATES)[:, None], tl.arange(0, STEPS * RUNS)[None]
    t = span * STEPS * RUNS + i
    known, there = n < N, t < L
    t = tl.where(p >= batch, L - 1 - t, t)
    to = gathered + ((p * N + n) * spans + span) * (2 * STEPS * RUNS)
    to += i % STEPS * RUNS + i // STEPS
    tl.store(to, read(B, p * B_b + n * B_n + t * B_t, known & there), mask=known)
    to += STEPS * RUNS
    tl.store(to, read(C, p * C_b + n * C_n + t * C_t, known & there), mask=known)


@Entry
@triton.jit
def collect(
    work, grad_B, grad_C, L, N, groups, batch, parts,
    STEPS: tl.constexpr, RUNS: tl.constexpr, GROUPS: tl.constexpr,
):  # fmt: skip
    """Sums over groups of parts (P, groups, N, spans, RUNS, 2, STEPS), as (P, N, L) each."""
    span, n, p = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    SIZE: tl.constexpr = 2 * STEPS * RUNS
    i, group = tl.arange(0, SIZE), tl.arange(0, GROUPS)[:, None]
    row = N * tl.num_programs(0) * SIZE
    work += parts + p * groups * row + (n * tl.num_programs(0) + span) * SIZE
    total = tl.zeros((GROUPS, SIZE), tl.float32)
    for first in range(0, groups, GROUPS):
        total += read(work, (first + group).to(tl.int64) * row + i[None], first + group < groups)
    t = (span * RUNS + i // (2 * STEPS)) * STEPS + i % STEPS
    of_B, there = i % (2 * STEPS) < STEPS, t < L
    at = (p * N + n) * L + tl.where(p >= batch, L - 1 - t, t)
    total = tl.sum(total, 0)
    tl.store(grad_B + at, total.to(grad_B.dtype.element_ty), mask=there & of_B)
    tl.store(grad_C + at, total.to(grad_C.dtype.element_ty), mask=there & ~of_B)


@Entry
@triton.jit
def backward(
    u, delta, A, B, C, D, z, bias, grad_y, grad_last, states, grad_u, grad_delta, grad_z, fixed,
    work, E, L, N, spans, batch, parts, u_b, delta_b, z_b, grad_b, B_b, B_n, B_t, C_b, C_n, C_t,
    SOFTPLUS: tl.constexpr, HAS_D: tl.constexpr, HAS_Z: tl.constexpr, HAS_BIAS: tl.constexpr,
    HAS_LAST: tl.constexpr, GATHERED: tl.constexpr,
    STEPS: tl.constexpr, RUNS: tl.constexpr, CHANNELS: tl.constexpr, LEVELS: tl.constexpr,
):  # fmt: skip
    """Gradients of u, delta and z, and per sequence of A, D and bias: `fixed` (P, E, N + 2).

    The gradient of a state comes from later steps. Runs are mirrored to scan it, and both scans are
    one, as each alone would wait for its own results. `work` begins with what spans hand on, shaped
    as states: the gradient of the state before each span. Parts of B's and C's gradients, which are
    to be collected, follow from `parts` on. B and C are either both the one tensor GATHERED, or
    (P, N, L) of any strides.
    """
    p = tl.program_id(1).to(tl.int64)
    e = tl.program_id(0) * CHANNELS + tl.arange(0, CHANNELS)[:, None]
    run = tl.arange(0, RUNS)[None]
    inside, turned, own = e < E, p >= batch, (p // batch) * E + e
    zeros = tl.zeros((CHANNELS, RUNS), tl.int32)
    before, mirrored = tl.maximum(run - 1, 0) + zeros, RUNS - 1 - run + zeros
    behind = tl.maximum(RUNS - 2 - run, 0) + zeros
    u, delta, z = u + p * u_b + e * L, delta + p * delta_b + e * L, z + (p % batch) * z_b + e * L
    grad_y, wide = grad_y + p * grad_b + e * L, (p * E + e) * L
    grad_u, grad_delta, grad_z = grad_u + wide, grad_delta + wide, grad_z + wide
    line = (p * E + e) * spans * N
    states, carries, parts = states + line, work + line, work + parts
    fixed, B, C = fixed + (p * E + e) * (N + 2), B + p * B_b, C + p * C_b
    through = read(D, own, inside) if HAS_D else tl.zeros((CHANNELS, 1), tl.float32)
    shift = read(bias, own, inside) if HAS_BIAS else tl.zeros((CHANNELS, 1), tl.float32)
    none = tl.zeros((CHANNELS, RUNS), tl.float32)
    for_D, for_bias = none, none
    for back in range(spans):
        span = spans - 1 - back
        at, timely = _times(span, run, L, turned, STEPS, RUNS)
        sizes, puts, pulls, outs, for_puts, for_sizes = (), (), (), (), (), ()
        for k in tl.static_range(STEPS):
            there = inside & timely[k]
            size = step_size(read(delta, at[k], there) + shift, there, SOFTPLUS)
            pull = read(grad_y, at[k], there)
            if HAS_Z:
                gate = read(z, at[k], there)
                pull *= gate * tl.sigmoid(gate)
            sizes, puts = sizes + (size,), puts + (size * read(u, at[k], there),)
            pulls, outs = pulls + (pull,), outs + (none,)
            for_puts, for_sizes = for_puts + (none,), for_sizes + (none,)
        for n in range(N):
            rate = read(A, own * N + n, inside) * 1.4426950408889634
            start = read(states, (span - 1) * N + n, inside & (span > 0))
            end = read(carries, (span + 1) * N + n, inside & (back > 0))
            if HAS_LAST:
                end += read(grad_last, (p * E + e) * N + n, inside & (back == 0))
            before_A = read(fixed, n + run * 0, inside & (back > 0))  # of later spans
            Bs, Cs, decays, drives = (), (), (), ()
            decay, state, grad = none + 1.0, none, none
            for k in tl.static_range(STEPS):
                if GATHERED:
                    place = (n * spans + span) * (2 * STEPS * RUNS) + k * RUNS + run + zeros
                    Bs = Bs + (tl.load(B + place),)
                    Cs = Cs + (tl.load(C + place + STEPS * RUNS),)
                else:
                    Bs = Bs + (read(B, n * B_n + at[k] * B_t + zeros, timely[k]),)
                    Cs = Cs + (read(C, n * C_n + at[k] * C_t + zeros, timely[k]),)
                decays = decays + (tl.exp2(sizes[k] * rate),)
                drives = drives + (puts[k] * Bs[k],)
                state = decays[k] * state + drives[k]
                decay *= decays[k]
            for k in tl.static_range(STEPS - 1, -1, -1):
                grad = decays[k] * (grad + Cs[k] * pulls[k])
            # The first run of either order takes in what comes from the span beside this one.
            state = tl.where(run == 0, state + decay * start, state)
            grad = tl.where(run == RUNS - 1, grad + decay * end, grad)
            _, ends, _, begins = tl.associative_scan(
                (decay, state, tl.gather(decay, mirrored, 1), tl.gather(grad, mirrored, 1)),
                1, _join_both,
            )  # fmt: skip
            tl.store(carries + span * N + n + run - (RUNS - 1), begins, inside & (run == RUNS - 1))
            state = tl.where(run == 0, start, tl.gather(ends, before, 1))
            grad = tl.where(run == RUNS - 1, end, tl.gather(begins, behind, 1))
            reached, for_Bs, for_Cs, new_outs = (), (), (), ()
            for k in tl.static_range(STEPS):
                state = decays[k] * state + drives[k]
                reached = reached + (state,)
                for_Cs = for_Cs + (state * pulls[k],)
                new_outs = new_outs + (outs[k] + state * Cs[k],)
            outs, for_A, new_puts, new_sizes = new_outs, none, (), ()
            for k in tl.static_range(STEPS - 1, -1, -1):
                grad += Cs[k] * pulls[k]  # of the state after this step
                through_A = grad * (reached[k] - drives[k])  # d loss / d (delta A)
                for_A += through_A * sizes[k]
                for_Bs = (grad * puts[k],) + for_Bs
                new_puts = (for_puts[k] + grad * Bs[k],) + new_puts
                new_sizes = (for_sizes[k] + through_A * rate,) + new_sizes
                grad *= decays[k]
            for_puts, for_sizes = new_puts, new_sizes
            for_A = tl.sum(for_A, 1, keep_dims=True)
            tl.store(fixed + n + run, before_A + for_A, mask=inside & (run == 0))
            part = tl.sum(stacked(for_Bs + for_Cs, LEVELS), 0)
            cell = tl.arange(0, RUNS * 2 * STEPS)
            group = ((p * tl.num_programs(0) + tl.program_id(0)) * N + n) * spans + span
            tl.store(
                parts + group * (RUNS * 2 * STEPS) + cell, tl.reshape(part, (RUNS * 2 * STEPS,))
            )
        tl.debug_barrier()  # other threads read the carries in the next span
        for k in tl.static_range(STEPS):
            there = inside & timely[k]
            value, pull = read(u, at[k], there), read(grad_y, at[k], there)
            raw = read(delta, at[k], there) + shift
            if HAS_Z:
                gate = read(z, at[k], there)
                opened = tl.sigmoid(gate)
                for_z = pull * (outs[k] + through * value) * opened * (1 + gate * (1 - opened))
                tl.store(grad_z + at[k], for_z.to(grad_z.dtype.element_ty), mask=there)
                pull *= gate * opened
            for_D += pull * value
            for_size = for_sizes[k] * 0.6931471805599453 + for_puts[k] * value
            if SOFTPLUS:
                for_size *= tl.sigmoid(raw)
            for_size = tl.where(there, for_size, 0.0)
            for_bias += for_size
            for_u = for_puts[k] * sizes[k] + pull * through
            tl.store(grad_u + at[k], for_u.to(grad_u.dtype.element_ty), mask=there)
            tl.store(grad_delta + at[k], for_size.to(grad_delta.dtype.element_ty), mask=there)
    ends = inside & (run == 0)
    for_D, for_bias = tl.sum(for_D, 1, keep_dims=True), tl.sum(for_bias, 1, keep_dims=True)
    tl.store(fixed + N + run, for_D + none, mask=ends)
    tl.store(fixed + N + 1 + run, for_bias + none, mask=ends)
