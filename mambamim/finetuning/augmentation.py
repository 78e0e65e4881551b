"""Labelled crops made various: the paper's few changes, or the many that few cases need."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch
from monai.transforms import (
    Compose,
    RandAdjustContrastd,
    RandGaussianNoised,
    RandGaussianSmoothd,
    RandScaleIntensityd,
    RandShiftIntensityd,
    RandSimulateLowResolutiond,
)
from torch import Tensor
from torch.utils.data import Dataset

from mambamim.data.class_sets import UNKNOWN, ClassSets
from mambamim.data.crops import CropDataset
from mambamim.data.regions import Regions
from mambamim.errors import BadInputError
from mambamim.training.turned_crops import turn_of

_DRAWN = (4,)  # sets these changes apart from what else is drawn from seed and number
_TURNED, _TURN = 0.6, 0.26  # share of the crops; radians, 15 degrees
_PAIRS = (("left", "right"), ("Left", "Right"), ("LEFT", "RIGHT"), ("l", "r"), ("L", "R"))
_SWAPPED = {**dict(_PAIRS), **{right: left for left, right in _PAIRS}}
# A word by itself, as in kidney_left, "left kidney", LeftKidney and Kidney-L; not as in bright.
_SIDE = re.compile(
    "(?<![A-Za-z])(left|right|Left|Right|LEFT|RIGHT)(?![a-z])|(?<=[a-z])(Left|Right)(?![a-z])"
    "|(?<![A-Za-z0-9])[lrLR](?![A-Za-z0-9])"
)


class AugmentedCrops(Dataset[dict[str, Any]]):
    """Labelled crops, each changed as its number says.

    "paper" is Swin UNETR's: flips along each axis and quarter turns in the axial plane with
    probability 0.2, intensities scaled and shifted by up to 0.1. "strong" turns by up to 15
    degrees about each axis, mirrors left and right, and changes noise, sharpness, resolution,
    brightness and gamma. Left and right are mirrored only where no class has a side, or where both
    sides of a pair are classes: these are swapped then. Regions with a side are never mirrored.
    All channels are moved alike, and each one's intensities are changed by themselves.

    How a crop is turned is only said here ("turn", as `turn_crops` takes it): the loss turns it,
    where the network is, as a GPU does at once what takes a CPU half of a crop's time. So noise is
    turned with what it lies on, and what comes in from beyond the crop has none.

    Args:
        crops: labelled.
        kind: "none", "paper" or "strong".
        classes: names, values 1, 2, ..., or those of the regions.
        sets: what label values mean.
    """

    def __init__(
        self, crops: CropDataset, kind: str, classes: tuple[str, ...], sets: ClassSets | Regions
    ) -> None:
        self.crops, self.kind = crops, kind
        self._mirrored = mirrored_values(classes, sets)
        self._changes = _intensities(kind)

    def __getitem__(self, number: int) -> dict[str, Any]:
        """What `CropDataset` gives, with "turn" if strong; of seed and number alone."""
        crop = self.crops[number]
        seeds = np.random.SeedSequence([self.crops.seed, number], spawn_key=_DRAWN)
        rng = np.random.default_rng(seeds)
        if self.kind == "none":
            return crop
        if self.kind == "paper":
            crop = self._flipped(crop, [axis for axis in range(3) if rng.random() < 0.2])
            if rng.random() < 0.2:
                crop = _turned(crop, int(rng.integers(1, 4)))
        else:
            crop = self._flipped(crop, [0] if rng.random() < 0.5 else [])
            angles = rng.uniform(-_TURN, _TURN, 3) * (rng.random() < _TURNED)
            crop["turn"] = turn_of(angles, tuple(crop["image"].shape[1:]))
        self._changes.set_random_state(seed=int(rng.integers(2**31)))
        changed = [self._changes({"image": channel}) for channel in crop["image"].split(1)]
        crop["image"] = torch.cat([_plain(one["image"]) for one in changed])
        return crop

    def _flipped(self, crop: dict[str, Any], axes: list[int]) -> dict[str, Any]:
        if 0 in axes:
            if self._mirrored is None:
                axes.remove(0)
            else:
                crop["label"] = self._mirrored.take(crop["label"])
        for name in ("image", "label") if axes else ():
            crop[name] = crop[name].flip([1 + axis for axis in axes])
        return crop


class ByteLabels(Dataset[dict[str, Any]]):
    """Labelled crops as they go from process to process and to a GPU: a label in one byte, not 8.

    Args:
        crops: with labels of 0 to 255.
    """

    def __init__(self, crops: AugmentedCrops) -> None:
        self.crops = crops

    def __getitem__(self, number: int) -> dict[str, Any]:
        """What `AugmentedCrops` gives, "label" as uint8."""
        crop = self.crops[number]
        return {**crop, "label": crop["label"].to(torch.uint8)}


def augmented_inputs(kind: str) -> tuple[str, ...]:
    """What a loss takes of crops changed so, in its order."""
    return ("image", "label", "turn") if kind == "strong" else ("image", "label")


def mirrored_values(classes: tuple[str, ...], sets: ClassSets | Regions) -> Tensor | None:
    """(256,) int64: what each label value is in a mirror; None where a side has no partner."""
    if isinstance(sets, Regions):
        sided = any(_other_side(name) is not None for name in classes)
        return None if sided else torch.arange(UNKNOWN + 1)
    order = [0]
    for name in classes:
        other = _other_side(name)
        if other is not None and other not in classes:
            return None
        order.append(1 + classes.index(other or name))
    values = np.full(UNKNOWN + 1, UNKNOWN)
    values[: len(order)] = order
    for i, members in enumerate(sets.merged):
        try:
            values[sets.classes + i] = sets.value([order[c] for c in members])
        except BadInputError:  # no case lacks labels of the other side alone
            values[sets.classes + i] = UNKNOWN
    return torch.from_numpy(values)


def _other_side(name: str) -> str | None:
    """The class of the other side, None for one without a side."""
    other = _SIDE.sub(lambda found: _SWAPPED[found[0]], name)
    return None if other == name else other


def _turned(crop: dict[str, Any], quarters: int) -> dict[str, Any]:
    """Quarter turns in the axial plane; crops whose sides differ make half turns alone."""
    square = crop["image"].shape[1] == crop["image"].shape[2]
    for name in ("image", "label"):
        crop[name] = torch.rot90(crop[name], quarters if square else 2, (1, 2))
    return crop


def _intensities(kind: str) -> Compose:
    if kind == "paper":
        return Compose(
            [
                RandScaleIntensityd("image", factors=0.1, prob=1.0),
                RandShiftIntensityd("image", offsets=0.1, prob=1.0),
            ]
        )
    return Compose(
        [
            RandGaussianNoised("image", prob=0.3, std=0.06),
            RandGaussianSmoothd("image", (0.3, 1.0), (0.3, 1.0), (0.3, 1.0), prob=0.2),
            RandSimulateLowResolutiond("image", prob=0.2, zoom_range=(0.5, 1.0)),
            RandScaleIntensityd("image", factors=0.25, prob=0.5),
            RandShiftIntensityd("image", offsets=0.1, prob=0.5),
            RandAdjustContrastd("image", prob=0.3, gamma=(0.7, 1.5)),
        ]
    )


def _plain(tensor: Tensor) -> Tensor:
    """Without MONAI's notes on it."""
    bare: Tensor = tensor.as_tensor() if hasattr(tensor, "as_tensor") else tensor
    return bare.contiguous()
