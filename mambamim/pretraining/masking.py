"""Bottom-up masks: drawn where voxels are fewest, repeated to every finer grid (Sec. 3.2, Eq. 1).

`visible` is always bool, True = kept. It is drawn on the deepest grid of the encoder (96^3 voxels
at stride 16: 6^3 places), so that convolutional stages and Mamba stage agree on what is seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mambamim.errors import BadInputError


def count_visible(places: int, ratio: float) -> int:
    """How many of `places` stay visible when the share `ratio` is masked: at least 1, never all.

    Raises:
        BadInputError: a ratio that is not between 0 and 1, or fewer than 2 places.
    """
    if not 0 < ratio < 1:
        raise BadInputError(
            f"The mask ratio must lie between 0 and 1, not be {ratio}.", "Try 0.75."
        )
    if places < 2:
        raise BadInputError("A volume of one patch cannot be masked.", "Take a larger volume.")
    return min(max(round(places * (1 - ratio)), 1), places - 1)


def draw_visible(
    batch: int,
    grid: Sequence[int],
    ratio: float,
    generator: torch.Generator | None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw which places of the deepest grid each sample keeps; exactly the asked share in each.

    Args:
        batch: B.
        grid: (d, h, w), the deepest grid.
        ratio: share that is masked, in (0, 1).
        generator: of `device`; None takes torch's own.
        device: that the mask shall be on.

    Returns:
        (B, d, h, w) bool, True = visible.
    """
    places = int(torch.Size(grid).numel())
    kept = count_visible(places, ratio)
    noise = torch.rand(batch, places, generator=generator, device=device)
    rank = noise.argsort(1).argsort(1)  # a permutation in every row, so ties cannot add a place
    return (rank < kept).view(batch, *grid)
