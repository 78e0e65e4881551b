"""From class scores on the network grid to labels on the scan's grid, without scores on the latter.

All classes at the scan's resolution would be gigabytes. But linear interpolation between eight
voxels that agree on their class cannot give another one (each score's lead survives averaging), so
only cells whose corners differ are interpolated: the organs' surfaces. The result is exactly that
of interpolating everything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mambamim.data.regions import Regions
from mambamim.inference.body import Box
from mambamim.inference.network_grid import Axis, NetworkGrid

_AT_ONCE = 1 << 18  # voxels whose classes are compared at a time


def restore_labels(
    scores: Tensor, grid: NetworkGrid, box: Box, dtype: type, regions: Regions | None = None
) -> np.ndarray:
    """Labels on the scan's RAS grid; all of it is done where `scores` is.

    Args:
        scores: class scores inside `box` of the network grid, (C, d, h, w), any device.
        grid: both grids.
        box: where `scores` lies on the network grid.
        dtype: np.uint8 or np.uint16, of the result.
        regions: what is painted where a score is above 0, instead of the class with the highest.

    Returns:
        (D, H, W) in the scan's RAS orientation; zero outside of the box.
    """
    # torch can do little with uint16; no label comes near to where int16 ends.
    kind = torch.uint8 if dtype == np.uint8 else torch.int16
    best = _decided(scores, regions).to(kind)
    sizes = [axis.scan_size for axis in grid.axes]
    out = torch.zeros(sizes, dtype=kind, device=scores.device)
    if all(axis.identical for axis in grid.axes):
        out[box] = best
        return out.cpu().numpy().view(dtype)
    lines = [_Line.of(axis, part, scores.device) for axis, part in zip(grid.axes, box, strict=True)]
    if all(len(line.lower) for line in lines):
        # The last axis goes first: it is copied voxel by voxel, the first one plane by plane.
        rows = best.gather(2, lines[2].lower.expand(*best.shape[:2], -1))
        rows = rows.index_select(1, lines[1].lower)
        inside = out[tuple(line.span for line in lines)]
        torch.index_select(rows, 0, lines[0].lower, out=inside)
        del rows
        _interpolate_mixed(inside, scores, _mixed(best), lines, regions)
    return out.cpu().numpy().view(dtype)


def _decided(scores: Tensor, regions: Regions | None) -> Tensor:
    """Label values (...) of scores (C, ...)."""
    if regions is None:
        return best_class(scores)
    labels = torch.zeros(scores.shape[1:], dtype=torch.uint8, device=scores.device)
    regions.paint_onto(labels, scores > 0)
    return labels


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
            above = (part[number] > best).to(kind)
            torch.maximum(index, above.mul_(number), out=index)  # numbers rise; not masked_fill_,
            torch.maximum(best, part[number], out=best)  # which takes its time voxel by voxel
    return found


@dataclass(frozen=True)
class _Line:
    """One axis of the scan inside the box.

    Attributes:
        span: the scan's voxels inside the box, n of them.
        lower: their lower neighbours in the box, (n,) int64; never the last one of several.
        place: where they are in the box, (n,), -1 and 1 being its outermost voxels' centres.
        first: for every cell between two neighbours the first voxel of the n in it, (cells,).
        count: and how many are in it, (cells,).
    """

    span: slice
    lower: Tensor
    place: Tensor
    first: Tensor
    count: Tensor

    @classmethod
    def of(cls, axis: Axis, part: slice, device: torch.device) -> _Line:
        """One axis of both grids, and the box's part of it."""
        size = part.stop - part.start
        position = axis.from_scan(np.arange(axis.scan_size)) - part.start
        inside = np.nonzero((position > -0.5 - 1e-6) & (position < size - 0.5 + 1e-6))[0]
        span = slice(int(inside[0]), int(inside[-1]) + 1) if len(inside) else slice(0, 0)
        position = np.clip(position[span], 0, size - 1)
        cells = max(size - 1, 1)
        lower = np.minimum(np.floor(position), cells - 1).astype(np.int64)
        place = (2 * position / cells - 1).astype(np.float32)
        count = np.bincount(lower, minlength=cells)
        lists = [lower, place, np.cumsum(count) - count, count]
        return cls(span, *(torch.from_numpy(x).to(device) for x in lists))


def _mixed(labels: Tensor) -> Tensor:
    """Whether a cell's corners differ, (cells, cells, cells) bool of labels (d, h, w)."""
    low, high = labels, labels
    for axis, size in enumerate(labels.shape):
        if size > 1:
            below, above = (0, size - 1), (1, size - 1)
            low = torch.minimum(low.narrow(axis, *below), low.narrow(axis, *above))
            high = torch.maximum(high.narrow(axis, *below), high.narrow(axis, *above))
    return low != high


def _interpolate_mixed(
    labels: Tensor, scores: Tensor, mixed: Tensor, lines: list[_Line], regions: Regions | None
) -> None:
    """Change the labels (n, n, n) of the scan's voxels in mixed cells to those interpolated."""
    cells = mixed.flatten().nonzero()[:, 0]
    fullest = math.prod(int(line.count.max()) for line in lines)
    for part in cells.split(max(1, _AT_ONCE // fullest)):
        voxels = _voxels(torch.unravel_index(part, mixed.shape), lines)
        places = [line.place[index] for line, index in zip(lines, voxels, strict=True)]
        labels[voxels] = _decided(_interpolate(scores, places), regions).to(labels.dtype)


def _voxels(cells: tuple[Tensor, ...], lines: list[_Line]) -> tuple[Tensor, ...]:
    """The scan's voxels in cells, three lists of indices (m,), of three lists (cells,)."""
    counts = [line.count[cell] for line, cell in zip(lines, cells, strict=True)]
    many = counts[0] * counts[1] * counts[2]
    owner = torch.repeat_interleave(many)
    rest = torch.arange(len(owner), device=owner.device) - (many.cumsum(0) - many)[owner]
    found = []
    for line, cell, count in zip(lines[::-1], cells[::-1], counts[::-1], strict=True):
        size = count[owner]
        found.append(line.first[cell][owner] + rest % size)
        rest = rest // size
    return tuple(found[::-1])


def _interpolate(scores: Tensor, places: list[Tensor]) -> Tensor:
    """Trilinear scores (C, n) at each place, given as three lists of coordinates in [-1, 1]."""
    points = torch.stack(places[::-1], -1)  # grid_sample wants x, y, z: last, middle, first axis
    # On a CPU it shares out nothing but the batch: one part of the points for each thread.
    share = -(-len(points) // torch.get_num_threads())
    batch = F.pad(points, (0, 0, 0, -len(points) % max(share, 1))).view(-1, 1, 1, max(share, 1), 3)
    sampled = F.grid_sample(
        scores.expand(len(batch), *scores.shape), batch.to(scores.dtype), align_corners=True,
        padding_mode="border",
    )  # fmt: skip
    return sampled[:, :, 0, 0].movedim(0, 1).flatten(1)[:, : len(points)]
