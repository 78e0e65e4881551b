"""The selective scan as its definition reads, one step after the other: slow, and the truth."""

from __future__ import annotations

import torch
from torch import Tensor


def scan_reference(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor
) -> tuple[Tensor, Tensor]:
    """Runs h_t = exp(delta_t A) h_{t-1} + delta_t B_t u_t and y_t = C_t h_t from h_0 = 0.

    Args:
        u: input, (B, E, L).
        delta: step sizes, positive, (B, E, L).
        A: continuous-time decay, negative, (E, N).
        B: input weights, (B, N, L).
        C: output weights, (B, N, L).

    Returns:
        y (B, E, L) and the last state (B, E, N).
    """
    state = u.new_zeros(u.shape[0], u.shape[1], A.shape[1])
    outputs = []
    # `unbind` once, not `x[:, :, t]` in the loop: that makes the backward pass quadratic in L.
    steps = zip(u.unbind(2), delta.unbind(2), B.unbind(2), C.unbind(2), strict=True)
    for u_t, delta_t, B_t, C_t in steps:
        decay = torch.exp(delta_t[..., None] * A)
        state = decay * state + (delta_t * u_t)[..., None] * B_t[:, None]
        outputs.append((state * C_t[:, None]).sum(-1))
    return torch.stack(outputs, 2), state
