"""From class scores on the network grid to labels on the scan's grid, without scores on the latter.

All classes at the scan's resolution would be gigabytes. But linear interpolation between eight
voxels that agree on their class cannot give another one (each score's lead survives averaging), so
only cells whose corners differ are interpolated: the organs' surfaces. The result is exactly that
of interpolating everything.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mambamim.data.regions import Regions
from mambamim.inference.body import Box
from mambamim.inference.network_grid import NetworkGrid

_AT_ONCE = 1 << 18  # voxels whose classes are compared at a time
_SLAB = 16  # scan planes at a time: bounds the memory of coordinates and mixed cells


def restore_labels(
    scores: Tensor, grid: NetworkGrid, box: Box, dtype: type, regions: Regions | None = None
) -> np.ndarray:
    """Labels on the scan's RAS grid.

    Args:
        scores: class scores inside `box` of the network grid, (C, d, h, w), any device.
        grid: both grids.
        box: where `scores` lies on the network grid.
        dtype: unsigned integer type of the result.
        regions: what is painted where a score is above 0, instead of the class with the highest.

    Returns:
        (D, H, W) in the scan's RAS orientation; zero outside of the box.
    """
    best: np.ndarray = _decided(scores, regions).astype(dtype)
    out: np.ndarray = np.zeros([axis.scan_size for axis in grid.axes], dtype)
    if all(axis.identical for axis in grid.axes):
        out[box] = best
        return out
    spans, lower, fraction = _cells(grid, box)
    if any(len(x) == 0 for x in lower):
        return out
    mixed = ~_uniform(best)
    for start in range(0, len(lower[0]), _SLAB):
        part = slice(start, start + _SLAB)
        corner = [lower[0][part], lower[1], lower[2]]
        block = best[np.ix_(*corner)]
        where = np.nonzero(mixed[np.ix_(*corner)])
        if len(where[0]):
            places = [
                c[w] + f[w]
                for c, f, w in zip(
                    corner, [fraction[0][part], fraction[1], fraction[2]], where, strict=True
                )
            ]
            block[where] = _decided(_interpolate(scores, places), regions).astype(dtype)
        first = spans[0].start + start
        out[first : first + block.shape[0], spans[1], spans[2]] = block
    return out


def _decided(scores: Tensor, regions: Regions | None) -> np.ndarray:
    """Label values (...) of scores (C, ...)."""
    if regions is None:
        return best_class(scores).cpu().numpy()
    return regions.paint((scores > 0).cpu().numpy())


def best_class(scores: Tensor) -> Tensor:
    """The class with the highest score, the first of equals; the same as `scores.argmax(0)`.

    On a CPU that function jumps from class to class at every voxel. Going through whole classes,
    for as many voxels as stay in the processor's cache, takes a quarter of its time.

    Args:
        scores: (C, ...), a spatial axis first.

    Returns:
        (...) uint8 or int32 on a CPU, int64 elsewhere.
    """
    if scores.device.type != "cpu":
        return scores.argmax(0)
    kind = torch.uint8 if len(scores) <= 256 else torch.int32
    found = torch.zeros(scores.shape[1:], dtype=kind)
    planes = max(1, _AT_ONCE // max(1, math.prod(scores.shape[2:])))
    for part, index in zip(scores.split(planes, 1), found.split(planes), strict=True):
        best = part[0].clone()
        for number in range(1, len(part)):
            index.masked_fill_(part[number] > best, number)
            torch.maximum(best, part[number], out=best)
    return found


def _cells(grid: NetworkGrid, box: Box) -> tuple[list[slice], list[np.ndarray], list[np.ndarray]]:
    """For every axis: the scan indices inside the box, their lower neighbour there, the rest."""
    spans, lower, fraction = [], [], []
    for axis, part in zip(grid.axes, box, strict=True):
        size = part.stop - part.start
        position = axis.from_scan(np.arange(axis.scan_size)) - part.start
        inside = np.nonzero((position > -0.5 - 1e-6) & (position < size - 0.5 + 1e-6))[0]
        span = slice(int(inside[0]), int(inside[-1]) + 1) if len(inside) else slice(0, 0)
        position = np.clip(position[span], 0, size - 1)
        corner = np.minimum(np.floor(position), max(size - 2, 0)).astype(np.int64)
        spans.append(span)
        lower.append(corner)
        fraction.append((position - corner).astype(np.float32))
    return spans, lower, fraction


def _uniform(labels: np.ndarray) -> np.ndarray:
    """Whether a voxel and its upper neighbours along all axes carry one label, (D, H, W) bool."""
    same = np.ones(labels.shape, bool)
    low, high = labels, labels
    for axis, size in enumerate(labels.shape):
        following = np.minimum(np.arange(size) + 1, size - 1)
        low = np.minimum(low, low.take(following, axis))
        high = np.maximum(high, high.take(following, axis))
    np.equal(low, high, out=same)
    return same


def _interpolate(scores: Tensor, places: list[np.ndarray]) -> Tensor:
    """Trilinear scores (C, n) at each place, given as three lists of indices."""
    sizes = scores.shape[1:]
    # grid_sample wants x, y, z = last, middle, first axis in [-1, 1].
    scaled = [
        2 * p / max(n - 1, 1) - 1 if n > 1 else np.zeros_like(p)
        for p, n in zip(places, sizes, strict=True)
    ]
    points = torch.from_numpy(np.stack(scaled[::-1], -1).astype(np.float32)).to(scores.device)
    sampled = F.grid_sample(
        scores[None], points[None, None, None].to(scores.dtype), align_corners=True,
        padding_mode="border",
    )  # fmt: skip
    return sampled[0, :, 0, 0]
