"""The visible patches of masked volumes as blocks, so that convolutions touch nothing else.

A masked volume is three quarters zeros. Where patches have many voxels, it pays to gather the
visible ones as a batch of blocks (N, C, p, p, p), give each a border of one voxel from its visible
neighbours (zeros where there is none), and convolve the blocks alone. The result is that of a
convolution of the whole masked volume, hidden again.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mambamim.ops.depthwise_conv import DepthwiseConv3d
from mambamim.ops.triton_support import kernels

SMALLEST_BLOCK = 8  # voxels along a side; the border of a smaller one outweighs what is saved
# (-1, -1, -1) .. (1, 1, 1); the opposite of number i is number 26 - i.
_OFFSETS = list(itertools.product((-1, 0, 1), repeat=3))
_SELF = 13


def visible_places(visible: Tensor, kept: int) -> Tensor:
    """Indices of the visible places in raster order.

    Args:
        visible: (B, L) bool, K True in each row.
        kept: K; given, so that a GPU need not be asked.

    Returns:
        (B, K) int64, ascending.
    """
    return torch.argsort(~visible, dim=1, stable=True)[:, :kept]


class VisibleBlocks:
    """Which patches of a batch are visible, and who is beside whom.

    Args:
        visible: (B, d, h, w) bool.
        each: number of True in each sample, where it is known and the same in all; a GPU is waited
            for where it is not.

    Attributes:
        visible: as given.
        count: N, visible patches of all samples.
        beside: (27, N), the block at each offset from each; N where none is visible.
    """

    def __init__(self, visible: Tensor, each: int | None = None) -> None:
        self.visible, self._shape = visible, tuple(visible.shape)
        self._places = _places(visible, each)
        self.count = len(self._places)
        self._slots = torch.full(self._shape, self.count, device=visible.device)
        places = self._places.unbind(1)
        self._slots[places] = torch.arange(self.count, device=visible.device)
        around = F.pad(self._slots, (1,) * 6, value=self.count)
        for axis in (1, 2, 3):
            around = around.unfold(axis, 3, 1)
        self.beside = around[places].flatten(1).t().contiguous()

    def cut(self, volume: Tensor) -> Tensor:
        """The visible patches of (B, C, D, H, W), (N, C, p, p, p)."""
        if found := _kernels("visible_blocks_triton", volume):
            there = functools.partial(found.cut, places=self._places, grid=self._shape[1:])
            return _Moved.apply(volume, there, functools.partial(found.spread, slots=self._slots))
        sample, d, h, w = self._places.unbind(1)
        parts = self._parts(volume)[sample, :, d, :, h, :, w]
        return parts.contiguous(memory_format=_layout(volume))

    def spread(self, blocks: Tensor) -> Tensor:
        """The other way: (N, C, p, p, p) to (B, C, D, H, W), zero where masked."""
        if found := _kernels("visible_blocks_triton", blocks):
            back = functools.partial(found.cut, places=self._places, grid=self._shape[1:])
            return _Moved.apply(blocks, functools.partial(found.spread, slots=self._slots), back)
        batch, *grid = self._shape
        sides = [side * size for side, size in zip(grid, blocks.shape[2:], strict=True)]
        shape = (batch, blocks.shape[1], *sides)
        volume = _empty(shape, blocks).zero_()
        sample, d, h, w = self._places.unbind(1)
        self._parts(volume)[sample, :, d, :, h, :, w] = blocks
        return volume

    def convolve(self, conv: nn.Conv3d, blocks: Tensor) -> Tensor:
        """A 3x3x3 convolution with padding 1 of the masked volume, at its visible voxels."""
        if isinstance(conv, DepthwiseConv3d) and (
            found := _kernels("visible_depthwise_triton", blocks)
        ):
            return conv.run_kernels(blocks, found.BlockKernels(self.beside))
        wide = self._with_border(blocks)
        if conv.groups == 1:
            return F.conv3d(wide, conv.weight, conv.bias)
        # A depthwise one may have kernels of its own, which keep the size.
        kind = _layout(blocks)
        return conv(wide)[:, :, 1:-1, 1:-1, 1:-1].contiguous(memory_format=kind)

    def _with_border(self, blocks: Tensor) -> Tensor:
        """(N, C, p, p, p) -> (N, C, p + 2, p + 2, p + 2), the border from the neighbours."""
        if min(blocks.shape[2:]) > 1 and (found := _kernels("visible_blocks_triton", blocks)):
            there = functools.partial(found.add_border, beside=self.beside)
            back = functools.partial(found.border_gradient, beside=self.beside)
            return _Moved.apply(blocks, there, back)
        return _Border.apply(blocks, self.beside)

    def _parts(self, volume: Tensor) -> Tensor:
        """A view of (B, C, D, H, W) as (B, C, d, p, h, p, w, p)."""
        split: list[int] = []
        for side, places in zip(volume.shape[2:], self._shape[1:], strict=True):
            split += [places, side // places]
        return volume.view(*volume.shape[:2], *split)


def whole(x: Tensor, where: object) -> Tensor:
    """Blocks as the volume (B, C, D, H, W) that they are of; a volume is given back."""
    return where.spread(x) if isinstance(where, VisibleBlocks) else x


class _Moved(torch.autograd.Function):
    """What a kernel makes of channels-last features; another takes the gradient back."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, there: Callable[[Tensor], Tensor], back: Callable[[Tensor], Tensor]
    ) -> Tensor:
        ctx.back = back
        return there(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return ctx.back(grads[0].contiguous(memory_format=torch.channels_last_3d)), None, None


class _Border(torch.autograd.Function):
    """Borders from the neighbours, without kernels; see `VisibleBlocks.beside`."""

    @staticmethod
    def forward(ctx: Any, blocks: Tensor, beside: Tensor) -> Tensor:
        count, channels, *sides = blocks.shape
        ctx.exists, ctx.beside = beside < count, beside.clamp(max=count - 1)
        wide = _empty((count, channels, *(side + 2 for side in sides)), blocks)
        wide[:, :, 1:-1, 1:-1, 1:-1] = blocks
        for number, offset in enumerate(_OFFSETS):
            if number != _SELF:
                theirs = blocks[_theirs(offset)][ctx.beside[number]]
                wide[_border(offset)] = _kept(theirs, ctx.exists[number])
        return wide

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (grad,) = grads
        inner = grad[:, :, 1:-1, 1:-1, 1:-1].clone(memory_format=torch.preserve_format)
        for number, offset in enumerate(_OFFSETS):
            if number != _SELF:
                # What I gave to the neighbour on the other side comes back from it.
                given = grad[_border(offset)][ctx.beside[26 - number]]
                inner[_theirs(offset)] += _kept(given, ctx.exists[26 - number])
        return inner, None


def _border(offset: tuple[int, ...]) -> tuple[slice, ...]:
    """Where the voxels of the neighbour at `offset` lie in a block with its border."""
    ends = {-1: slice(0, 1), 0: slice(1, -1), 1: slice(-1, None)}
    return (slice(None), slice(None), *(ends[step] for step in offset))


def _theirs(offset: tuple[int, ...]) -> tuple[slice, ...]:
    """Which voxels of the neighbour at `offset` these are."""
    ends = {-1: slice(-1, None), 0: slice(None), 1: slice(0, 1)}
    return (slice(None), slice(None), *(ends[step] for step in offset))


def _kept(values: Tensor, exists: Tensor) -> Tensor:
    return torch.where(exists[:, None, None, None, None], values, values.new_zeros(()))


def _places(visible: Tensor, each: int | None) -> Tensor:
    """(N, 4): sample and place of each True of (B, d, h, w), in raster order."""
    if each is None:
        return visible.nonzero().contiguous()  # it comes turned round
    batch, _, height, width = visible.shape
    place = visible_places(visible.flatten(1), each)
    # In plain arithmetic: torch.unravel_index sends a GPU what it works out on the CPU.
    sample = torch.arange(batch, device=visible.device)[:, None].expand_as(place)
    row = place // width
    places = [sample, row // height, row % height, place % width]
    return torch.stack(places, 2).flatten(0, 1)


def _kernels(name: str, like: Tensor) -> ModuleType | None:
    """Kernels, which are for channels-last features alone."""
    return kernels(name, like) if _layout(like) == torch.channels_last_3d else None


def _layout(like: Tensor) -> torch.memory_format:
    last = like.is_contiguous(memory_format=torch.channels_last_3d)
    return torch.channels_last_3d if last else torch.contiguous_format


def _empty(shape: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=_layout(like))
