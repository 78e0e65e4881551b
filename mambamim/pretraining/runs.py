"""Runs of masked tokens in a sequence: how far each place is in its run, and what is beside it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mambamim.ops.visible_blocks import visible_places


@dataclass(frozen=True)
class Runs:
    """Where every place of a sequence lies between the visible ones.

    Attributes:
        place: j, steps from the visible place on the left (from before the sequence in a leading
            run), (B, L) int64; 0 at visible places.
        length: Q + 1, steps between the two neighbours, (B, L) int64.
        left: index of the left neighbour among the visible tokens, (B, L) int64; in a leading run
            that of the right one.
        right: the same on the right; in a trailing run that on the left.
        longest: no j is greater.
    """

    place: Tensor
    length: Tensor
    left: Tensor
    right: Tensor
    longest: int

    def neighbours(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """y_L and y_R of every place, (B, L, C) each, of the visible `tokens` (B, K, C)."""
        return _pick(tokens, self.left), _pick(tokens, self.right)

    def spread(self, tokens: Tensor) -> Tensor:
        """(B, L, C): at a visible place its own token of `tokens` (B, K, C)."""
        return _pick(tokens, self.left)


def find_runs(tokens: Tensor, visible: Tensor) -> Runs:
    """Find the runs; no loop over tokens, and on a GPU nothing is waited for.

    Args:
        tokens: the visible ones, (B, K, C).
        visible: (B, L) bool, K True in each row.

    Raises:
        ValueError: K is 0, or not the number of True in each row.
    """
    kept, size = tokens.shape[1], visible.shape[1]
    if kept == 0:
        raise ValueError("No token is visible: there is nothing to interpolate from.")
    counts_fit = (visible.sum(1) == kept).all()
    if visible.shape[0] != tokens.shape[0] or (not visible.is_cuda and not bool(counts_fit)):
        raise ValueError(f"`visible` must have {kept} True in each of {len(tokens)} rows.")
    if visible.is_cuda:
        torch._assert_async(counts_fit)  # asking would make the CPU wait for the GPU
    index = torch.arange(size, device=visible.device)
    rank = visible.cumsum(1) - 1  # of the last visible place at or before here; -1 if none
    places = visible_places(visible, kept)
    # Ends of the sequence count as neighbours one step outside.
    starts = torch.cat([places.new_full((len(places), 1), -1), places], 1)
    ends = torch.cat([places, places.new_full((len(places), 1), size)], 1)
    start, end = starts.gather(1, rank + 1), ends.gather(1, rank + 1)
    return Runs(
        place=torch.where(visible, 0, index - start),
        length=end - start,
        left=rank.clamp(min=0),
        right=(rank + 1).clamp(max=kept - 1),
        longest=size - kept,
    )


def _pick(tokens: Tensor, index: Tensor) -> Tensor:
    return tokens.gather(1, index[..., None].expand(-1, -1, tokens.shape[2]))
