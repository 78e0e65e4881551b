"""The selective scan by Triton kernels, one or both directions.

Forward is step by step or span by span, whichever is faster, backward always span by span. It keeps
the states between spans alone and computes the others again. Sums over channels and sequences are
finished from one partial sum per program, in the same order every time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mambamim.ops import selective_scan_spans_triton as by_span
from mambamim.ops import selective_scan_steps_triton as by_step

RUN = 8  # steps of a span that a thread takes alone
RUNS = (8, 16, 32)  # of a span: the first that have all steps, or the last
RUNS_BACK = 8  # of a span where gradients are asked for: fewer threads to pass states between
CHANNELS = (8, 4)  # of a program span by span, forward and backward
REGISTERS = 168  # of a thread backward: more would leave too few threads to hide waiting
LONGEST_BY_STEP = 256
STEPS, STEP_CHANNELS = 8, 8  # step by step: whose loads are issued at once; of a program


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
        gathered = states = None
        keeps = any(ctx.needs_input_grad)
        wide = (u, delta) if z is None else (u, delta, z)
        # Step by step, no states are kept: with gradients there must be no span but one.
        if u.shape[2] <= (RUN * RUNS_BACK if keeps else LONGEST_BY_STEP) and all(
            x.stride(1) == 1 for x in wide
        ):
            y, last = _step_by_step(u, delta, A, B, C, D, z, bias, softplus)
        else:
            u, delta = _time_innermost(u), _time_innermost(delta)
            z = z if z is None else _time_innermost(z)
            runs = RUNS_BACK if keeps else _runs(u.shape[2])
            gathered = _gather(B, C, u.shape[0] // A.shape[0], runs)
            y, states = _span_by_span(u, delta, A, gathered, D, z, bias, softplus)
            last = states[:, :, -1].contiguous()
        ctx.softplus = softplus
        ctx.save_for_backward(u, delta, A, B, C, D, z, bias, gathered, states)
        return y, last

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return *_backward(*ctx.saved_tensors, *grads, softplus=ctx.softplus), None


def _time_innermost(x: Tensor) -> Tensor:
    """(P, E, L) with any stride over sequences; copied only where it is not so."""
    return x if x.stride()[1:] == (x.shape[2], 1) else x.contiguous()


def _runs(L: int) -> int:
    return next((runs for runs in RUNS if runs * RUN >= L), RUNS[-1])


def _flags(
    D: Tensor | None, z: Tensor | None, bias: Tensor | None, softplus: bool
) -> dict[str, bool]:
    return {
        "SOFTPLUS": softplus, "HAS_D": D is not None, "HAS_Z": z is not None,
        "HAS_BIAS": bias is not None,
    }  # fmt: skip


def _states(N: int) -> int:
    return max(2, 1 << (N - 1).bit_length())


def _tile(runs: int, channels: int) -> dict[str, int]:
    """A thread has one run of one channel."""
    return {
        "STEPS": RUN, "RUNS": runs, "CHANNELS": channels, "num_warps": max(1, runs * channels // 32)
    }  # fmt: skip


def _step_by_step(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, z: Tensor | None,
    bias: Tensor | None, softplus: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """y, with channels innermost as u, delta and z have them, and the last state."""
    (P, E, L), (directions, _, N) = u.shape, A.shape
    y = torch.empty(P, L, E, dtype=u.dtype, device=u.device).mT
    last = torch.empty(P, E, N, device=u.device)
    strides = [s for x in (u, delta, u if z is None else z) for s in (x.stride(0), x.stride(2))]
    with torch.cuda.device_of(u):
        by_step.forward[(-(-E // STEP_CHANNELS), P)](
            *(u if x is None else x for x in (u, delta, A, B, C, D, z, bias)), y, last,
            E, L, N, P // directions, *strides, *B.stride(), *C.stride(),
            **_flags(D, z, bias, softplus), STEPS=STEPS, CHANNELS=STEP_CHANNELS,
            STATES=_states(N), num_warps=1,
        )  # fmt: skip
    return y, last


def _gather(B: Tensor, C: Tensor, batch: int, runs: int) -> Tensor:
    """Both, float32, in the order in which kernels read them: (P, N, spans, 2, RUN, runs)."""
    P, N, L = B.shape
    spans = -(-L // (RUN * runs))
    gathered = torch.empty(P, N, spans, 2, RUN, runs, device=B.device)
    with torch.cuda.device_of(B):
        by_span.gather[(spans, P)](
            B, C, gathered, L, N, spans, batch, *B.stride(), *C.stride(), STEPS=RUN, RUNS=runs,
            STATES=_states(N),
        )  # fmt: skip
    return gathered


def _span_by_span(
    u: Tensor, delta: Tensor, A: Tensor, gathered: Tensor, D: Tensor | None, z: Tensor | None,
    bias: Tensor | None, softplus: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """y and the states after each span, (P, E, spans, N)."""
    (P, E, L), (directions, _, N) = u.shape, A.shape
    spans, runs = gathered.shape[2], gathered.shape[5]
    y = torch.empty(P, E, L, dtype=u.dtype, device=u.device)
    states = torch.empty(P, E, spans, N, device=u.device)
    with torch.cuda.device_of(u):
        by_span.forward[(-(-E // CHANNELS[0]), P)](
            *(u if x is None else x for x in (u, delta, A, gathered, D, z, bias)), y, states,
            E, L, N, spans, P // directions, u.stride(0), delta.stride(0),
            0 if z is None else z.stride(0), **_flags(D, z, bias, softplus),
            **_tile(runs, CHANNELS[0]),
        )  # fmt: skip
    return y, states


def _backward(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, z: Tensor | None,
    bias: Tensor | None, gathered: Tensor | None, states: Tensor | None, grad_y: Tensor,
    grad_last: Tensor, *, softplus: bool,
) -> tuple[Tensor | None, ...]:  # fmt: skip
    """Gradients of the first eight; `states` is None where there is one span."""
    u, delta, grad_y = (_time_innermost(x) for x in (u, delta, grad_y))
    z = z if z is None else _time_innermost(z)
    (P, E, L), (directions, _, N) = u.shape, A.shape
    batch, groups = P // directions, -(-E // CHANNELS[1])
    gathered = _gather(B, C, batch, RUNS_BACK) if gathered is None else gathered
    spans, runs = gathered.shape[2], gathered.shape[5]
    made: dict[str, Any] = {"device": u.device}
    grad_u, grad_delta = (torch.empty(P, E, L, dtype=x.dtype, **made) for x in (u, delta))
    grad_z = grad_u if z is None else torch.empty(P, E, L, dtype=z.dtype, **made)
    carries, parts_A = torch.empty(2, P, E, spans, N, **made)
    parts = torch.empty(P, groups, N, spans, runs, 2, RUN, **made)
    parts_D, parts_bias = torch.empty(2, P, E, **made)
    grad_B, grad_C = (torch.empty(P, N, L, dtype=x.dtype, **made) for x in (B, C))
    with torch.cuda.device_of(u):
        by_span.backward[(groups, P)](
            *(u if x is None else x for x in (u, delta, A, gathered, D, z, bias)), grad_y,
            grad_last.contiguous(), carries if states is None else states, carries,
            grad_u, grad_delta, grad_z, parts_A, parts, parts_D, parts_bias,
            E, L, N, spans, batch, u.stride(0), delta.stride(0), 0 if z is None else z.stride(0),
            grad_y.stride(0), **_flags(D, z, bias, softplus), **_tile(runs, CHANNELS[1]),
            LEVELS=RUN.bit_length(), maxnreg=REGISTERS,
        )  # fmt: skip
        by_span.collect[(spans, N, P)](
            parts, grad_B, grad_C, L, N, groups, batch, STEPS=RUN, RUNS=runs,
            GROUPS=min(32, 4096 // (RUN * runs)),
        )  # fmt: skip
    grad_A = parts_A.unflatten(0, (directions, batch)).sum((1, 3))
    grad_D, grad_bias = (
        x if x is None else part.unflatten(0, (directions, batch)).sum(1)
        for x, part in ((D, parts_D), (bias, parts_bias))
    )
    if z is not None and directions == 2:
        grad_z = grad_z.unflatten(0, (2, batch)).sum(0)
    return (
        grad_u, grad_delta, grad_A, grad_B, grad_C, grad_D, None if z is None else grad_z, grad_bias
    )  # fmt: skip
