"""The measures themselves: overlap, surface distances and volumes of two label maps."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mambamim.errors import BadInputError
from mambamim.evaluation.rules import DEFAULT_TOLERANCE_MM
from mambamim.evaluation.scores import ClassScore

_PERCENTILE = 95
Box = tuple[slice, ...]


def score_pair(
    found: np.ndarray,
    truth: np.ndarray,
    spacing_mm: Sequence[float],
    classes: Mapping[int, str],
    tolerance_mm: float = DEFAULT_TOLERANCE_MM,
    unions: Mapping[int, Sequence[int]] | None = None,
) -> list[ClassScore]:
    """Score a label map against a manual one.

    NSD is MONAI's `compute_surface_dice` with subvoxels, which follows DeepMind's surface-distance
    (Nikolov et al. 2018, arXiv:1809.04430); HD95 its `compute_hausdorff_distance`. What counts for
    an empty class is in `mambamim.evaluation.rules.RULES`.

    Args:
        found: (I, J, K) integers, the prediction.
        truth: (I, J, K) integers, 0 is background.
        spacing_mm: of the voxels along I, J and K.
        classes: value -> name of what is scored; other values count as background.
        tolerance_mm: how far apart surfaces may lie for NSD, mm.
        unions: of regions that overlap: value in `classes` -> all values that make the region up.

    Returns:
        One a class, in the order of `classes`.

    Raises:
        BadInputError: the shapes differ, they are no 3D integers, or a parameter is out of range.
    """
    _check(found, truth, spacing_mm, tolerance_mm)
    spacing = [float(mm) for mm in spacing_mm]
    boxes = _joint_boxes(found, truth)
    scores = []
    for value, name in classes.items():
        members = (unions or {}).get(value, (value,))
        box = _around([boxes[member] for member in members if member in boxes])
        if box is None:
            scores.append(ClassScore(value, name, math.nan, math.nan, math.nan, 0.0, 0.0))
            continue
        one, other = (np.isin(array[box], members) for array in (found, truth))
        scores.append(_score(one, other, spacing, tolerance_mm, value, name))
    return scores


def _score(
    found: np.ndarray,
    truth: np.ndarray,
    spacing: list[float],
    tolerance_mm: float,
    value: int,
    name: str,
) -> ClassScore:
    """One class from its two masks, cut to where either is."""
    in_found, in_truth = (int(np.count_nonzero(mask)) for mask in (found, truth))
    voxel_ml = math.prod(spacing) / 1000
    volumes = in_truth * voxel_ml, in_found * voxel_ml
    if not in_found or not in_truth:
        return ClassScore(value, name, 0.0, 0.0, math.inf, *volumes)
    dice = 2 * int(np.count_nonzero(found & truth)) / (in_found + in_truth)
    return ClassScore(value, name, dice, *_surface(found, truth, spacing, tolerance_mm), *volumes)


def _surface(
    found: np.ndarray, truth: np.ndarray, spacing: list[float], tolerance_mm: float
) -> tuple[float, float]:
    """NSD, and HD95 in mm, of two masks that both hold a voxel."""
    if np.array_equal(found, truth):
        return 1.0, 0.0
    import torch
    from monai.metrics import compute_hausdorff_distance, compute_surface_dice

    # A rim of background: a mask that ends where the box ends has a surface there too.
    one, other = (torch.from_numpy(np.pad(mask, 1))[None, None] for mask in (found, truth))
    options: dict[str, Any] = {"include_background": True, "spacing": spacing}
    with warnings.catch_warnings():  # MONAI warns of what it calls itself
        warnings.simplefilter("ignore", FutureWarning)
        nsd = compute_surface_dice(one, other, [tolerance_mm], use_subvoxels=True, **options)
        hd95 = compute_hausdorff_distance(one, other, percentile=_PERCENTILE, **options)
    return float(nsd), float(hd95)


def _joint_boxes(found: np.ndarray, truth: np.ndarray) -> dict[int, Box]:
    """Value -> the box around it in either label map; a value that neither has is not listed."""
    from scipy import ndimage

    boxes: dict[int, Box] = {}
    for array in (found, truth):
        for value, box in enumerate(ndimage.find_objects(array), start=1):
            joint = _around([known for known in (box, boxes.get(value)) if known is not None])
            if joint is not None:
                boxes[value] = joint
    return boxes


def _around(boxes: Sequence[Box]) -> Box | None:
    """The box around some; None around none."""
    if not boxes:
        return None
    sides = zip(*boxes, strict=True)
    return tuple(slice(min(s.start for s in side), max(s.stop for s in side)) for side in sides)


def _check(
    found: np.ndarray, truth: np.ndarray, spacing_mm: Sequence[float], tolerance_mm: float
) -> None:
    if found.shape != truth.shape or found.ndim != 3:
        raise BadInputError(
            f"The prediction has {found.shape} voxels and the manual label {truth.shape}.",
            "Give two label maps on one 3D grid.",
        )
    if found.dtype.kind not in "iu" or truth.dtype.kind not in "iu":
        raise BadInputError(
            f"Label maps hold whole numbers, these are {found.dtype} and {truth.dtype}.",
            "Round them, or give the right files.",
        )
    if len(spacing_mm) != 3 or not all(math.isfinite(mm) and mm > 0 for mm in spacing_mm):
        raise BadInputError(f"{tuple(spacing_mm)} is no voxel size.", "Give three numbers in mm.")
    if not (math.isfinite(tolerance_mm) and tolerance_mm >= 0):
        raise BadInputError(
            f"A tolerance of {tolerance_mm:g} mm makes no sense.", "Give 0 or more."
        )
