"""Scan orders: the path on which a state space model walks through a 3D grid of tokens.

Every order is a permutation of the raster positions: position i of the sequence is voxel perm[i],
counted in raster order (last axis fastest).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from mambamim.errors import BadInputError

SCAN_KINDS = ("raster", "zigzag", "hilbert", "shuffle")

Vector = tuple[int, int, int]


def scan_order(kind: str, shape: tuple[int, int, int], seed: int = 0) -> Tensor:
    """The order in which the tokens of a (D, H, W) grid enter the sequence.

    Args:
        kind: "raster" (row by row), "zigzag" (rows and slices back and forth, unit steps),
            "hilbert" (a generalised Hilbert curve; unit steps where all sides are even),
            or "shuffle" (random, drawn from `seed`).
        shape: (D, H, W) in tokens.
        seed: for "shuffle" alone.

    Returns:
        LongTensor (L,), L = D H W: position i of the sequence is voxel perm[i].

    Raises:
        BadInputError: no such kind, or a side below 1.
    """
    if kind not in SCAN_KINDS:
        raise BadInputError(
            f"There is no scan order {kind!r}.", f"Choose of {', '.join(SCAN_KINDS)}."
        )
    sides = tuple(int(side) for side in shape)
    if len(sides) != 3 or min(sides) < 1:
        raise BadInputError(f"A scan order needs three sides of at least 1, not {tuple(shape)}.")
    order = _order(kind, (sides[0], sides[1], sides[2]), seed if kind == "shuffle" else 0)
    return torch.tensor(order)  # a copy: the cached one must survive callers that write into theirs


@functools.lru_cache(maxsize=64)
def _order(kind: str, shape: Vector, seed: int) -> np.ndarray:
    """In numpy: a traced or exported network then holds the order as a constant."""
    length = shape[0] * shape[1] * shape[2]
    if kind == "raster":
        return np.arange(length, dtype=np.int64)
    if kind == "zigzag":
        return _zigzag(shape)
    if kind == "hilbert":
        return _hilbert(shape)
    return np.random.default_rng(seed).permutation(length).astype(np.int64)


def _zigzag(shape: Vector) -> np.ndarray:
    """Back and forth along W in every row; every other slice from its end to its start."""
    depth, height, width = shape
    rows = np.arange(height * width, dtype=np.int64).reshape(height, width)
    rows[1::2] = rows[1::2, ::-1].copy()
    path = rows.ravel()
    slices = [path if i % 2 == 0 else path[::-1] for i in range(depth)]
    return np.concatenate([one + i * height * width for i, one in enumerate(slices)])


def _hilbert(shape: Vector) -> np.ndarray:
    """A generalised Hilbert curve, its longest side first."""
    axes = sorted(range(3), key=lambda axis: -shape[axis])
    a, b, c = (tuple(shape[axis] if i == axis else 0 for i in range(3)) for axis in axes)
    points = np.array(list(_walk((0, 0, 0), a, b, c)), dtype=np.int64)  # type: ignore[arg-type]
    return np.ravel_multi_index(tuple(points.T), shape).astype(np.int64)


def _walk(start: Vector, a: Vector, b: Vector, c: Vector) -> Iterator[Vector]:
    """All voxels of the box with edges a, b, c at `start`, ending beside `start` along a.

    The box is cut into boxes walked the same way, each beginning next to where the last one ended.
    Edges are signed multiples of an axis; a cut at an even length keeps every step a unit step.
    """
    lengths = _length(a), _length(b), _length(c)
    if min(lengths) == 0:
        return
    if sum(length > 1 for length in lengths) <= 1:
        edge = (a, b, c)[lengths.index(max(lengths))]
        for i in range(max(lengths)):
            yield _add(start, _scale(_unit(edge), i))
        return
    for corner, *edges in _pieces(start, a, b, c):
        yield from _walk(corner, *edges)


def _pieces(
    start: Vector, a: Vector, b: Vector, c: Vector
) -> list[tuple[Vector, Vector, Vector, Vector]]:
    """Two, three or five smaller boxes (corner, edges) whose walks join to the walk of the box."""
    long, wide, deep = _length(a), _length(b), _length(c)
    half_a, half_b, half_c = _half(a), _half(b), _half(c)
    rest_a, rest_b, rest_c = _sub(a, half_a), _sub(b, half_b), _sub(c, half_c)
    if 2 * long > 3 * wide and 2 * long > 3 * deep:  # a long bar: one half, then the other
        return [(start, half_a, b, c), (_add(start, half_a), rest_a, b, c)]
    far_a = _sub(a, _unit(a))  # the last voxel along a
    if 3 * wide > 4 * deep or 3 * deep > 4 * wide:  # a slab: out, along, back
        if wide < deep:
            b, c, half_b, rest_b = c, b, half_c, rest_c
        turn = _add(start, _add(far_a, _sub(half_b, _unit(b))))
        return [
            (start, half_b, c, half_a),
            (_add(start, half_b), a, rest_b, c),
            (turn, _scale(half_b, -1), c, _scale(rest_a, -1)),
        ]
    far_c = _sub(c, _unit(c))
    end_b = _sub(half_b, _unit(b))  # the last voxel of b's first half
    return [  # nearly a cube: up, over, along, over, down
        (start, half_b, half_c, half_a),
        (_add(start, half_b), c, half_a, rest_b),
        (_add(start, _add(end_b, far_c)), a, _scale(half_b, -1), _scale(rest_c, -1)),
        (_add(start, _add(far_a, _add(half_b, far_c))), _scale(c, -1), _scale(rest_a, -1), rest_b),
        (_add(start, _add(far_a, end_b)), _scale(half_b, -1), half_c, _scale(rest_a, -1)),
    ]


def _length(edge: Vector) -> int:
    return abs(sum(edge))


def _unit(edge: Vector) -> Vector:
    length = _length(edge)
    return edge[0] // length, edge[1] // length, edge[2] // length


def _half(edge: Vector) -> Vector:
    """About half of `edge`, of even length where it can be."""
    length = _length(edge)
    half = length // 2
    return _scale(_unit(edge), half + 1 if half % 2 and length > 2 else half)


def _add(a: Vector, b: Vector) -> Vector:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _sub(a: Vector, b: Vector) -> Vector:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def _scale(a: Vector, factor: int) -> Vector:
    return a[0] * factor, a[1] * factor, a[2] * factor
