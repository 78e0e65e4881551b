"""Features whose masked voxels are given a value: zero, or a learnt one for each channel.

Where Triton is installed, channels-last features on GPUs take the kernels of `fill_masked_triton`;
elsewhere this is torch.where.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mambamim.errors import BadInputError
from mambamim.ops.triton_support import fused_kernels


def spread_visible(visible: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`visible` repeated to a finer grid, (B, 1, *shape) bool.

    Raises:
        BadInputError: a side of `shape` is no multiple of that of `visible`.
    """
    _check_sides(visible, shape)
    for axis, fine in enumerate(shape, start=1):
        visible = visible.repeat_interleave(fine // visible.shape[axis], axis)
    return visible[:, None]


def fill_masked(x: Tensor, visible: Tensor, token: Tensor | None = None) -> Tensor:
    """`x` with `token` where it is masked; whatever stood there is gone, NaN too.

    Args:
        x: (B, C, D, H, W).
        visible: (B, d, h, w) bool, each side a divisor of that of `x`.
        token: (C,), rounded to the dtype of `x`; None for zeros.

    Raises:
        BadInputError: a side of `x` is no multiple of that of `visible`.
    """
    shape = tuple(x.shape[2:])
    if len(visible) == len(x) and (found := fused_kernels("fill_masked_triton", x)):
        _check_sides(visible, shape)
        return _FillMasked.apply(x, visible, token, found)
    fill = x.new_zeros(()) if token is None else token.to(x.dtype)[:, None, None, None]
    return torch.where(spread_visible(visible, shape), x, fill)


def _check_sides(visible: Tensor, shape: tuple[int, ...]) -> None:
    if any(fine % coarse for fine, coarse in zip(shape, visible.shape[1:], strict=True)):
        raise BadInputError(
            f"A mask of {tuple(visible.shape[1:])} places does not divide {tuple(shape)} voxels."
        )


class _FillMasked(torch.autograd.Function):
    """Keeps the mask alone. The token's gradient is summed in float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, visible: Tensor, token: Tensor | None, found: Any) -> Tensor:
        ctx.save_for_backward(visible)
        ctx.dtype, ctx.found = None if token is None else token.dtype, found
        return found.fill(x, visible, token)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (visible,) = ctx.saved_tensors
        grad = grads[0].contiguous(memory_format=torch.channels_last_3d)
        if ctx.dtype is None:
            return ctx.found.fill(grad, visible, None), None, None, None
        kept, masked = ctx.found.part(grad, visible)
        return kept, None, masked.to(ctx.dtype), None
