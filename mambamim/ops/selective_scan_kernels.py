"""Triton kernels of the selective scan: a program walks through time with a block of channels.

Letters as in `selective_scan_torch`. A program's tile is (STATES, CHANNELS): a thread has some
states of one channel, so that only y = C h needs other threads, and few. Loads of STEPS steps are
issued before the first is used, as one after the other they would each wait for memory.

Wide tensors are (P, E, L) with any stride over sequences and one of two layouts: channels innermost
(E_INNER), as linear layers leave them, or time innermost; narrow ones are (P, N, L) likewise
(N_INNER). `x_b` is the stride over sequences, `x_r` that of the outer one of the two axes. P counts
the batch once per direction; with BOTH the second half of the sequences is walked through from its
end. Weights have a row per direction.
"""

from __future__ import annotations

from mambamim.errors import MissingDependencyError

try:
    import triton
    import triton.language as tl
except ImportError as error:
    raise MissingDependencyError(
        "Triton is not installed.", "It comes with torch for CUDA on Linux."
    ) from error


@triton.jit
def _read(x, at, there):
    return tl.load(x + at, mask=there, other=0.0).to(tl.float32)


@triton.jit
def _place(inner, t, row, INNER: tl.constexpr):
    """Offset of channels or states `inner` at time `t`."""
    return inner + t * row if INNER else inner * row + t


@triton.jit
def _softplus(x):
    """log(1 + exp(x)); what 1 + exp(x) rounds away for small exp(x) is put back."""
    grown = tl.exp(tl.minimum(x, 20.0))
    above = 1.0 + grown
    bent = tl.where(above == 1.0, grown, tl.log(above) * (grown / (above - 1.0)))
    return tl.where(x > 20.0, x, bent)


@triton.jit
def _step_size(raw, there, SOFTPLUS: tl.constexpr):
    """Zero where nothing is: that leaves a state as it is."""
    return tl.where(there, _softplus(raw) if SOFTPLUS else raw, 0.0)


@triton.jit
def _rows(
    x, first, inner, L, turned, row, inside, INNER: tl.constexpr, BOTH: tl.constexpr,
    STEPS: tl.constexpr,
):  # fmt: skip
    """A tuple of STEPS steps of one tensor, as it is in memory."""
    rows = ()
    for k in tl.static_range(STEPS):
        t = first + k
        there = inside & (t < L) & (t >= 0)
        if BOTH:
            t = tl.where(turned, L - 1 - t, t)
        rows = rows + (tl.load(x + _place(inner, t, row, INNER), mask=there, other=0.0),)
    return rows


@triton.jit
def _steps(
    u, delta, z, B, C, first, e, n, L, turned, u_r, delta_r, z_r, B_r, C_r, inside, known,
    E_INNER: tl.constexpr, N_INNER: tl.constexpr, BOTH: tl.constexpr, HAS_Z: tl.constexpr,
    STEPS: tl.constexpr,
):  # fmt: skip
    """What a chunk reads: a tuple of its steps for each tensor."""
    us = _rows(u, first, e, L, turned, u_r, inside, E_INNER, BOTH, STEPS)
    raws = _rows(delta, first, e, L, turned, delta_r, inside, E_INNER, BOTH, STEPS)
    Bs = _rows(B, first, n, L, turned, B_r, known, N_INNER, BOTH, STEPS)
    Cs = _rows(C, first, n, L, turned, C_r, known, N_INNER, BOTH, STEPS)
    gates = us
    if HAS_Z:
        gates = _rows(z, first, e, L, turned, z_r, inside, E_INNER, BOTH, STEPS)
    return us, raws, gates, Bs, Cs


@triton.jit
def forward(
    u, delta, A, B, C, D, z, bias, y, last, borders, E, L, N, chunks, batch,
    u_b, u_r, delta_b, delta_r, z_b, z_r, B_b, B_r, C_b, C_r, y_r,
    E_INNER: tl.constexpr, N_INNER: tl.constexpr, BOTH: tl.constexpr, SOFTPLUS: tl.constexpr,
    HAS_D: tl.constexpr, HAS_Z: tl.constexpr, HAS_BIAS: tl.constexpr, KEEP: tl.constexpr,
    SPAN: tl.constexpr, STEPS: tl.constexpr, CHANNELS: tl.constexpr, STATES: tl.constexpr,
):  # fmt: skip
    """y, the last state (P, E, N), and with KEEP the state before each chunk (P, chunks, N, E)."""
    p = tl.program_id(1).to(tl.int64)
    e, n = tl.program_id(0) * CHANNELS + tl.arange(0, CHANNELS), tl.arange(0, STATES)
    inside, known = e < E, n < N
    pair = known[:, None] & inside[None]
    own = (p // batch) * E + e
    rates = _read(A, own[None] * N + n[:, None], pair) * 1.4426950408889634
    through = _read(D, own, inside) if HAS_D else tl.zeros((CHANNELS,), tl.float32)
    shift = _read(bias, own, inside) if HAS_BIAS else tl.zeros((CHANNELS,), tl.float32)
    u, delta, B, C = u + p * u_b, delta + p * delta_b, B + p * B_b, C + p * C_b
    y, z, turned = y + p * E * L, z + (p % batch) * z_b, p >= batch
    state = tl.zeros((STATES, CHANNELS), tl.float32)
    us, raws, gates, Bs, Cs = _steps(
        u, delta, z, B, C, 0, e, n, L, turned, u_r, delta_r, z_r, B_r, C_r, inside, known,
        E_INNER, N_INNER, BOTH, HAS_Z, STEPS,
    )  # fmt: skip
    for chunk in range(chunks):
        if KEEP:
            if chunk % (SPAN // STEPS) == 0:
                span = p * tl.cdiv(L, SPAN) + chunk // (SPAN // STEPS)
                tl.store(borders + (span * N + n)[:, None] * E + e[None], state, mask=pair)
        next_us, next_raws, next_gates, next_Bs, next_Cs = _steps(
            u, delta, z, B, C, (chunk + 1) * STEPS, e, n, L, turned, u_r, delta_r, z_r, B_r, C_r,
            inside, known, E_INNER, N_INNER, BOTH, HAS_Z, STEPS,
        )  # fmt: skip
        outs = ()
        for k in tl.static_range(STEPS):
            there = inside & (chunk * STEPS + k < L)
            step = _step_size(raws[k].to(tl.float32) + shift, there, SOFTPLUS)
            value = us[k].to(tl.float32)
            decay = tl.exp2(step[None] * rates)
            state = decay * state + (step * value)[None] * Bs[k].to(tl.float32)[:, None]
            out = tl.sum(state * Cs[k].to(tl.float32)[:, None], 0) + through * value
            if HAS_Z:
                gate = gates[k].to(tl.float32)
                out *= gate * tl.sigmoid(gate)
            outs = outs + (out,)
        for k in tl.static_range(STEPS):  # at once: a load is not moved before a store
            t = chunk * STEPS + k
            there = inside & (t < L)
            if BOTH:
                t = tl.where(turned, L - 1 - t, t)
            at = _place(e, t, y_r, E_INNER)
            tl.store(y + at, outs[k].to(y.dtype.element_ty), mask=there)
        us, raws, gates, Bs, Cs = next_us, next_raws, next_gates, next_Bs, next_Cs
    tl.store(last + (p * E + e)[None] * N + n[:, None], state, mask=pair)


@triton.jit
def backward(
    u, delta, A, B, C, D, z, bias, grad_y, grad_last, borders, scratch,
    grad_u, grad_delta, grad_z, grad_A, grad_B, grad_C, grad_D, grad_bias,
    E, L, N, batch,
    u_b, u_r, delta_b, delta_r, z_b, z_r, B_b, B_r, C_b, C_r, grad_b, grad_r, y_r,
    E_INNER: tl.constexpr, N_INNER: tl.constexpr, BOTH: tl.constexpr, SOFTPLUS: tl.constexpr,
    HAS_D: tl.constexpr, HAS_Z: tl.constexpr, HAS_BIAS: tl.constexpr,
    SPAN: tl.constexpr, STEPS: tl.constexpr, CHANNELS: tl.constexpr, STATES: tl.constexpr,
):  # fmt: skip
    """Gradients of u, delta, z; per sequence those of A, D, bias; per program of B, C, (L, N)."""
    p = tl.program_id(1).to(tl.int64)
    e, n = tl.program_id(0) * CHANNELS + tl.arange(0, CHANNELS), tl.arange(0, STATES)
    inside, known = e < E, n < N
    pair = known[:, None] & inside[None]
    own = (p // batch) * E + e
    rates = _read(A, own[None] * N + n[:, None], pair) * 1.4426950408889634
    through = _read(D, own, inside) if HAS_D else tl.zeros((CHANNELS,), tl.float32)
    shift = _read(bias, own, inside) if HAS_BIAS else tl.zeros((CHANNELS,), tl.float32)
    u, delta, B, C = u + p * u_b, delta + p * delta_b, B + p * B_b, C + p * C_b
    grad_y, z = grad_y + p * grad_b, z + (p % batch) * z_b
    grad_u, grad_delta, grad_z = grad_u + p * E * L, grad_delta + p * E * L, grad_z + p * E * L
    program = (p * tl.num_programs(0) + tl.program_id(0)) * L
    carry = _read(grad_last, (p * E + e)[None] * N + n[:, None], pair)
    for_A = tl.zeros((STATES, CHANNELS), tl.float32)
    for_D, for_bias = tl.zeros((CHANNELS,), tl.float32), tl.zeros((CHANNELS,), tl.float32)
    turned = p >= batch
    spans = tl.cdiv(L, SPAN)
    scratch += ((p * tl.num_programs(0) + tl.program_id(0)) * (SPAN // STEPS)) * STATES * CHANNELS
    cell = n[:, None] * CHANNELS + tl.arange(0, CHANNELS)[None]
    for back in range(spans):
        span = spans - 1 - back
        border = ((p * spans + span) * N + n)[:, None] * E + e[None]
        state = _read(borders, border, pair)
        for chunk in range(SPAN // STEPS):
            tl.store(scratch + chunk * STATES * CHANNELS + cell, state)
            start = span * SPAN + chunk * STEPS
            us = _rows(u, start, e, L, turned, u_r, inside, E_INNER, BOTH, STEPS)
            raws = _rows(delta, start, e, L, turned, delta_r, inside, E_INNER, BOTH, STEPS)
            Bs = _rows(B, start, n, L, turned, B_r, known, N_INNER, BOTH, STEPS)
            for k in tl.static_range(STEPS):
                there = inside & (start + k < L)
                step = _step_size(raws[k].to(tl.float32) + shift, there, SOFTPLUS)
                put_in = (step * us[k].to(tl.float32))[None] * Bs[k].to(tl.float32)[:, None]
                state = tl.exp2(step[None] * rates) * state + put_in
        for chunk in range(SPAN // STEPS - 1, -1, -1):
            start = span * SPAN + chunk * STEPS
            state = tl.load(scratch + chunk * STATES * CHANNELS + cell)
            us, raws, gates, Bs, Cs = _steps(
                u, delta, z, B, C, start, e, n, L, turned, u_r, delta_r, z_r, B_r, C_r, inside,
                known, E_INNER, N_INNER, BOTH, HAS_Z, STEPS,
            )  # fmt: skip
            pulls = _rows(grad_y, start, e, L, turned, grad_r, inside, E_INNER, BOTH, STEPS)
            states, sizes = (), ()
            for k in tl.static_range(STEPS):
                there = inside & (start + k < L)
                step = _step_size(raws[k].to(tl.float32) + shift, there, SOFTPLUS)
                put_in = (step * us[k].to(tl.float32))[None]
                state = tl.exp2(step[None] * rates) * state + put_in * Bs[k].to(tl.float32)[:, None]
                states, sizes = states + (state,), sizes + (step,)
            for_us, for_deltas, for_zs, for_Bs, for_Cs = (), (), (), (), ()
            for k in tl.static_range(STEPS - 1, -1, -1):
                value, pull, step = us[k].to(tl.float32), pulls[k].to(tl.float32), sizes[k]
                B_t, C_t = Bs[k].to(tl.float32)[:, None], Cs[k].to(tl.float32)[:, None]
                if HAS_Z:
                    gate = gates[k].to(tl.float32)
                    opened = tl.sigmoid(gate)
                    ungated = tl.sum(states[k] * C_t, 0) + through * value
                    for_zs = for_zs + (pull * ungated * opened * (1.0 + gate * (1.0 - opened)),)
                    pull *= gate * opened
                put_in = (step * value)[None]
                g = carry + pull[None] * C_t  # of the state after this step
                through_A = g * (states[k] - put_in * B_t)  # d loss / d (delta A)
                through_B = tl.sum(g * B_t, 0)  # d loss / d (delta u)
                for_A += through_A * step[None]
                for_D += pull * value
                for_delta = tl.sum(through_A * rates, 0) * 0.6931471805599453 + through_B * value
                if SOFTPLUS:
                    for_delta *= tl.sigmoid(raws[k].to(tl.float32) + shift)
                for_delta = tl.where(inside & (start + k < L), for_delta, 0.0)
                for_bias += for_delta
                for_us = for_us + (through_B * step + pull * through,)
                for_deltas = for_deltas + (for_delta,)
                for_Bs = for_Bs + (tl.sum(g * put_in, 1),)
                for_Cs = for_Cs + (tl.sum(states[k] * pull[None], 1),)
                carry = tl.exp2(step[None] * rates) * g
            for k in tl.static_range(STEPS):  # at once: a load is not moved before a store
                t = start + STEPS - 1 - k
                there, weighed = inside & (t < L), known & (t < L)
                if BOTH:
                    t = tl.where(turned, L - 1 - t, t)
                at, line = _place(e, t, y_r, E_INNER), (program + t) * N + n
                tl.store(grad_u + at, for_us[k].to(grad_u.dtype.element_ty), mask=there)
                tl.store(grad_delta + at, for_deltas[k].to(grad_delta.dtype.element_ty), mask=there)
                if HAS_Z:
                    tl.store(grad_z + at, for_zs[k].to(grad_z.dtype.element_ty), mask=there)
                tl.store(grad_B + line, for_Bs[k], mask=weighed)
                tl.store(grad_C + line, for_Cs[k], mask=weighed)
    tl.store(grad_A + (p * E + e)[None] * N + n[:, None], for_A, mask=pair)
    tl.store(grad_D + p * E + e, for_D, mask=inside)
    tl.store(grad_bias + p * E + e, for_bias, mask=inside)
