"""Runs of steps and their spans, for the Triton kernel of the selective scan, backward.

Letters and shapes as in `selective_scan_spans_triton`: a tuple has STEPS tensors (CHANNELS, RUNS).
"""

from __future__ import annotations

from mambamim.ops.selective_scan_blocks_triton import stacked
from mambamim.ops.selective_scan_steps_triton import read, step_size
from mambamim.ops.triton_launch import tl, triton


@triton.jit
def _join_both(decay_1, state_1, back_1, grad_1, decay_2, state_2, back_2, grad_2):
    return (
        decay_1 * decay_2, decay_2 * state_1 + state_2, back_1 * back_2, back_2 * grad_1 + grad_2,
    )  # fmt: skip


@triton.jit
def times_of(span, run, L, turned, STEPS: tl.constexpr, RUNS: tl.constexpr):
    """Where in memory the steps of a span are: (1, RUNS) offsets and masks, STEPS of both."""
    at, there = (), ()
    for k in tl.static_range(STEPS):
        t = (span * RUNS + run) * STEPS + k
        there = there + (t < L,)
        # Said to be neighbours, lest Triton puts neighbouring channels in neighbouring threads. It
        # has no other effect, as a thread has one value of each tensor.
        at = at + (tl.max_contiguous(tl.where(turned, L - 1 - t, t), [1, RUNS]),)
    return at, there


@triton.jit
def drives_of(
    u, delta, z, grad_y, at, timely, inside, shift, none,
    SOFTPLUS: tl.constexpr, HAS_Z: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """Of a span: step sizes, what they put in, and the gradients of y before the gate."""
    sizes, puts, pulls, zeros = (), (), (), ()
    for k in tl.static_range(STEPS):
        there = inside & timely[k]
        size = step_size(read(delta, at[k], there) + shift, there, SOFTPLUS)
        pull = read(grad_y, at[k], there)
        if HAS_Z:
            gate = read(z, at[k], there)
            pull *= gate * tl.sigmoid(gate)
        sizes, puts = sizes + (size,), puts + (size * read(u, at[k], there),)
        pulls, zeros = pulls + (pull,), zeros + (none,)
    return sizes, puts, pulls, zeros


@triton.jit
def runs_of(
    B, C, n, place, at, timely, sizes, puts, pulls, rate, none, B_n, B_t, C_n, C_t,
    GATHERED: tl.constexpr, STEPS: tl.constexpr, RUNS: tl.constexpr,
):  # fmt: skip
    """Of one state: B, C, decays and what is put in of each step; then of the run as a whole.

    That is its decay, and from zero its state and, against time, its gradient.
    """
    Bs, Cs, decays, drives = (), (), (), ()
    decay, state, grad = none + 1.0, none, none
    zeros = tl.zeros(none.shape, tl.int32)
    for k in tl.static_range(STEPS):
        if GATHERED:
            Bs = Bs + (tl.load(B + place + k * RUNS + zeros),)
            Cs = Cs + (tl.load(C + place + k * RUNS + zeros + STEPS * RUNS),)
        else:
            Bs = Bs + (read(B, n * B_n + at[k] * B_t + zeros, timely[k]),)
            Cs = Cs + (read(C, n * C_n + at[k] * C_t + zeros, timely[k]),)
        decays = decays + (tl.exp2(sizes[k] * rate),)
        drives = drives + (puts[k] * Bs[k],)
        state = decays[k] * state + drives[k]
        decay *= decays[k]
    for k in tl.static_range(STEPS - 1, -1, -1):
        grad = decays[k] * (grad + Cs[k] * pulls[k])
    return Bs, Cs, decays, drives, decay, state, grad


@triton.jit
def join_runs(run, decay, state, grad, start, end, RUNS: tl.constexpr):
    """The state before each run, the gradient after it, and `begins`, from the last run on."""
    zeros = tl.zeros(decay.shape, tl.int32)
    before, mirrored = tl.maximum(run - 1, 0) + zeros, RUNS - 1 - run + zeros
    behind = tl.maximum(RUNS - 2 - run, 0) + zeros
    # The first run of either order takes in what comes from the span beside this one.
    state = tl.where(run == 0, state + decay * start, state)
    grad = tl.where(run == RUNS - 1, grad + decay * end, grad)
    _, ends, _, begins = tl.associative_scan(
        (decay, state, tl.gather(decay, mirrored, 1), tl.gather(grad, mirrored, 1)), 1, _join_both
    )
    state = tl.where(run == 0, start, tl.gather(ends, before, 1))
    grad = tl.where(run == RUNS - 1, end, tl.gather(begins, behind, 1))
    return state, grad, begins


@triton.jit
def through_runs(
    Bs, Cs, decays, drives, sizes, puts, pulls, rate, state, grad, outs, for_puts, for_sizes, none,
    STEPS: tl.constexpr,
):  # fmt: skip
    """Sums over states, `outs`, `for_puts` and `for_sizes`, with this one; gradients of A, B, C."""
    reached, for_Bs, for_Cs, new_outs = (), (), (), ()
    for k in tl.static_range(STEPS):
        state = decays[k] * state + drives[k]
        reached = reached + (state,)
        for_Cs = for_Cs + (state * pulls[k],)
        new_outs = new_outs + (outs[k] + state * Cs[k],)
    for_A, new_puts, new_sizes = none, (), ()
    for k in tl.static_range(STEPS - 1, -1, -1):
        grad += Cs[k] * pulls[k]  # of the state after this step
        through_A = grad * (reached[k] - drives[k])  # d loss / d (delta A)
        for_A += through_A * sizes[k]
        for_Bs = (grad * puts[k],) + for_Bs
        new_puts = (for_puts[k] + grad * Bs[k],) + new_puts
        new_sizes = (for_sizes[k] + through_A * rate,) + new_sizes
        grad *= decays[k]
    return new_outs, new_puts, new_sizes, tl.sum(for_A, 1, keep_dims=True), for_Bs, for_Cs


@triton.jit
def put_span(
    u, delta, z, grad_y, grad_u, grad_delta, grad_z, at, timely, inside, shift, through,
    sizes, outs, for_puts, for_sizes, for_D, for_bias,
    SOFTPLUS: tl.constexpr, HAS_Z: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """Stores gradients of u, delta and z; sums of D's and bias's, with this span."""
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
    return for_D, for_bias


@triton.jit
def put_parts(to, for_Bs, for_Cs, LEVELS: tl.constexpr):
    """What the channels of a program give to B's and C's gradients, summed."""
    part = tl.sum(stacked(for_Bs + for_Cs, LEVELS), 0)
    SIZE: tl.constexpr = part.shape[0] * 2**LEVELS
    tl.store(to + tl.arange(0, SIZE), tl.reshape(part, (SIZE,)))
