"""Random crops of prepared scans, each a function of the seed and its number alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from mambamim.data.prepared_case import Box
from mambamim.data.prepared_store import PreparedStore
from mambamim.errors import BadInputError

_ORDER = (1,)  # sets the order of scans apart from the crops: both are drawn from seed and number


class CropSource(Protocol):
    """What crops are taken of: a `PreparedCase`, or what stands in its place.

    Crops are made of the arrays that it gives; nobody else may write to these.
    """

    @property
    def key(self) -> str:
        """What stands for the scan."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(D, H, W)."""

    @property
    def labels(self) -> dict[int, int] | None:
        """Label above 0 -> voxels of it; None without labels."""

    @property
    def foreground(self) -> np.ndarray:
        """Some voxels (n, 3) of the tissue."""

    def image(self, box: Box) -> np.ndarray:
        """The values in a box, float32 in 0..1: (d, h, w), or (C, d, h, w) of several channels."""

    def label(self, box: Box) -> np.ndarray:
        """The labels in a box, uint8."""

    def label_places(self, value: int) -> np.ndarray:
        """Some voxels (n, 3) with a label of `labels`."""


class CropDataset(Dataset[dict[str, Any]]):
    """Crops without end: any number from 0 has its crop, the same one in any process and order.

    Every `len(cases) * crops_per_scan` crops each scan has its turn `crops_per_scan` times, in a
    new order. No crop loads a whole scan.

    Args:
        store_or_cases: a prepared store, or some of its cases.
        size: voxels of a crop along each side, one number or three.
        seed: from 0; another one gives other crops.
        crops_per_scan: see above.
        foreground: how likely a crop has its centre in tissue (with `labelled`: in a label that
            the scan has, all alike); elsewhere it may lie anywhere.
        flips: axes that are flipped, each with probability one half.
        zoom: crops show from `1 - zoom` to `1 + zoom` times their size.
        labelled: give labels too.

    Raises:
        BadInputError: no cases, a case without the labels that are asked for, or a number that
            makes no sense.
    """

    def __init__(
        self,
        store_or_cases: PreparedStore | Sequence[CropSource],
        size: int | Sequence[int],
        seed: int,
        crops_per_scan: int = 4,
        foreground: float = 0.67,
        flips: Sequence[int] = (0, 1, 2),
        zoom: float = 0.0,
        labelled: bool = False,
    ) -> None:
        if isinstance(store_or_cases, PreparedStore):
            store_or_cases = store_or_cases.cases
        self.cases: tuple[CropSource, ...] = tuple(store_or_cases)
        self.size = tuple(int(side) for side in np.broadcast_to(size, 3))
        self.seed = seed
        self.crops_per_scan = crops_per_scan
        self.foreground = foreground
        self.flips = tuple(flips)
        self.zoom = zoom
        self.labelled = labelled
        self._check()

    def __getitem__(self, number: int) -> dict[str, Any]:
        """The crop of a number from 0.

        Returns:
            "image": float32 (C, S, S, S) in 0..1, 0 beyond the scan; "number": the number; with
            `labelled` "label": int64 (1, S, S, S), 0 beyond the scan.

        Raises:
            BadInputError: a file of the store is damaged.
            IndexError: a number below 0.
        """
        if number < 0:
            raise IndexError(f"crops are numbered from 0, {number} is below")
        case = self.case_of(number)
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, number]))
        zoom = rng.uniform(1 - self.zoom, 1 + self.zoom)
        sides = [max(1, round(side * zoom)) for side in self.size]
        box, padding = _place(self._centre(case, rng), sides, case.shape)
        flipped = [axis for axis in self.flips if rng.random() < 0.5]
        crop: dict[str, Any] = {"number": int(number)}
        crop["image"] = self._finish(case.image(box), padding, flipped, "trilinear")
        if self.labelled:
            label = self._finish(case.label(box), padding, flipped, "nearest-exact")
            crop["label"] = label.long()
        return crop

    def case_of(self, number: int) -> CropSource:
        """The scan that crop `number` is of."""
        epoch, place = divmod(number, len(self.cases) * self.crops_per_scan)
        order = np.random.SeedSequence([self.seed, epoch], spawn_key=_ORDER)
        turns = np.random.default_rng(order).permutation(len(self.cases) * self.crops_per_scan)
        return self.cases[int(turns[place]) % len(self.cases)]

    def _centre(self, case: CropSource, rng: np.random.Generator) -> np.ndarray:
        """A voxel (3,): one that matters, or any."""
        if rng.random() < self.foreground:
            values = sorted(case.labels or ()) if self.labelled else []
            value = values[rng.integers(len(values))] if values else None
            places = case.foreground if value is None else case.label_places(value)
            if len(places):
                return places[rng.integers(len(places))].astype(np.int64)
        return rng.integers(case.shape)

    def _finish(
        self, values: np.ndarray, padding: list[tuple[int, int]], flipped: list[int], mode: str
    ) -> Tensor:
        """Padded, flipped and at its size: float32 (C, S, S, S)."""
        crop = torch.from_numpy(values.reshape(-1, *values.shape[-3:]))
        if any(map(any, padding)):
            crop = F.pad(crop, [side for axis in reversed(padding) for side in axis])
        if flipped:
            crop = crop.flip([1 + axis for axis in flipped])
        crop = crop.float().contiguous()
        if crop.shape[1:] != self.size:
            crop = F.interpolate(crop[None], self.size, mode=mode)[0]
        return crop

    def _check(self) -> None:
        if not self.cases:
            raise BadInputError("There are no prepared scans to take crops of.")
        if self.labelled and any(case.labels is None for case in self.cases):
            raise BadInputError(
                "Not all prepared scans have labels.", "Name scans that come with label maps."
            )
        sane = {
            "size": min(self.size) >= 1,
            "seed": self.seed >= 0,
            "crops_per_scan": self.crops_per_scan >= 1,
            "foreground": 0 <= self.foreground <= 1,
            "flips": set(self.flips) <= {0, 1, 2},
            "zoom": 0 <= self.zoom < 1,
        }
        for name, good in sane.items():
            if not good:
                raise BadInputError(f"Crops cannot be taken with {name}={getattr(self, name)}.")


def _place(
    centre: np.ndarray, sides: list[int], shape: tuple[int, ...]
) -> tuple[Box, list[tuple[int, int]]]:
    """The box of a crop within the scan, moved inside where it fits, and the padding around it.

    Along an axis that is shorter than the crop the scan lies in the crop's middle.
    """
    box, padding = [], []
    for middle, side, size in zip(centre, sides, shape, strict=True):
        missing = max(0, side - size)
        start = 0 if missing else int(np.clip(middle - side // 2, 0, size - side))
        box.append(slice(start, min(start + side, size)))
        padding.append((missing // 2, missing - missing // 2))
    return (box[0], box[1], box[2]), padding
