"""Rays through the surface of an organ: where each one meets it first, and how it lies there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mambamim.data.surfaces import LEVEL, Surface

_COARSE_MM = 2.0  # between rays and along them, where the surface is looked for
_MARCH_MM = 1.0  # along a ray, where it is found
_SLOPE_MM = 1.3  # to both sides of a place: its normal
_NEAR = 0.15  # of the field: a coarse ray comes close


@dataclass(frozen=True, eq=False)
class Camera:
    """A parallel projection.

    Attributes:
        axes: (3, 3); the rows are the picture's right, its upward and the viewing direction, RAS.
        left: of the picture, mm along the first.
        top: of the picture, mm along the second.
        pixel_mm: a side of a pixel.
        shape: rows and columns.
    """

    axes: np.ndarray
    left: float
    top: float
    pixel_mm: float
    shape: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Hits:
    """What a camera sees of one surface.

    Attributes:
        box: the rows and columns of the picture that the rest is about.
        depth: (rows, columns) mm along the viewing direction, infinite beside the surface.
        normal: (rows, columns, 3) outward, along the camera's axes; 0 beside the surface.
    """

    box: tuple[slice, slice]
    depth: np.ndarray
    normal: np.ndarray


class _Rays:
    """A surface's field by places in camera coordinates."""

    def __init__(self, surface: Surface, camera: Camera) -> None:
        self._field = surface.field
        to_index = np.linalg.inv(surface.affine)
        steps = (to_index[:3, :3] @ camera.axes.T).astype(np.float32)
        self.across, self.up, self.along = steps.T[..., None]
        self._offset = to_index[:3, 3].astype(np.float32)[:, None]

    def starts(self, across: np.ndarray, up: np.ndarray) -> np.ndarray:
        """Where rays begin, (3, n) indices, at depth 0; a mm along them adds `along`."""
        return across * self.across + up * self.up + self._offset

    def field(self, places: np.ndarray) -> np.ndarray:
        """The field at (3, n) indices."""
        return ndimage.map_coordinates(self._field, places, order=1, prefilter=False)


def cast(surface: Surface, camera: Camera) -> Hits:
    """Where the camera's rays meet a surface for the first time.

    Args:
        surface: of an organ.
        camera: the picture; what of the surface lies beside it is not seen.
    """
    corners = surface.corners @ camera.axes.T
    low, high = corners.min(axis=0), corners.max(axis=0)
    mm = camera.pixel_mm
    rows = _span(camera.top - high[1], camera.top - low[1], mm, camera.shape[0])
    columns = _span(low[0] - camera.left, high[0] - camera.left, mm, camera.shape[1])
    up = (camera.top - (np.arange(rows.start, rows.stop) + 0.5) * mm).astype(np.float32)
    across = (camera.left + (np.arange(columns.start, columns.stop) + 0.5) * mm).astype(np.float32)
    depth = np.full((len(up), len(across)), np.inf, np.float32)
    normal = np.zeros((*depth.shape, 3), np.float32)
    if depth.size:
        rays = _Rays(surface, camera)
        ends = _search(rays, across, up, (float(low[2]), float(high[2])), mm)
        # Every other ray finds the surface from afar, the rest near where their neighbours did.
        middle = _march(rays, across[::2], up[::2], *ends)
        last = np.where(np.isfinite(middle), middle, -np.inf)
        depth = _march(rays, across, up, middle, last)
        row, column = np.nonzero(np.isfinite(depth))
        places = rays.starts(across[column], up[row]) + depth[row, column] * rays.along
        normal[row, column] = _normals(rays, places)
    return Hits((rows, columns), depth, normal)


def _span(low: float, high: float, pixel_mm: float, size: int) -> slice:
    """The pixels from `low` to `high` mm, as far as there are some."""
    start = min(max(0, int(low / pixel_mm)), size)
    return slice(start, min(max(start, int(high / pixel_mm) + 1), size))


def _search(
    rays: _Rays, across: np.ndarray, up: np.ndarray, ends: tuple[float, float], pixel_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """On a coarse grid: where a ray comes close to the surface first and last.

    Returns:
        Depths, infinite and minus infinite where it never does.
    """
    by = max(1, int(_COARSE_MM / pixel_mm))
    up, across = up[min(by // 2, len(up) - 1) :: by], across[min(by // 2, len(across) - 1) :: by]
    starts = rays.starts(*(part.ravel() for part in np.meshgrid(across, up)))
    first = np.full(starts.shape[1], np.inf, np.float32)
    last = -first
    for depth in np.arange(ends[0], ends[1] + _COARSE_MM, _COARSE_MM).astype(np.float32):
        close = rays.field(starts + depth * rays.along) > _NEAR
        last[close] = depth
        first[close & np.isinf(first)] = depth
    return first.reshape(len(up), -1), last.reshape(len(up), -1)


def _march(
    rays: _Rays, across: np.ndarray, up: np.ndarray, near: np.ndarray, far: np.ndarray
) -> np.ndarray:
    """The depth at which each ray meets the surface, infinite where it does not.

    Args:
        rays: of the surface.
        across: of the columns, mm.
        up: of the rows, mm.
        near: on a coarser grid, where the surface comes first, and infinite beside it.
        far: likewise, where it comes last, and minus infinite beside it.
    """
    fine = np.ix_(
        *(np.arange(len(a)) * n // len(a) for a, n in zip((up, across), near.shape, strict=True))
    )
    near = (ndimage.minimum_filter(near, 3) - _MARCH_MM)[fine]
    far = (ndimage.maximum_filter(far, 3) + _MARCH_MM)[fine]
    depth = np.full(near.shape, np.inf, np.float32)
    row, column = np.nonzero(np.isfinite(near))
    starts, here, far = rays.starts(across[column], up[row]), near[row, column], far[row, column]
    before = np.zeros_like(here)
    while here.size:
        value = rays.field(starts + here * rays.along)
        hit = value >= LEVEL
        back = (value[hit] - LEVEL) / np.maximum(value[hit] - before[hit], 1e-6)
        depth[row[hit], column[hit]] = here[hit] - _MARCH_MM * np.minimum(back, 1)
        on = np.flatnonzero(~hit & (here < far))
        row, column, starts, far = row[on], column[on], starts[:, on], far[on]
        here, before = here[on] + np.float32(_MARCH_MM), value[on]
    return depth


def _normals(rays: _Rays, places: np.ndarray) -> np.ndarray:
    """Outward, where the field falls; (n, 3) along the camera's axes."""
    slopes = np.stack(
        [
            rays.field(places - _SLOPE_MM * axis) - rays.field(places + _SLOPE_MM * axis)
            for axis in (rays.across, rays.up, rays.along)
        ],
        axis=1,
    )
    return slopes / np.maximum(np.linalg.norm(slopes, axis=1, keepdims=True), 1e-6)
