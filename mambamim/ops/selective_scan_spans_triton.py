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

from mambamim.ops.selective_scan_runs_triton import (
    drives_of,
    join_runs,
    put_parts,
    put_span,
    runs_of,
    through_runs,
    times_of,
)
from mambamim.ops.selective_scan_steps_triton import read
from mambamim.ops.triton_launch import Entry, tl, triton


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
        at, timely = times_of(span, run, L, turned, STEPS, RUNS)
        sizes, puts, pulls, outs = drives_of(
            u, delta, z, grad_y, at, timely, inside, shift, none, SOFTPLUS, HAS_Z, STEPS
        )
        for_puts, for_sizes = outs, outs
        for n in range(N):
            rate = read(A, own * N + n, inside) * 1.4426950408889634
            start = read(states, (span - 1) * N + n, inside & (span > 0))
            end = read(carries, (span + 1) * N + n, inside & (back > 0))
            if HAS_LAST:
                end += read(grad_last, (p * E + e) * N + n, inside & (back == 0))
            before_A = read(fixed, n + run * 0, inside & (back > 0))  # of later spans
            place = (n * spans + span) * (2 * STEPS * RUNS) + run
            Bs, Cs, decays, drives, decay, state, grad = runs_of(
                B, C, n, place, at, timely, sizes, puts, pulls, rate, none, B_n, B_t, C_n, C_t,
                GATHERED, STEPS, RUNS,
            )  # fmt: skip
            state, grad, begins = join_runs(run, decay, state, grad, start, end, RUNS)
            tl.store(carries + span * N + n + run - (RUNS - 1), begins, inside & (run == RUNS - 1))
            outs, for_puts, for_sizes, for_A, for_Bs, for_Cs = through_runs(
                Bs, Cs, decays, drives, sizes, puts, pulls, rate, state, grad, outs, for_puts,
                for_sizes, none, STEPS,
            )  # fmt: skip
            tl.store(fixed + n + run, before_A + for_A, mask=inside & (run == 0))
            group = ((p * tl.num_programs(0) + tl.program_id(0)) * N + n) * spans + span
            put_parts(parts + group * (RUNS * 2 * STEPS), for_Bs, for_Cs, LEVELS)
        tl.debug_barrier()  # other threads read the carries in the next span
        for_D, for_bias = put_span(
            u, delta, z, grad_y, grad_u, grad_delta, grad_z, at, timely, inside, shift, through,
            sizes, outs, for_puts, for_sizes, for_D, for_bias, SOFTPLUS, HAS_Z, STEPS,
        )  # fmt: skip
    ends = inside & (run == 0)
    for_D, for_bias = tl.sum(for_D, 1, keep_dims=True), tl.sum(for_bias, 1, keep_dims=True)
    tl.store(fixed + N + run, for_D + none, mask=ends)
    tl.store(fixed + N + 1 + run, for_bias + none, mask=ends)
