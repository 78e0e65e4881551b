"""Anatomies and cases on the device that crops are made on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mambamim.data.class_sets import UNKNOWN
from mambamim.data.synthetic.anatomy_bank import MM, Anatomy
from mambamim.data.synthetic.materials import SETS, label_table
from mambamim.data.synthetic.real_case import RealCase
from mambamim.data.synthetic.scanning import NOTHING_HU

_POINTS = 64
_FEWEST = 30


@dataclass(frozen=True, eq=False)
class AnatomyOnDevice:
    """An anatomy to look crops up in.

    Attributes:
        body: the anatomy.
        paint: (1, D, H, W), materials as floating numbers.
        distances: (3, d, h, w) mm, floating.
        class_points: class -> (n, 3) mm, random places in it.
        axis_mm: (3,), median of what is labelled.
        back_mm: behind which next to nothing is labelled.
    """

    body: Anatomy
    paint: Tensor
    distances: Tensor
    class_points: dict[int, np.ndarray]
    axis_mm: np.ndarray
    back_mm: float

    @property
    def extent_mm(self) -> np.ndarray:
        """(3,) mm."""
        return self.body.extent_mm

    @classmethod
    def place(cls, body: Anatomy, device: torch.device) -> AnatomyOnDevice:
        """Put it there."""
        places = np.concatenate(list(body.points.values()))
        return cls(
            body,
            torch.from_numpy(body.paint).to(device, torch.float32)[None],
            torch.from_numpy(body.distances).to(device, torch.float32),
            _by_class(body),
            np.median(places, 0),
            float(np.quantile(places[:, 1], 0.01)),
        )


@dataclass(frozen=True, eq=False)
class CaseOnDevice:
    """A case to look crops up in.

    Attributes:
        case: the case.
        hu: (1, D, H, W) float32, above `NOTHING_HU`: zeros lie beyond the scan.
        labels: (1, D, H, W), floating numbers.
        class_points: class -> (n, 3) mm, random places in it.
        medians: class -> HU.
        axis_mm: (3,), the middle.
    """

    case: RealCase
    hu: Tensor
    labels: Tensor
    class_points: dict[int, np.ndarray]
    medians: dict[int, float]
    axis_mm: np.ndarray

    @property
    def extent_mm(self) -> np.ndarray:
        """(3,) mm."""
        return self.case.extent_mm

    @classmethod
    def place(cls, case: RealCase, device: torch.device) -> CaseOnDevice:
        """Put it there."""
        rng = np.random.default_rng(0)
        hu = case.fine_hu()
        points, medians = {}, {}
        for value in np.flatnonzero(np.bincount(case.labels.ravel(), minlength=256)).tolist():
            where = np.argwhere(case.labels == value)
            if value in (0, UNKNOWN) or value >= SETS.classes or len(where) < _FEWEST:
                continue
            chosen = where[rng.integers(len(where), size=_POINTS)]
            points[value] = ((chosen + 0.5) * MM).astype(np.float32)
            medians[value] = float(np.median(hu[case.labels == value]))
        return cls(
            case,
            torch.from_numpy(hu - np.float32(NOTHING_HU)).to(device)[None],
            torch.from_numpy(case.labels).to(device, torch.float32)[None],
            points,
            medians,
            case.extent_mm / 2,
        )


def _by_class(body: Anatomy) -> dict[int, np.ndarray]:
    """Places in each class that the body has; in merged ones, under each class that they may be."""
    points: dict[int, list[np.ndarray]] = {}
    table = label_table()
    for material, places in body.points.items():
        value = int(table[material])
        if 0 < value < SETS.classes:
            points.setdefault(value, []).append(places)
        elif value >= SETS.classes:
            merged = SETS.merged[value - SETS.classes]
            for member in merged if 0 not in merged else ():
                points.setdefault(member, []).append(places)
    return {value: np.concatenate(parts) for value, parts in points.items()}
