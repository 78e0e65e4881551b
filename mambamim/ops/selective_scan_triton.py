"""The selective scan by Triton kernels, one or both directions.

Forward is step by step or in chunks of time, whichever is faster; backward goes through time span
by span. Only the states between spans are kept, the others computed again. Sums over channels and
sequences are finished from one partial sum per program, in the same order every time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mambamim.ops import selective_scan_chunks_triton as by_chunk
from mambamim.ops import selective_scan_spans_triton as by_span
from mambamim.ops import selective_scan_steps_triton as by_step

RUN, RUNS = 8, 8  # of a span backward: steps that a thread takes alone, and threads beside it
CHANNELS = 4  # of a program backward
REGISTERS = 168  # of a thread backward: more would leave too few threads to hide waiting
LONGEST_BY_STEP = 256
STEPS, STEP_CHANNELS = 8, 8  # step by step: whose loads are issued at once; of a program
CHUNK_CHANNELS = 32  # of a program by chunk, one warp
PROGRAMS = (2048, 4096)  # that fill a card, with steps of 4 bytes and of 2
SHORTEST_CHUNK = 16  # in steps
GATHERED = 64  # steps of B and C that a program puts in order


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
    given = (u, delta, weights[0], B, C, weights[1], z, weights[2])
    keeps = torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in given)
    return _Scan.apply(*given, delta_softplus, keeps)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None,
        z: Tensor | None, bias: Tensor | None, softplus: bool, keeps: bool,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        states = None
        inner = all(x is None or x.stride(1) == 1 for x in (u, delta, z))
        # Step by step, no states are kept: with gradients there must be no span but one.
        if u.shape[2] <= (LONGEST_BY_STEP if inner and not keeps else RUN * RUNS):
            y, last = _step_by_step(u, delta, A, B, C, D, z, bias, softplus)
        else:
            u, delta = _time_innermost(u), _time_innermost(delta)
            z = z if z is None else _time_innermost(z)
            y, states = _by_chunk(u, delta, A, B, C, D, z, bias, softplus, keeps)
            last = states[:, :, -1].contiguous()
        ctx.softplus = softplus
        ctx.save_for_backward(u, delta, A, B, C, D, z, bias, states)
        return y, last

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return *_backward(*ctx.saved_tensors, *grads, softplus=ctx.softplus), None, None


def _time_innermost(x: Tensor) -> Tensor:
    """(P, E, L) with any stride over sequences; copied only where it is not so."""
    return x if x.stride()[1:] == (x.shape[2], 1) else x.contiguous()


def _in_pairs(x: Tensor) -> bool:
    """Whether (P, E, L), time innermost and L even, begins every sequence at a whole 4 bytes."""
    return (x.data_ptr() | x.stride(0) * x.element_size()) % 4 == 0


def _flags(
    D: Tensor | None, z: Tensor | None, bias: Tensor | None, softplus: bool
) -> dict[str, bool]:
    return {
        "SOFTPLUS": softplus, "HAS_D": D is not None, "HAS_Z": z is not None,
        "HAS_BIAS": bias is not None,
    }  # fmt: skip


def _states(N: int) -> int:
    return max(2, 1 << (N - 1).bit_length())


def _step_by_step(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, z: Tensor | None,
    bias: Tensor | None, softplus: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """y, with channels innermost as u, delta and z have them, and the last state."""
    (P, E, L), (directions, _, N) = u.shape, A.shape
    y = torch.empty(P, L, E, dtype=u.dtype, device=u.device).mT
    last = torch.empty(P, E, N, device=u.device)
    strides = [s for x in (u, delta, u if z is None else z) for s in x.stride()]
    with torch.cuda.device_of(u):
        by_step.forward[(-(-E // STEP_CHANNELS), P)](
            *(u if x is None else x for x in (u, delta, A, B, C, D, z, bias)), y, last,
            E, L, N, P // directions, *strides, *B.stride(), *C.stride(),
            **_flags(D, z, bias, softplus), STEPS=STEPS, CHANNELS=STEP_CHANNELS,
            STATES=_states(N), num_warps=1,
        )  # fmt: skip
    return y, last


def _by_chunk(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, z: Tensor | None,
    bias: Tensor | None, softplus: bool, keeps: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """y and states (P, E, spans, N): after each span, or with `keeps` False the last alone."""
    (P, E, L), (directions, _, N) = u.shape, A.shape
    kind = B.dtype if B.dtype == C.dtype else torch.float32
    # A thread's steps of one tensor are one load of 16 bytes.
    wide = max(x.element_size() for x in (u, delta, B, C, z) if x is not None)
    levels = 2 if wide > 2 else 3
    even = L % 2**levels == 0 and all(_in_pairs(x) for x in (u, delta, z) if x is not None)
    blocks, groups = -(-L >> levels), -(-E // CHUNK_CHANNELS)
    chunks = max(1, min(PROGRAMS[levels - 2] // (P * groups), L // SHORTEST_CHUNK))
    length = -(-blocks // chunks)
    chunks = -(-blocks // length)
    per_span = RUN * RUNS >> levels if keeps else blocks
    spans = -(-blocks // per_span)
    y = torch.empty(P, E, L, dtype=u.dtype, device=u.device)
    states = torch.empty(P, E, spans, N, device=u.device)
    ends = torch.empty(P, chunks - 1, N + 1, E, device=u.device)
    gathered = torch.empty(P, blocks, 2, N, 2**levels, dtype=kind, device=u.device)
    with torch.cuda.device_of(u):
        by_chunk.gather[(-(-blocks // (GATHERED >> levels)), P)](
            B, C, gathered, L, N, P // directions, blocks, *B.stride(), *C.stride(),
            STEPS=2**levels, STATES=_states(N), SIZE=GATHERED,
        )  # fmt: skip
        for final in (False, True) if chunks > 1 else (True,):
            by_chunk.forward[(groups, P, chunks if final else chunks - 1)](
                *(u if x is None else x for x in (u, delta, A, gathered, D, z, bias)), y, states,
                ends, E, L, P // directions, length, per_span, spans,
                *(0 if x is None else x.stride(0) for x in (u, delta, z)),
                **_flags(D, z, bias, softplus), BOTH=directions == 2, FINAL=final,
                EVEN=even, N=N, LEVELS=levels, CHANNELS=CHUNK_CHANNELS, num_warps=1,
            )  # fmt: skip
    return y, states


def _gather(B: Tensor, C: Tensor, batch: int) -> Tensor:
    """Both, float32, in the order in which backward reads them: (P, N, spans, 2, RUN, RUNS)."""
    P, N, L = B.shape
    spans = -(-L // (RUN * RUNS))
    gathered = torch.empty(P, N, spans, 2, RUN, RUNS, device=B.device)
    by_span.gather[(spans, P)](
        B, C, gathered, L, N, spans, batch, *B.stride(), *C.stride(), STEPS=RUN, RUNS=RUNS,
        STATES=_states(N),
    )  # fmt: skip
    return gathered


def _backward(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, z: Tensor | None,
    bias: Tensor | None, states: Tensor | None, grad_y: Tensor, grad_last: Tensor, *,
    softplus: bool,
) -> tuple[Tensor | None, ...]:  # fmt: skip
    """Gradients of the first eight; `states` is None where there is one span."""
    u, delta, grad_y = (_time_innermost(x) for x in (u, delta, grad_y))
    z = z if z is None else _time_innermost(z)
    (P, E, L), (directions, _, N) = u.shape, A.shape
    batch, groups, spans = P // directions, -(-E // CHANNELS), -(-L // (RUN * RUNS))
    made: dict[str, Any] = {"device": u.device}
    grad_u, grad_delta = (torch.empty(P, E, L, dtype=x.dtype, **made) for x in (u, delta))
    grad_z = grad_u if z is None else torch.empty(P, E, L, dtype=z.dtype, **made)
    carries, parts_A = torch.empty(2, P, E, spans, N, **made)
    parts = torch.empty(P, groups, N, spans, RUNS, 2, RUN, **made)
    parts_D, parts_bias = torch.empty(2, P, E, **made)
    grad_B, grad_C = (torch.empty(P, N, L, dtype=x.dtype, **made) for x in (B, C))
    with torch.cuda.device_of(u):
        gathered = _gather(B, C, batch)
        by_span.backward[(groups, P)](
            *(u if x is None else x for x in (u, delta, A, gathered, D, z, bias)), grad_y,
            grad_last.contiguous(), carries if states is None else states, carries,
            grad_u, grad_delta, grad_z, parts_A, parts, parts_D, parts_bias,
            E, L, N, spans, batch, u.stride(0), delta.stride(0), 0 if z is None else z.stride(0),
            grad_y.stride(0), **_flags(D, z, bias, softplus), STEPS=RUN, RUNS=RUNS,
            CHANNELS=CHANNELS, LEVELS=RUN.bit_length(), num_warps=max(1, RUNS * CHANNELS // 32),
            maxnreg=REGISTERS,
        )  # fmt: skip
        by_span.collect[(spans, N, P)](
            parts, grad_B, grad_C, L, N, groups, batch, STEPS=RUN, RUNS=RUNS,
            GROUPS=min(32, 4096 // (RUN * RUNS)),
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
