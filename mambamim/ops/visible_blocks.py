"""The visible patches of masked volumes as blocks, so that convolutions touch nothing else.

A masked volume is three quarters zeros. Where patches have many voxels, it pays to gather the
visible ones as a batch of blocks (N, C, p, p, p), give each a border of one voxel from its visible
neighbours (zeros where there is none), and convolve the blocks alone. The result is that of a
convolution of the whole masked volume, hidden again.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SMALLEST_BLOCK = 8  # voxels along a side; the border of a smaller one outweighs what is saved
# (-1, -1, -1) .. (1, 1, 1); the opposite of number i is number 26 - i.
_OFFSETS = list(itertools.product((-1, 0, 1), repeat=3))
_SELF = 13


class VisibleBlocks:
    """Which patches of a batch are visible, and who is beside whom.

    Args:
        visible: (B, d, h, w) bool.

    Attributes:
        count: N, visible patches of all samples.
    """

    def __init__(self, visible: Tensor) -> None:
        self._shape = tuple(visible.shape)
        self._places = visible.nonzero().unbind(1)
        self.count = len(self._places[0])
        slots = torch.full(self._shape, self.count, device=visible.device)
        slots[self._places] = torch.arange(self.count, device=visible.device)
        padded = F.pad(slots, (1,) * 6, value=self.count)
        sample, *place = self._places
        beside = [
            padded[(sample, *(p + 1 + o for p, o in zip(place, offset, strict=True)))]
            for offset in _OFFSETS
        ]
        self.exists = [there < self.count for there in beside]
        self.beside = [there.clamp(max=self.count - 1) for there in beside]

    def cut(self, volume: Tensor) -> Tensor:
        """The visible patches of (B, C, D, H, W), (N, C, p, p, p)."""
        sample, d, h, w = self._places
        parts = self._parts(volume)[sample, :, d, :, h, :, w]
        return parts.contiguous(memory_format=_layout(volume))

    def spread(self, blocks: Tensor) -> Tensor:
        """The other way: (N, C, p, p, p) to (B, C, D, H, W), zero where masked."""
        batch, *grid = self._shape
        sides = [side * size for side, size in zip(grid, blocks.shape[2:], strict=True)]
        shape = (batch, blocks.shape[1], *sides)
        volume = _empty(shape, blocks).zero_()
        sample, d, h, w = self._places
        self._parts(volume)[sample, :, d, :, h, :, w] = blocks
        return volume

    def convolve(self, conv: nn.Conv3d, blocks: Tensor) -> Tensor:
        """A 3x3x3 convolution with padding 1 of the masked volume, at its visible voxels."""
        wide = _Border.apply(blocks, self)
        if conv.groups == 1:
            return F.conv3d(wide, conv.weight, conv.bias)
        # A depthwise one may have kernels of its own, which keep the size.
        kind = _layout(blocks)
        return conv(wide)[:, :, 1:-1, 1:-1, 1:-1].contiguous(memory_format=kind)

    def _parts(self, volume: Tensor) -> Tensor:
        """A view of (B, C, D, H, W) as (B, C, d, p, h, p, w, p)."""
        split: list[int] = []
        for side, places in zip(volume.shape[2:], self._shape[1:], strict=True):
            split += [places, side // places]
        return volume.view(*volume.shape[:2], *split)


def whole(x: Tensor, where: object) -> Tensor:
    """Blocks as the volume (B, C, D, H, W) that they are of; a volume is given back."""
    return where.spread(x) if isinstance(where, VisibleBlocks) else x


class _Border(torch.autograd.Function):
    """(N, C, p, p, p) -> (N, C, p + 2, p + 2, p + 2), the border from the neighbours."""

    @staticmethod
    def forward(ctx: Any, blocks: Tensor, where: VisibleBlocks) -> Tensor:
        ctx.where = where
        count, channels, *sides = blocks.shape
        wide = _empty((count, channels, *(side + 2 for side in sides)), blocks)
        wide[:, :, 1:-1, 1:-1, 1:-1] = blocks
        for number, offset in enumerate(_OFFSETS):
            if number != _SELF:
                theirs = blocks[_theirs(offset)][where.beside[number]]
                wide[_border(offset)] = _kept(theirs, where.exists[number])
        return wide

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (grad,), where = grads, ctx.where
        inner = grad[:, :, 1:-1, 1:-1, 1:-1].clone(memory_format=torch.preserve_format)
        for number, offset in enumerate(_OFFSETS):
            if number != _SELF:
                # What I gave to the neighbour on the other side comes back from it.
                given = grad[_border(offset)][where.beside[26 - number]]
                inner[_theirs(offset)] += _kept(given, where.exists[26 - number])
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


def _layout(like: Tensor) -> torch.memory_format:
    last = like.is_contiguous(memory_format=torch.channels_last_3d)
    return torch.channels_last_3d if last else torch.contiguous_format


def _empty(shape: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=_layout(like))
