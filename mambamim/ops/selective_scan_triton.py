"""The selective scan by Triton kernels, one or both directions.

How time is cut is planned in `selective_scan_plans_triton`. Only the states between spans are kept,
the others computed again. Sums over channels and sequences are finished from one partial sum per
program, in the same order every time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mambamim.ops.selective_scan_plans_triton import (
    RUN,
    RUNS,
    plan_chunks,
    plan_spans,
    plan_steps,
    takes_steps,
)


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
    return_last_state: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """The scan of one direction, or of both: sequences of the second are walked from their end.

    Args:
        u: input, (P, E, L), on a CUDA device as all others; P = batch x directions.
        delta: step sizes, (P, E, L).
        A: decay, (directions, E, N); of one direction also (E, N), then D and delta_bias (E,).
        B: input weights, (P, N, L).
        C: output weights, (P, N, L).
        D: direct path, (directions, E).
        z: gate, (batch, E, L), the same for both directions.
        delta_bias: added to `delta`, (directions, E).
        delta_softplus: pass `delta` (and its bias) through softplus.
        return_last_state: also give the second of what is returned, else None.

    Returns:
        y (P, E, L) in u's dtype and the state after the last step walked, (P, E, N), float32.
    """
    D, delta_bias = (w if w is None else w.float().contiguous() for w in (D, delta_bias))
    given = (u, delta, A.float().contiguous(), B, C, D, z, delta_bias)
    if torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in given):
        return _Scan.apply(*given, delta_softplus, return_last_state)
    y, last, _ = _forward(*given, delta_softplus, return_last_state, keeps=False)
    return y, last


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None,
        z: Tensor | None, bias: Tensor | None, softplus: bool, wants_last: bool,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        y, last, states = _forward(u, delta, A, B, C, D, z, bias, softplus, wants_last, keeps=True)
        ctx.softplus = softplus
        ctx.set_materialize_grads(False)  # zeros for what was not used would be a kernel more
        ctx.save_for_backward(u, delta, A, B, C, D, z, bias, states)
        return y, last

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        return *_backward(*ctx.saved_tensors, *grads, softplus=ctx.softplus), None, None


def _forward(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, z: Tensor | None,
    bias: Tensor | None, softplus: bool, wants_last: bool, keeps: bool,
) -> tuple[Tensor, Tensor | None, Tensor | None]:  # fmt: skip
    """y, the last state if it is wanted, and what backward needs to have kept of the states."""
    inner = u.stride(1) == delta.stride(1) == 1 and (z is None or z.stride(1) == 1)
    if takes_steps(u.shape[2], inner, keeps):
        return *_step_by_step(u, delta, A, B, C, D, z, bias, softplus, wants_last), None
    y, states = _by_chunk(u, delta, A, B, C, D, z, bias, softplus, wants_last, keeps)
    if states is None or not wants_last:
        return y, None, states
    return y, states[:, :, -1].contiguous(), states


def _is_timed(x: Tensor) -> bool:
    """Whether (P, E, L) has time innermost and channels next to it, with any stride over P."""
    return x.is_contiguous() or x.stride()[1:] == (x.shape[2], 1)


def _timed(x: Tensor) -> Tensor:
    """Copied only where it is not so."""
    return x if _is_timed(x) else x.contiguous()


def _in_pairs(x: Tensor) -> bool:
    """Whether (P, E, L), time innermost and L even, begins every sequence at a whole 4 bytes."""
    return (x.data_ptr() | x.stride(0) * x.element_size()) % 4 == 0


def _directions(A: Tensor) -> int:
    return len(A) if A.dim() == 3 else 1


def _step_by_step(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, z: Tensor | None,
    bias: Tensor | None, softplus: bool, wants_last: bool,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """y, with channels innermost as u, delta and z have them, and the last state."""
    (P, E, L), N = u.shape, A.shape[-1]
    y = torch.empty(P, L, E, dtype=u.dtype, device=u.device).mT
    last = torch.empty(P, E, N, device=u.device) if wants_last else None
    launch = plan_steps(
        P, E, N, wants_last, softplus, D is not None, z is not None, bias is not None
    )
    with torch.cuda.device_of(u):
        launch(
            u, delta, A, B, C, *(u if x is None else x for x in (D, z, bias)), y,
            y if last is None else last, E, L, N, P // _directions(A), *u.stride(),
            *delta.stride(), *(u if z is None else z).stride(), *B.stride(), *C.stride(),
        )  # fmt: skip
    return y, last


def _by_chunk(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, z: Tensor | None,
    bias: Tensor | None, softplus: bool, wants_last: bool, keeps: bool,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """y and states (P, E, spans, N): after each span, or with `keeps` False at most the last."""
    u, delta, z = _timed(u), _timed(delta), z if z is None else _timed(z)
    (P, E, L), N, directions = u.shape, A.shape[-1], _directions(A)
    wide = max(x.element_size() for x in (u, delta, B, C, z) if x is not None) > 2
    paired = _in_pairs(u) and _in_pairs(delta) and (z is None or _in_pairs(z))
    whole = paired and all(_is_timed(x) and _in_pairs(x) for x in (B, C))
    plan = plan_chunks(
        P, E, L, N, directions, wide, paired, whole, keeps, wants_last,
        softplus, D is not None, z is not None, bias is not None,
    )  # fmt: skip
    y = torch.empty(P, E, L, dtype=u.dtype, device=u.device)
    states = torch.empty(P, E, plan.spans, N, device=u.device) if keeps or wants_last else None
    ends = torch.empty(P, plan.chunks - 1, N + 1, E, device=u.device) if plan.chunks > 1 else y
    with torch.cuda.device_of(u):
        if plan.gather is not None:
            kind = B.dtype if B.dtype == C.dtype else torch.float32
            gathered = torch.empty(
                P, plan.blocks * 2 * N << plan.levels, dtype=kind, device=u.device
            )
            plan.gather(
                B, C, gathered, L, N, P // directions, plan.blocks, *B.stride(), *C.stride()
            )  # fmt: skip
            B = C = gathered
        for launch in plan.passes:
            launch(
                u, delta, A, B, C, *(u if x is None else x for x in (D, z, bias)), y,
                y if states is None else states, ends, E, L, P // directions, plan.length,
                plan.per_span, plan.spans, u.stride(0), delta.stride(0), B.stride(0), C.stride(0),
                0 if z is None else z.stride(0),
            )  # fmt: skip
    return y, states


def _backward(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, z: Tensor | None,
    bias: Tensor | None, states: Tensor | None, grad_y: Tensor | None, grad_last: Tensor | None, *,
    softplus: bool,
) -> tuple[Tensor | None, ...]:  # fmt: skip
    """Gradients of the first eight; `states` is None where there is one span."""
    u, delta, z = _timed(u), _timed(delta), z if z is None else _timed(z)
    grad_y = torch.zeros_like(u) if grad_y is None else _timed(grad_y)
    (P, E, L), N, directions = u.shape, A.shape[-1], _directions(A)
    plan = plan_spans(
        P, E, L, N, B.stride(2) == C.stride(2) == 1, grad_last is not None,
        softplus, D is not None, z is not None, bias is not None,
    )  # fmt: skip
    grad_u, grad_delta = (torch.empty(P, E, L, dtype=x.dtype, device=u.device) for x in (u, delta))
    grad_z = None if z is None else torch.empty(P, E, L, dtype=z.dtype, device=u.device)
    grad_B, grad_C = (torch.empty(P, N, L, dtype=x.dtype, device=u.device) for x in (B, C))
    fixed = torch.empty(directions, P // directions, E, N + 2, device=u.device)
    work = torch.empty(plan.work, device=u.device)
    with torch.cuda.device_of(u):
        if plan.gather is not None:
            gathered = torch.empty(P, N, plan.spans, 2, RUN, RUNS, device=u.device)
            plan.gather(
                B, C, gathered, L, N, plan.spans, P // directions, *B.stride(), *C.stride()
            )  # fmt: skip
            B = C = gathered
        plan.backward(
            u, delta, A, B, C, *(u if x is None else x for x in (D, z, bias)), grad_y,
            u if grad_last is None else grad_last.contiguous(), u if states is None else states,
            grad_u, grad_delta, grad_u if grad_z is None else grad_z, fixed, work,
            E, L, N, plan.spans, P // directions, plan.parts, u.stride(0), delta.stride(0),
            0 if z is None else z.stride(0), grad_y.stride(0), *B.stride()[:3], *C.stride()[:3],
        )  # fmt: skip
        plan.collect(work, grad_B, grad_C, L, N, plan.groups, P // directions, plan.parts)
    fixed = fixed.sum(1) if A.dim() == 3 else fixed[0].sum(0)
    if grad_z is not None and directions == 2:
        grad_z = grad_z.unflatten(0, (2, -1)).sum(0)
    grad_D, grad_bias = (None if x is None else fixed[..., N + k] for k, x in enumerate((D, bias)))
    return grad_u, grad_delta, fixed[..., :N], grad_B, grad_C, grad_D, grad_z, grad_bias
