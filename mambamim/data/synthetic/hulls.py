"""How deep a place lies in a body: what is fat, muscle or skin where a label map is silent."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial import ConvexHull, QhullError

from mambamim.data.synthetic.materials import Material
from mambamim.data.tissues import Tissue

_BONES = (Tissue.BONE, Tissue.VERTEBRAE, Tissue.CARTILAGE, Material.UPPER_SACRUM)
_OUTER = (Tissue.MUSCLE, Tissue.VESSEL_ARTERY, Tissue.VESSEL_VEIN)  # lie outside of the belly, too
_FEWEST = 12  # voxels that a slice's hull is drawn around
_FAR = 99.0  # mm


def distances_of(paint: np.ndarray, mm: float) -> np.ndarray:
    """Distances of every voxel to three surfaces.

    Args:
        paint: (D, H, W) values of `Tissue` and `Material`.
        mm: voxel size.

    Returns:
        (3, D, H, W) int8 mm, negative inside: the hull of organs and bones, the hull of all that is
        labelled, bone. Hulls are convex in each axial plane.
    """
    bone = np.isin(paint, _BONES)
    inner = _hulls((paint != 0) & ~np.isin(paint, _OUTER))
    whole = _hulls(paint != 0)
    distances = (
        gaussian_filter(_signed(inner, mm), (1, 1, 2.5)),
        gaussian_filter(_signed(whole, mm), (1.5, 1.5, 3)),
        _signed(bone, mm),
    )
    return np.stack([np.clip(np.rint(d), -127, 127).astype(np.int8) for d in distances])


def _signed(mask: np.ndarray, mm: float) -> np.ndarray:
    if not mask.any():
        return np.full(mask.shape, _FAR, np.float32)
    outside, inside = distance_transform_edt(~mask), distance_transform_edt(mask)
    return (mm * (outside - inside)).astype(np.float32)


def _hulls(mask: np.ndarray) -> np.ndarray:
    """The convex hull in each plane along axis 2; a plane without one has its neighbour's."""
    result = np.zeros_like(mask)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in mask.shape[:2]), indexing="ij"), -1)
    filled = []
    for plane in range(mask.shape[2]):
        places = np.argwhere(mask[:, :, plane])
        if len(places) < _FEWEST:
            continue
        try:
            sides = ConvexHull(places).equations
        except QhullError:  # all in one line
            continue
        result[:, :, plane] = (grid @ sides[:, :2].T + sides[:, 2] <= 1e-6).all(-1)
        filled.append(plane)
    if filled:
        nearest = np.abs(np.arange(mask.shape[2])[:, None] - np.array(filled)).argmin(1)
        result = result[:, :, np.array(filled)[nearest]]
    return result
