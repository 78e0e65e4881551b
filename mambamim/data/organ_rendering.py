"""Organs as shaded surfaces in their colours, as a surgeon would see them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mambamim.catalogue.terminology import term
from mambamim.data.ray_casting import Camera, Hits, cast
from mambamim.data.surfaces import STEP_MM, THREADS, Surface, organ_surfaces

_TURN, _TILT = 14.0, 9.0  # degrees: the viewer stands to the side of the middle, and above
SIDES = {"front": 0.0, "back": 180.0}  # of the patient, where the viewer stands: degrees
_NOTHING_MM = 300.0  # side of a picture without an organ
_FINE = 2  # rays per pixel, each way
_MARGIN = 0.03  # around the organs, of the longer side
# What would hide the organs is seen through: opacity in front of another organ, and of nothing.
_GLASS = {"lung": (0.08, 0.2), "rib": (0.2, 0.6), "sternum": (0.2, 0.6), "costal": (0.2, 0.6),
          "skin": (0.05, 0.1), "body": (0.05, 0.1), "small_bowel": (0.45, 0.9),
          "colon": (0.45, 0.9), "stomach": (0.6, 0.95), "urinary_bladder": (0.7, 0.95)}  # fmt: skip
_RIM = 0.45  # of glass, where it is seen from its edge
# Directions to the lights along the camera's axes, and their strengths.
_LIGHTS = (((-0.45, 0.6, -0.75), 0.66), ((0.8, 0.1, -0.5), 0.16))
_AMBIENT = 0.3
_SHINE, _SHARPNESS = 0.16, 28
_CREASES = ((3.0, 0.30), (14.0, 0.42))  # radius (mm), strength
_HAZE = 0.28  # of the light is lost from the nearest place to the farthest


@dataclass(frozen=True, eq=False)
class Rendering:
    """A picture of organs.

    Attributes:
        side: of the patient where the viewer stands, "front" or "back".
        image: (rows, columns, 4) uint8: red, green, blue, opacity, 0 beside the organs.
        pixel_mm: a side of a pixel.
    """

    side: str
    image: np.ndarray
    pixel_mm: float

    @property
    def letters(self) -> str:
        """Patient directions at the left, right, top and bottom edge."""
        return "RLSI" if self.side == "front" else "LRSI"

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height, mm."""
        return self.image.shape[1] * self.pixel_mm, self.image.shape[0] * self.pixel_mm


def render_organs(
    labels: np.ndarray,
    affine: np.ndarray,
    names: dict[int, str],
    sides: Sequence[str] = ("front",),
    pixels: int = 900,
) -> list[Rendering]:
    """Render the surfaces of organs, seen from a little to the side and from above.

    Args:
        labels: (I, J, K) class values, 0 is background; any orientation, oblique too.
        affine: (4, 4) RAS mm.
        names: value -> class name; other values are not shown.
        sides: of the patient where the viewer stands, of `SIDES`.
        pixels: the longer side of a picture.

    Returns:
        A rendering for each side.
    """
    surfaces = organ_surfaces(labels, affine, list(names))
    return [_render(surfaces, names, side, pixels) for side in sides]


def _render(
    surfaces: dict[int, Surface], names: dict[int, str], side: str, pixels: int
) -> Rendering:
    camera = _camera(list(surfaces.values()), side, pixels * _FINE)
    solid, glass = _Layer(camera.shape), []
    with ThreadPoolExecutor(THREADS) as pool:
        seen = pool.map(lambda surface: cast(surface, camera), surfaces.values())
        for value, hits in zip(surfaces, seen, strict=True):
            colour = np.array(term(names[value]).colour, np.float32) / 255
            opacity = _opacity(names[value])
            if opacity is None:
                solid.add(hits, colour)
            else:
                glass.append(_Glass(hits, colour, *opacity))
    return Rendering(side, _compose(solid, glass, camera), camera.pixel_mm * _FINE)


@dataclass(frozen=True, eq=False)
class _Glass:
    """A surface that is seen through."""

    hits: Hits
    colour: np.ndarray
    before_organ: float
    before_nothing: float


class _Layer:
    """The nearest of several surfaces at each pixel."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.depth = np.full(shape, np.inf, np.float32)
        self.normal = np.zeros((*shape, 3), np.float32)
        self.colour = np.zeros((*shape, 3), np.float32)

    def add(self, hits: Hits, colour: np.ndarray) -> None:
        nearer = hits.depth < self.depth[hits.box]
        self.depth[hits.box][nearer] = hits.depth[nearer]
        self.normal[hits.box][nearer] = hits.normal[nearer]
        self.colour[hits.box][nearer] = colour


def _camera(surfaces: list[Surface], side: str, pixels: int) -> Camera:
    turn, tilt = math.radians(_TURN + SIDES[side]), math.radians(_TILT)
    # The viewer stands in front, steps to the patient's left and looks down a little.
    towards = np.array(
        [-math.sin(turn) * math.cos(tilt), math.cos(turn) * math.cos(tilt), math.sin(tilt)]
    )
    right = np.array([-math.cos(turn), -math.sin(turn), 0.0])
    axes = np.stack([right, np.cross(towards, right), -towards])
    places = np.concatenate([np.zeros((0, 3)), *(surface.samples for surface in surfaces)])
    if not len(places):
        return Camera(axes, 0.0, 0.0, _NOTHING_MM / pixels, (pixels, pixels))
    seen = places @ axes[:2].T
    low, high = seen.min(axis=0), seen.max(axis=0)
    margin = _MARGIN * (high - low).max() + STEP_MM * 3  # between two samples something may be
    low, high = low - margin, high + margin
    pixel_mm = float((high - low).max()) / pixels
    columns, rows = (-(-int(np.ceil(mm / pixel_mm)) // _FINE) * _FINE for mm in high - low)
    return Camera(axes, float(low[0]), float(high[1]), pixel_mm, (rows, columns))


def _opacity(name: str) -> tuple[float, float] | None:
    return next((parts for word, parts in _GLASS.items() if name.startswith(word)), None)


def _compose(solid: _Layer, glass: list[_Glass], camera: Camera) -> np.ndarray:
    """Colours times opacity from behind to the front, and the mean of the rays of a pixel."""
    there = np.isfinite(solid.depth)
    ends = _ends([solid.depth, *(part.hits.depth for part in glass)])
    lit = _shade(solid.normal, solid.colour) * _haze(solid.depth, ends)[..., None]
    lit *= _creases(solid.depth, camera.pixel_mm)[..., None]
    image = np.dstack([lit * there[..., None], there.astype(np.float32)])
    # The farther behind, the earlier it is painted; a whole organ at a time.
    for part in sorted(glass, key=lambda part: -_middle(part.hits.depth)):
        _lay(image[part.hits.box], part, solid.depth[part.hits.box], ends)
    rows, columns = (side // _FINE for side in image.shape[:2])
    image = image.reshape(rows, _FINE, columns, _FINE, 4).mean(axis=(1, 3))
    image[..., :3] /= np.maximum(image[..., 3:], 1e-6)
    return (255 * np.clip(image, 0, 1) + 0.5).astype(np.uint8)


def _lay(behind: np.ndarray, part: _Glass, solid: np.ndarray, ends: tuple[float, float]) -> None:
    """Paint glass over what lies behind it, (rows, columns, 4), in place."""
    hits = part.hits
    edge = 1 - np.clip(-hits.normal[..., 2], 0, 1)
    cover = np.where(np.isfinite(solid), part.before_organ, part.before_nothing)
    cover = (cover + (1 - cover) * _RIM * edge**3) * (hits.depth < solid)
    shown = _shade(hits.normal, np.broadcast_to(part.colour, hits.normal.shape))
    shown *= _haze(hits.depth, ends)[..., None]
    behind *= 1 - cover[..., None]
    behind[..., :3] += shown * cover[..., None]
    behind[..., 3] += cover


def _shade(normal: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Light from the upper left, a little from the right, and a soft highlight."""
    light = np.full(normal.shape[:2], _AMBIENT, np.float32)
    for direction, strength in _LIGHTS:
        towards = np.array(direction, np.float32) / np.float32(np.linalg.norm(direction))
        wrapped = (normal @ towards + 0.25) / 1.25
        light += strength * np.clip(wrapped, 0, 1)
    key = np.array(_LIGHTS[0][0]) / np.linalg.norm(_LIGHTS[0][0])
    middle = key + np.array([0, 0, -1])
    shine = np.clip(normal @ (middle / np.linalg.norm(middle)).astype(np.float32), 0, 1)
    return colour * light[..., None] + (_SHINE * shine**_SHARPNESS)[..., None]


def _ends(depths: list[np.ndarray]) -> tuple[float, float]:
    """The nearest and the farthest depth, mm."""
    there = [depth[np.isfinite(depth)] for depth in depths]
    there = [part for part in there if part.size]
    if not there:
        return 0.0, 1.0
    return float(min(part.min() for part in there)), float(max(part.max() for part in there))


def _haze(depth: np.ndarray, ends: tuple[float, float]) -> np.ndarray:
    share = (np.where(np.isfinite(depth), depth, ends[1]) - ends[0]) / max(ends[1] - ends[0], 1.0)
    return 1 - _HAZE * share.astype(np.float32)


def _middle(depth: np.ndarray) -> float:
    there = depth[np.isfinite(depth)]
    return float(np.median(there)) if there.size else math.inf


def _creases(depth: np.ndarray, pixel_mm: float) -> np.ndarray:
    """Darker where what lies around is nearer: between organs, and beside one in front.

    Luft, Colditz and Deussen, "Image enhancement by unsharp masking the depth buffer", 2006; on
    every other ray, and what is beside the organs counts for nothing.
    """
    small = depth[::_FINE, ::_FINE]
    there = np.isfinite(small)
    known = np.where(there, small, 0).astype(np.float32)
    light = np.ones(small.shape, np.float32)
    for radius, strength in _CREASES:
        sigma = radius / (pixel_mm * _FINE)
        around = ndimage.gaussian_filter(known, sigma, truncate=2.5)
        weight = ndimage.gaussian_filter(there.astype(np.float32), sigma, truncate=2.5)
        behind = np.where(there, known - around / np.maximum(weight, 1e-3), 0)
        light *= 1 - strength * np.clip(behind / (2 * radius), 0, 1)
    return light.repeat(_FINE, 0).repeat(_FINE, 1)
