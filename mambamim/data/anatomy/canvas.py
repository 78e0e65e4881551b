"""A tissue map to draw on, in millimetres: blobs, tubes and what they may overwrite.

Coordinates are the patient's: x to the right, y to the front, z up, the origin in front of the
second lumbar vertebra. Array axes i, j, k run along x, y, z.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import zoom

from mambamim.data.tissues import Tissue

Point = Sequence[float] | np.ndarray
Box = tuple[slice, slice, slice]


class Canvas:
    """A tissue map of `shape` voxels of `mm`, all AIR at first.

    Attributes:
        tissues: (D, H, W) uint8.
        axes: three arrays, the coordinates of the voxels in mm.
        rng: all randomness.
    """

    def __init__(
        self, shape: tuple[int, int, int], mm: Sequence[float], rng: np.random.Generator
    ) -> None:
        self.tissues = np.zeros(shape, np.uint8)
        self.mm = np.asarray(mm, np.float64)
        self.axes = [
            ((np.arange(n) - (n - 1) / 2) * step).astype(np.float32)
            for n, step in zip(shape, self.mm, strict=True)
        ]
        self.rng = rng

    @cached_property
    def noise(self) -> np.ndarray:
        """A smooth field of standard deviation 1, correlated over about 30 mm, (D, H, W)."""
        return self.smooth_field(30.0)

    def smooth_field(self, length_mm: float) -> np.ndarray:
        """A smooth random field of standard deviation 1 over the canvas, (D, H, W) float32."""
        field = self.random_between_knots(length_mm, 1.0)
        return field / max(float(field[::3, ::3, ::3].std()), 1e-6)

    def random_between_knots(self, length_mm: float, deviation: float) -> np.ndarray:
        """Normal numbers at knots about `length_mm` apart, linear between; (D, H, W) float32.

        `deviation` is that of the knots; between them it is less.
        """
        shape = self.tissues.shape
        knots = [int(n * s / length_mm) + 3 for n, s in zip(shape, self.mm, strict=True)]
        coarse = self.rng.normal(0, deviation, knots).astype(np.float32)
        return stretch(coarse, shape)

    def box(self, low: Point, high: Point) -> Box:
        """The voxels between two corners in mm."""
        sides = []
        for axis, start, stop in zip(self.axes, low, high, strict=True):
            first, last = np.searchsorted(axis, [start, stop])
            sides.append(slice(int(first), int(last)))
        return (sides[0], sides[1], sides[2])

    def grid(self, box: Box) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Coordinates of a box's voxels, to be broadcast against each other."""
        x, y, z = (axis[side] for axis, side in zip(self.axes, box, strict=True))
        return x[:, None, None], y[None, :, None], z[None, None, :]

    def put(self, box: Box, where: np.ndarray, tissue: Tissue, over: Iterable[Tissue]) -> None:
        """Sets a tissue in a box where `where` holds and what is there may be overwritten."""
        allowed = np.zeros(256, bool)
        allowed[list(over)] = True
        part = self.tissues[box]
        part[where & allowed[part]] = tissue

    def ellipsoid(
        self, box: Box, centre: Point, radii: Point, turn: Point = (0, 0, 0)
    ) -> np.ndarray:
        """Squared distance from `centre` in units of the radii: below 1 inside of the ellipsoid.

        Args:
            box: voxels to look at.
            centre: mm.
            radii: along the ellipsoid's own axes, mm.
            turn: degrees about x, then y, then z.

        Returns:
            An array of the box's shape.
        """
        offsets = [c - m for c, m in zip(self.grid(box), centre, strict=True)]
        matrix = _rotation(turn).T
        total: np.ndarray | float = 0.0
        for row, radius in zip(matrix, radii, strict=True):
            along = sum(w * o for w, o in zip(row.astype(np.float32), offsets, strict=True) if w)
            total = total + (along / np.float32(radius)) ** 2
        return np.asarray(total)

    def blob(
        self,
        tissue: Tissue,
        centre: Point,
        radii: Point,
        over: Iterable[Tissue],
        turn: Point = (0, 0, 0),
        wobble: float = 0.12,
    ) -> None:
        """Draws an ellipsoid whose surface is bent by the noise.

        Centre and radii in mm, `turn` in degrees; `wobble` is the share of a radius by which one
        standard deviation of the noise moves the surface.
        """
        reach = max(radii) * 1.35 + 2
        box = self.box([c - reach for c in centre], [c + reach for c in centre])
        distance = self.ellipsoid(box, centre, radii, turn)
        bend = 1 + wobble * np.clip(self.noise[box], -2, 2)
        self.put(box, distance < bend**2, tissue, over)

    def tube(
        self,
        tissue: Tissue,
        points: Sequence[Point] | np.ndarray,
        radii: Point,
        over: Iterable[Tissue],
        flat: Point = (1, 1, 1),
    ) -> None:
        """Draws balls along a smooth line through `points`; radii in mm change between them.

        `flat` stretches the balls along x, y and z.
        """
        path, thickness = smooth_path(points, radii, step=max(1.0, 0.6 * float(self.mm.min())))
        over = list(over)
        for centre, radius in zip(path, thickness, strict=True):
            sides = [radius * f for f in flat]
            box = self.box(centre - sides, centre + sides)
            self.put(box, self.ellipsoid(box, centre, sides) < 1, tissue, over)


def stretch(coarse: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A coarse (d, h, w) field drawn out to `shape`, linear between the middles of its voxels."""
    factors = [n / k for n, k in zip(shape, coarse.shape, strict=True)]
    return zoom(coarse, factors, order=1, grid_mode=True, mode="nearest")


def smooth_path(
    points: Sequence[Point] | np.ndarray, radii: Point, step: float
) -> tuple[np.ndarray, np.ndarray]:
    """A line through `points` without overshoot, sampled every `step` mm, and its radii.

    Args:
        points: (P, 3) mm.
        radii: P of them, mm.
        step: mm along the straight lines between the points.

    Returns:
        Places (S, 3) and radii (S,), mm.
    """
    knots = np.asarray(points, np.float64)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    at = np.linspace(0, along[-1], max(2, int(along[-1] / step) + 1))
    return PchipInterpolator(along, knots)(at), np.interp(at, along, radii)


def _rotation(degrees: Point) -> np.ndarray:
    """Rotation about x, then y, then z, (3, 3)."""
    a, b, c = np.radians(np.asarray(degrees, np.float64))
    about_x = [[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]]
    about_y = [[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]]
    about_z = [[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]]
    return np.array(about_z) @ np.array(about_y) @ np.array(about_x)
