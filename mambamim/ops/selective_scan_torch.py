"""The selective scan in plain torch, fast on CPUs and lean in memory.

Letters, as in the Mamba paper: u input, delta step size, A decay, B and C input and output weights,
h state. The sequence is cut into chunks. Inside a chunk all that is parallel in L (exponentials,
outer products, sums over N) is one vectorised operation each; only h_t = a_t h_{t-1} + b_t is
sequential. The backward pass keeps the states at chunk borders alone and computes the others again,
so memory stays at a few times the input at any length: L (B E) for the input, L / CHUNK (B N E) for
the borders. States are laid out (N, E), E innermost, so that sums over N are products of a row with
a matrix.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

# A chunk's (T, B, N, E) buffers should stay in the processor's cache: best at 0.25 to 1 MB.
_CHUNK_BYTES = 1 << 19
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
    """The same in about 2 sqrt(T) operations, none in place: for GPUs and for exported graphs.

    The T steps are laid out as rows of about sqrt(T). All rows run side by side from a zero state,
    the rows' ends are chained, and each row adds what its starting state decays to.
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
    """The scan as a graph of plain operations, for tracing and export. Shapes as `scan_torch`."""
    decay, drive = _decay_and_drive(u, delta, A.t(), B)
    states = blocked_recurrence(decay, drive, torch.zeros_like(drive[0]))
    y = (C.permute(2, 0, 1)[:, :, None] @ states).squeeze(2)
    return y.permute(1, 2, 0), states[-1].transpose(1, 2)


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
    return _ChunkedScan.apply(u, delta, A, B, C)


class _ChunkedScan(torch.autograd.Function):
    """Chunks forward; chunks backward with their states computed again from the saved borders."""

    @staticmethod
    def forward(
        ctx: Any, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor
    ) -> tuple[Tensor, Tensor]:
        chunk = chunk_length(u, A.shape[1])
        rates = A.t().contiguous()
        state = u.new_zeros(u.shape[0], A.shape[1], u.shape[1])
        y = u.new_empty(u.shape[2], u.shape[0], u.shape[1])
        borders = []
        for start in range(0, u.shape[2], chunk):
            part = slice(start, start + chunk)
            borders.append(state)
            decay, drive = _decay_and_drive(u[..., part], delta[..., part], rates, B[..., part])
            states = recurrence(decay, drive, state)
            y[part] = (C[..., part].permute(2, 0, 1)[:, :, None] @ states).squeeze(2)
            state = states[-1].clone()  # not a view: it would keep the whole chunk alive
        ctx.save_for_backward(u, delta, A, B, C, torch.stack(borders))
        ctx.chunk = chunk
        return y.permute(1, 2, 0).contiguous(), state.transpose(1, 2).contiguous()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        u, delta, A, B, C, borders = ctx.saved_tensors
        grad_y, grad_state = grads
        rates, carry = A.t().contiguous(), grad_state.transpose(1, 2)
        grad_u, grad_delta = torch.empty_like(u), torch.empty_like(delta)
        grad_B, grad_C = torch.empty_like(B), torch.empty_like(C)
        grad_rates = torch.zeros_like(rates)
        for index in reversed(range(len(borders))):
            part = slice(index * ctx.chunk, (index + 1) * ctx.chunk)
            inputs = (u[..., part], delta[..., part], rates, B[..., part], C[..., part])
            out = _chunk_gradients(*inputs, borders[index], grad_y[..., part], carry)
            grad_u[..., part], grad_delta[..., part], grad_B[..., part], grad_C[..., part] = (
                gradient.permute(1, 2, 0) for gradient in out[:4]
            )
            grad_rates += out[4]
            carry = out[5]
        return grad_u, grad_delta, grad_rates.t(), grad_B, grad_C


def _decay_and_drive(u: Tensor, delta: Tensor, rates: Tensor, B: Tensor) -> tuple[Tensor, Tensor]:
    """exp(delta A) and delta B u, both (T, B, N, E); `rates` is A transposed, (N, E)."""
    delta_t = delta.permute(2, 0, 1)
    decay = torch.exp(delta_t[:, :, None] * rates)
    drive = (delta_t * u.permute(2, 0, 1))[:, :, None] * B.permute(2, 0, 1)[..., None]
    return decay, drive


def _chunk_gradients(
    u: Tensor,
    delta: Tensor,
    rates: Tensor,
    B: Tensor,
    C: Tensor,
    border: Tensor,
    grad_y: Tensor,
    carry: Tensor,
) -> tuple[Tensor, ...]:
    """Gradients of a chunk's u, delta, B, C (time first), of `rates`, and of the state before it.

    `border` is the state before the chunk, `carry` the gradient of its last state from the right.
    """
    decay, drive = _decay_and_drive(u, delta, rates, B)
    states = recurrence(decay, drive, border)
    before = torch.cat([border[None], states[:-1]])
    u_t, delta_t, grad_t, B_t, C_t = (x.permute(2, 0, 1) for x in (u, delta, grad_y, B, C))
    # g_t = C_t dy_t + decay_{t+1} g_{t+1}: the same recurrence, run from the right.
    pull = (grad_t[:, :, None] * C_t[..., None]).flip(0)
    pull[0] += carry
    reach = torch.cat([torch.ones_like(decay[:1]), decay[1:].flip(0)])
    g = recurrence(reach, pull, torch.zeros_like(border)).flip(0)
    through_B = (B_t[:, :, None] @ g).squeeze(2)  # d loss / d (delta u)
    through_A = before.mul_(g).mul_(decay)  # d loss / d (delta A)
    return (
        through_B * delta_t,
        (through_A * rates).sum(2) + through_B * u_t,
        (g @ (delta_t * u_t)[..., None]).squeeze(-1),
        (states @ grad_t[..., None]).squeeze(-1),
        (through_A * delta_t[:, :, None]).sum((0, 1)),
        decay[0] * g[0],
    )
