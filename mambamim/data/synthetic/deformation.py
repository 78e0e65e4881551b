"""Where in a body the voxels of a crop lie: turned, scaled, bent, single organs swollen.

All is drawn and computed on the CPU for nodes 12 mm apart, so one small tensor goes to the device.
Left and right never change places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

_NODES_MM = 12.0
_SLACK_MM = 9.0  # by which a scan's end may lie beyond the map's, for some of a plane's places
_FACE = 0.9999
_THINNEST = 0.1  # to which share of its volume a place may shrink
_ORGAN_CHANCE = 0.4  # that one organ is swollen or shrunk


def draw_places(
    rng: np.random.Generator,
    centre_mm: np.ndarray,
    size: Sequence[int],
    mm: float,
    organs: Sequence[np.ndarray] = (),
    strength: float = 1.0,
    variety: float = 1.0,
) -> Tensor:
    """Where nodes across a crop come from.

    Args:
        rng: of all that is drawn.
        centre_mm: (3,), the crop's centre in the body.
        size: voxels of the crop.
        mm: voxel size.
        organs: places (n, 3) mm in each organ that may change its size by itself.
        strength: factor of the bending.
        variety: factor of turning, scaling and swelling; 0: none.

    Returns:
        (3, d, h, w) float32 mm in the body; the first and last nodes are the centres of the crop's
        first and last voxels.
    """
    reach = [(n - 1) / 2 * mm for n in size]
    lines = [torch.linspace(-r, r, max(2, math.ceil(2 * r / _NODES_MM) + 1)) for r in reach]
    offsets = torch.stack(torch.meshgrid(*lines, indexing="ij"))
    shape = tuple(len(line) for line in lines)
    matrix = torch.from_numpy(_matrix(rng, variety)).float()
    straight = torch.einsum("ij,jdhw->idhw", matrix, offsets)
    straight += torch.from_numpy(np.asarray(centre_mm, np.float32))[:, None, None, None]
    bent = straight.clone()
    for length, low, high in ((80.0, 4, 15), (36.0, 1, 6)):
        bent += _bend(rng, shape, length) * float(rng.uniform(low, high) * strength)
    bent = _swell(rng, bent, organs, variety)
    while _folds(bent):  # rare
        bent = (bent + straight) / 2
    return bent


def planes_within(nodes: Tensor, height_mm: float, planes: int) -> tuple[int, int]:
    """Between which planes along axis 2 a crop lies in the map: scans end at whole planes.

    Args:
        nodes: of `draw_places`.
        height_mm: of the map.
        planes: of the crop.

    Returns:
        The first, and the one after the last; none: (0, 0).
    """
    up = nodes[2].flatten(0, 1)
    lines = torch.stack([up.amin(0), up.amax(0)])[None]
    low, high = F.interpolate(lines, size=planes, mode="linear", align_corners=True)[0]
    good = torch.nonzero((low > -_SLACK_MM) & (high < height_mm + _SLACK_MM)).flatten().tolist()
    return (good[0], good[-1] + 1) if good else (0, 0)


def spread(nodes: Tensor, extent_mm: np.ndarray, size: Sequence[int]) -> Tensor:
    """A crop's places for `grid_sample`.

    Args:
        nodes: of `draw_places`, on the device where the crop will be.
        extent_mm: of the body's map.
        size: voxels of the crop.

    Returns:
        (1, 3, D, H, W) float32, within the map's height; -1 and 1 are the map's faces, the channels
        run S, A, R.
    """
    whole = torch.tensor(extent_mm, dtype=torch.float32, device="cpu")[:, None, None, None]
    unit = (nodes / whole.to(nodes.device) * 2 - 1).flip(0)
    unit[0].clamp_(-_FACE, _FACE)  # beyond top and bottom the map's last planes go on
    return F.interpolate(unit[None], size=tuple(size), mode="trilinear", align_corners=True)


def look_up(volume: Tensor, places: Tensor, mode: str, padding: str = "zeros") -> Tensor:
    """A map's values at a crop's places.

    Args:
        volume: (C, D, H, W) float32: places in half precision would be voxels off.
        places: of `spread`.
        mode: "nearest" or "bilinear".
        padding: beyond the map: "zeros" or "border".

    Returns:
        (C, d, h, w).
    """
    grid = places.permute(0, 2, 3, 4, 1)
    return F.grid_sample(volume[None], grid, mode, padding, align_corners=False)[0]


def _matrix(rng: np.random.Generator, variety: float) -> np.ndarray:
    """Rotation by some degrees and scaling, (3, 3); its determinant is above 0."""
    a, b, c = np.radians(np.clip(rng.normal(0, 5, 3), -15, 15)) * variety
    about_r = [[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]]
    about_a = [[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]]
    about_s = [[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]]
    scale = (rng.uniform(0.85, 1.2) * rng.uniform(0.88, 1.14, 3)) ** variety
    return np.array(about_s) @ np.array(about_a) @ np.array(about_r) @ np.diag(scale)


def _bend(rng: np.random.Generator, shape: tuple[int, ...], length_mm: float) -> Tensor:
    """A smooth field of standard deviation about 1/2 at the nodes, (3, d, h, w)."""
    knots = [max(2, round((n - 1) * _NODES_MM / length_mm) + 1) for n in shape]
    coarse = torch.from_numpy(rng.standard_normal((1, 3, *knots), np.float32))
    fine = F.interpolate(coarse, size=shape, mode="trilinear", align_corners=True)
    # Without the mean over neighbours its slope would jump at the knots.
    return F.avg_pool3d(F.pad(fine, (1,) * 6, mode="replicate"), 3, 1)[0]


def _folds(places: Tensor) -> bool:
    """Whether anything is turned inside out, or left and right change places."""
    start = places[:, :-1, :-1, :-1]
    right = places[:, 1:, :-1, :-1] - start
    front = places[:, :-1, 1:, :-1] - start
    up = places[:, :-1, :-1, 1:] - start
    volume = (torch.cross(right, front, dim=0) * up).sum(0)
    return bool((volume <= _THINNEST * volume.mean()).any()) or bool((right[0] <= 0).any())


def _swell(
    rng: np.random.Generator, places: Tensor, organs: Sequence[np.ndarray], variety: float
) -> Tensor:
    """Pull places towards, or push them off, some organs' centres."""
    rows = []
    for points in organs:
        if rng.random() > _ORGAN_CHANCE:
            continue
        radius = float(np.sqrt(((points - points.mean(0)) ** 2).sum(1).mean()))
        centre = points.mean(0) + rng.normal(0, 0.3, 3) * radius
        share = rng.uniform(-0.45, 0.45) * variety
        rows.append((*centre, share, radius * rng.uniform(1.0, 1.5)))
    if not rows:
        return places
    table = torch.tensor(np.array(rows), dtype=torch.float32)
    away = places[None] - table[:, :3, None, None, None]
    near = torch.exp(-(away**2).sum(1) / (2 * table[:, 4, None, None, None] ** 2))
    return places + (away * (table[:, 3, None, None, None] * near)[:, None]).sum(0)
