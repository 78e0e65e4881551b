"""Max-pooling that halves a grid.

Torch's kernel notes a 64-bit index a maximum, wanted or not, and takes several times as long as
reading and writing takes. Where Triton is installed, channels-last features go through the kernels
of `max_pool_triton`, which note one byte, and only for training; elsewhere this is torch's own.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mambamim.ops.triton_support import fused_kernels

_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def max_pool(x: Tensor) -> Tensor:
    """The maxima of windows of 2 x 2 x 2 voxels, as F.max_pool3d(x, 2).

    Args:
        x: (B, C, D, H, W); what an odd side has left over is in no window.

    Returns:
        (B, C, D // 2, H // 2, W // 2). A window with NaN in it gives NaN.
    """
    found = fused_kernels("max_pool_triton", x)
    if found is None or x.dtype not in _DTYPES or min(x.shape[2:]) < 2:
        return F.max_pool3d(x, 2)
    return _MaxPool.apply(x, found)


class _MaxPool(torch.autograd.Function):
    """Keeps which voxel of each window it took: the first of equals, the last NaN."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, found: Any) -> Tensor:
        out, taken = found.pool(x, notes=ctx.needs_input_grad[0])
        ctx.sides, ctx.found = x.shape[2:], found
        ctx.save_for_backward(taken)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        grad = grads[0].contiguous(memory_format=torch.channels_last_3d)
        return ctx.found.spread(grad, *ctx.saved_tensors, ctx.sides), None
