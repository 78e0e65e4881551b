"""The selective scan in plain torch, fast on CPUs and lean in memory.

Letters, as in the Mamba paper: u input, delta step size, A decay, B and C input and output weights, h state.
The sequence is cut into chunks. Inside a chunk all L-parallel work (the exponentials, the outer products,
the sums over N) is one vectorised operation each, and only h_t = a_t h_{t-1} + b_t is sequential.
The backward pass keeps the states at chunk borders alone and computes the others again, so memory stays at
a few times the input at any length: L (B E) for the input against L / CHUNK (B E N) for the borders.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

# A chunk's (T, B, E, N) buffers should stay in the processor's cache; measured flat between 0.5 and 4 MB.
_CHUNK_BYTES = 1 << 20
_CHUNK_GPU = 256


def chunk_length(u: Tensor, states: int) -> int:
    """Steps per chunk: at least 8, so that the Python loop does not dominate."""
    if u.is_cuda:
        return _CHUNK_GPU
    per_step = u.shape[0] * u.shape[1] * states * u.element_size()
    return min(256, max(8, _CHUNK_BYTES // max(per_step, 1)))


def recurrence(decay: Tensor, drive: Tensor, state: Tensor) -> Tensor:
    """h_t = decay_t h_{t-1} + drive_t for t = 1..T from h_0 = state.

    Args:
        decay: (T, ...), in (0, 1].
        drive: (T, ...); overwritten with the result on the CPU.
        state: (...).

    Returns:
        all states, (T, ...).
    """
    if decay.is_cuda:
        return blocked_recurrence(decay, drive, state)
    for decay_t, drive_t in zip(decay.unbind(0), drive.unbind(0), strict=True):
        drive_t.addcmul_(decay_t, state)
        state = drive_t
    return drive


def blocked_recurrence(decay: Tensor, drive: Tensor, state: Tensor) -> Tensor:
    """The same in about 2 sqrt(T) operations, none in place: for GPUs and for exported static graphs.

    The T steps are laid out as rows of about sqrt(T). All rows run side by side from a zero state, the rows'
    ends are chained, and each row adds what its starting state decays to.
    """
    steps = decay.shape[0]
    row = max(1, int(steps**0.5))
    rows = -(-steps // row)
    padding = rows * row - steps
    if padding:
        decay = torch.cat([decay, torch.ones_like(decay[:1]).expand(padding, *decay.shape[1:])])
        drive = torch.cat([drive, torch.zeros_like(drive[:1]).expand(padding, *drive.shape[1:])])
    decay = decay.reshape(rows, row, *decay.shape[1:])
    drive = drive.reshape(rows, row, *drive.shape[1:])
    local, reach = [drive[:, 0]], [decay[:, 0]]
    for j in range(1, row):
        local.append(decay[:, j] * local[-1] + drive[:, j])
        reach.append(decay[:, j] * reach[-1])
    starts = [state]
    for i in range(rows - 1):
        starts.append(reach[-1][i] * starts[-1] + local[-1][i])
    states = torch.stack(local, 1) + torch.stack(reach, 1) * torch.stack(starts)[:, None]
    return states.reshape(rows * row, *states.shape[2:])[:steps]


def scan_static(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> tuple[Tensor, Tensor]:
    """The scan as a static graph of plain operations, for tracing and export. Shapes as `scan_torch`."""
    decay = torch.exp(delta.permute(2, 0, 1)[..., None] * A)
    drive = (delta * u).permute(2, 0, 1)[..., None] * B.permute(2, 0, 1)[:, :, None]
    states = blocked_recurrence(decay, drive, torch.zeros_like(drive[0]))
    y = (states @ C.permute(2, 0, 1)[..., None]).squeeze(-1)
    return y.permute(1, 2, 0), states[-1]


def scan_torch(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> tuple[Tensor, Tensor]:
    """The selective scan from a zero state.

    Args:
        u: input, (B, E, L).
        delta: step sizes after bias and softplus, (B, E, L).
        A: decay, (E, N).
        B: input weights, (B, N, L).
        C: output weights, (B, N, L).

    Returns:
        y (B, E, L) and the last state (B, E, N).
    """
    return _ChunkedScan.apply(u, delta, A, B, C)  # type: ignore[no-any-return]


class _ChunkedScan(torch.autograd.Function):
    """Chunks forward; chunks backward with their states computed again from the saved borders."""

    @staticmethod
    def forward(
        ctx: Any, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor
    ) -> tuple[Tensor, Tensor]:
        chunk = chunk_length(u, A.shape[1])
        state = u.new_zeros(u.shape[0], u.shape[1], A.shape[1])
        y = torch.empty_like(u, memory_format=torch.contiguous_format)
        borders = []
        for start in range(0, u.shape[2], chunk):
            part = slice(start, start + chunk)
            borders.append(state)
            _, states = _chunk_states(u[..., part], delta[..., part], A, B[..., part], state)
            C_t = C[..., part].permute(2, 0, 1)
            y[..., part] = (states @ C_t[..., None]).squeeze(-1).permute(1, 2, 0)
            state = states[-1].clone()
        ctx.save_for_backward(u, delta, A, B, C, torch.stack(borders))
        ctx.chunk = chunk
        return y, state

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        u, delta, A, B, C, borders = ctx.saved_tensors
        grad_y, carry = grads  # carry: gradient of the state, from the right
        grad_u, grad_delta = torch.empty_like(u), torch.empty_like(delta)
        grad_B, grad_C = torch.empty_like(B), torch.empty_like(C)
        grad_A = torch.zeros_like(A)
        for index in reversed(range(len(borders))):
            part = slice(index * ctx.chunk, (index + 1) * ctx.chunk)
            inputs = (u[..., part], delta[..., part], A, B[..., part], C[..., part])
            out = _chunk_gradients(*inputs, borders[index], grad_y[..., part], carry)
            grad_u[..., part], grad_delta[..., part], dA, grad_B[..., part] = out[:4]
            grad_C[..., part], carry = out[4:]
            grad_A += dA
        return grad_u, grad_delta, grad_A, grad_B, grad_C


def _chunk_states(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    """Decays and states of one chunk, both (T, B, E, N)."""
    delta_t = delta.permute(2, 0, 1)
    decay = (delta_t[..., None] * A).exp_()
    drive = (delta_t * u.permute(2, 0, 1))[..., None] * B.permute(2, 0, 1)[:, :, None]
    return decay, recurrence(decay, drive, state)


def _chunk_gradients(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, border: Tensor, grad_y: Tensor, carry: Tensor
) -> tuple[Tensor, ...]:
    """Gradients of one chunk, given its first state `border` and the gradient `carry` of its last one."""
    decay, states = _chunk_states(u, delta, A, B, border)
    before = torch.cat([border[None], states[:-1]])
    u_t, delta_t, grad_t = (x.permute(2, 0, 1) for x in (u, delta, grad_y))
    B_t, C_t = B.permute(2, 0, 1), C.permute(2, 0, 1)
    # g_t = C_t dy_t + decay_{t+1} g_{t+1}: the same recurrence, run from the right.
    drive = (grad_t[..., None] * C_t[:, :, None]).flip(0)
    drive[0] += carry
    reach = torch.cat([torch.ones_like(decay[:1]), decay[1:].flip(0)])
    g = recurrence(reach, drive, torch.zeros_like(carry)).flip(0)
    grad_C = (grad_t[:, :, None] @ states).squeeze(2)
    through_B = (g @ B_t[..., None]).squeeze(-1)
    grad_B = ((delta_t * u_t)[:, :, None] @ g).squeeze(2)
    new_carry = decay[0] * g[0]
    through_A = before.mul_(g).mul_(decay)  # d loss / d (delta_t A)
    grad_A = (through_A * delta_t[..., None]).sum((0, 1))
    grad_delta = (through_A * A).sum(-1) + through_B * u_t
    back = (1, 2, 0)
    return (
        (through_B * delta_t).permute(back),
        grad_delta.permute(back),
        grad_A,
        grad_B.permute(back),
        grad_C.permute(back),
        new_carry,
    )
