"""Two feature maps side by side along their channels, in one pass each way.

Torch joins channels-last features at half a GPU's pace, and gives back gradients that are parts of
one tensor, which whatever comes before has to copy. Where Triton is installed, both ways are the
kernel of `join_triton`; elsewhere this is torch's own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mambamim.ops.triton_support import fused_kernels


def join(a: Tensor, b: Tensor) -> Tensor:
    """torch.cat([a, b], 1).

    Args:
        a: (B, C_a, D, H, W); the kernel is for channels-last features of one dtype.
        b: (B, C_b, D, H, W).

    Returns:
        (B, C_a + C_b, D, H, W).
    """
    found = fused_kernels("join_triton", a)
    if found is None or fused_kernels("join_triton", b) is None or not _match(a, b):
        return torch.cat([a, b], 1)
    return _Join.apply(a, b, found)


def _match(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and a.shape[:1] + a.shape[2:] == b.shape[:1] + b.shape[2:]


class _Join(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, found: Any) -> Tensor:
        ctx.channels, ctx.found = (a.shape[1], b.shape[1]), found
        return found.join(a, b)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad = grads[0].contiguous(memory_format=torch.channels_last_3d)
        return *ctx.found.split(grad, *ctx.channels), None
