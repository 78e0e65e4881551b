"""Volumes larger than what is trained on: one mask for all of it, windows, and their blending."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mambamim.models.hymamba import STRIDE
from mambamim.pretraining.masking import draw_visible

OVERLAP = 1 / 3  # of a window that the next one covers again, about
_SIGMA = 0.125  # of the Gaussian weights, of a window's side
Place = tuple[slice, slice, slice]
Run = Callable[[Tensor, Tensor], Tensor]


def draw_tiled(grid: Sequence[int], tile: int, ratio: float, seed: int) -> Tensor:
    """Draw one mask for a whole volume, tile by tile: exactly the asked share in every full tile.

    Drawn on the CPU, so that a seed gives the same mask on every device. Masks of one seed are
    nested: each tile has one ranking of its places, and a higher ratio masks more of it.

    Args:
        grid: (d, h, w) patches; tiles that reach beyond its end are cut off there.
        tile: patches along a side of a tile.
        ratio: share that is masked, in (0, 1).
        seed: 0 to below 2^63.

    Returns:
        (d, h, w) bool, True = visible.
    """
    counts = [-(-side // tile) for side in grid]
    generator = torch.Generator().manual_seed(seed)
    tiles = draw_visible(math.prod(counts), (tile, tile, tile), ratio, generator)
    rows = tiles.view(*counts, tile, tile, tile).permute(0, 3, 1, 4, 2, 5)
    whole = rows.reshape([count * tile for count in counts])
    return whole[tuple(slice(0, side) for side in grid)].contiguous()


def window_places(grid: Sequence[int], tile: int) -> list[Place]:
    """Windows of `tile` patches a side that cover a grid, no side of which is shorter, in patches.

    The last window of an axis ends where the grid does.
    """
    step = max(1, round(tile * (1 - OVERLAP)))
    starts = [[*range(0, side - tile, step), side - tile] for side in grid]
    return [
        (slice(i, i + tile), slice(j, j + tile), slice(k, k + tile))
        for i in starts[0]
        for j in starts[1]
        for k in starts[2]
    ]


def plan_batches(visible: Tensor, tile: int, most: int) -> list[list[Place]]:
    """The windows to run, up to `most` at once, equally many patches visible in those of a batch.

    Windows of which nothing is masked need not be run; where nothing is visible there is nothing
    to predict from.

    Args:
        visible: (d, h, w) bool.
        tile: patches along a side of a window.
        most: windows in a batch.
    """
    alike: dict[int, list[Place]] = {}
    for place in window_places(visible.shape, tile):
        alike.setdefault(int(visible[place].sum()), []).append(place)
    return [
        places[start : start + most]
        for count, places in alike.items()
        if 0 < count < tile**3
        for start in range(0, len(places), most)
    ]


def blend(
    image: Tensor,
    visible: Tensor,
    batches: list[list[Place]],
    run: Run,
    on_windows: Callable[[int], None],
) -> Tensor:
    """The prediction for a whole volume: the mean of its windows with Gaussian weights.

    Args:
        image: (1, 1, D, H, W), sides multiples of 16.
        visible: (D/16, H/16, W/16) bool.
        batches: of `plan_batches`.
        run: a batch of windows (B, 1, ...) and what is visible of it (B, ...) -> their prediction.
        on_windows: told how many more windows are done.

    Returns:
        (1, 1, D, H, W) float32 in the units of the prediction, 0 where no window was run.
    """
    total = torch.zeros_like(image)
    weights = torch.zeros_like(image)
    for places in batches:
        voxels = [_in_voxels(place) for place in places]
        windows = torch.cat([image[(..., *place)] for place in voxels])
        seen = torch.stack([visible[place] for place in places])
        weight = gaussian_weights(tuple(windows.shape[2:]))
        for place, predicted in zip(voxels, run(windows, seen), strict=True):
            total[(..., *place)] += weight * predicted
            weights[(..., *place)] += weight
        on_windows(len(places))
    return total / torch.where(weights > 0, weights, 1)


def gaussian_weights(shape: Sequence[int]) -> Tensor:
    """The weight of each voxel of a window, (D, H, W): highest in the middle, never zero."""
    axes = []
    for size in shape:
        distance = (torch.arange(size) - (size - 1) / 2) / (_SIGMA * size)
        axes.append(torch.exp(-0.5 * distance.square()))
    return axes[0][:, None, None] * axes[1][:, None] * axes[2]


def _in_voxels(place: Place) -> Place:
    first, second, third = (slice(STRIDE * part.start, STRIDE * part.stop) for part in place)
    return first, second, third
