"""The slices that show what went wrong in the worst cases, kept while the cases go by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mambamim.data.views import View, cut
from mambamim.evaluation.label_pair import LabelMap
from mambamim.evaluation.scores import CaseScore, ClassScore

TRUTH, FOUND = 1, 2  # bits of `View.labels`
_MARGIN_MM, _LEAST_MM = 25.0, 140.0  # around the class, and of the box's sides
_AXES = (2, 1, 0)  # axial, coronal, sagittal
_CT_AIR_HU = -500  # an image that goes below is a CT
_WINDOW_HU = (-160.0, 240.0)  # abdomen: width 400, level 40
_LABEL_WINDOW = (0.0, 5.0)  # without an image: other labels are a dark grey


@dataclass(frozen=True, eq=False)
class WorstCase:
    """A case and its worst class.

    Attributes:
        case: all its scores.
        score: of the class that is shown.
        views: axial, coronal and sagittal; `labels` has the bits TRUTH and FOUND of that class.
        window: intensities from black to white.
        image: False where `ct` of the views shows the other labels instead of a scan.
    """

    case: CaseScore
    score: ClassScore
    views: tuple[View, ...]
    window: tuple[float, float]
    image: bool


class Worst:
    """Keeps the cases with the lowest mean Dice, and of each only three slices.

    Args:
        count: how many.

    Attributes:
        cases: the worst one first.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self.cases: list[WorstCase] = []

    def wants(self, case: CaseScore) -> bool:
        """Whether a case is among the worst ones so far; one without a class never is."""
        if self._count < 1 or math.isnan(case.mean_dice):
            return False
        return len(self.cases) < self._count or case.mean_dice < self.cases[-1].case.mean_dice

    def add(
        self,
        case: CaseScore,
        found: LabelMap,
        truth: LabelMap,
        image: np.ndarray | None,
        unions: Mapping[int, Sequence[int]] | None = None,
    ) -> None:
        """Keep a case that is wanted.

        Args:
            case: its scores.
            found: the prediction.
            truth: the manual label, on the same grid.
            image: (I, J, K) intensities on that grid, None where there are none.
            unions: as of `score_pair`.
        """
        score = worst_class(case)
        members = (unions or {}).get(score.value, (score.value,))
        bits = TRUTH * np.isin(truth.array, members).astype(np.uint8)
        bits += FOUND * np.isin(found.array, members).astype(np.uint8)
        # Without a scan the other manual labels tell where one is.
        shown = (truth.array > 0).astype(np.float32) if image is None else image
        box = _box(bits, truth.spacing_mm)
        bits, shown = bits[box], shown[box]
        views = []
        for axis, index in zip(_AXES, _slices(bits), strict=True):
            view = cut(shown, bits, truth.affine, axis, index)
            # Copies, or every kept slice would hold its whole scan in memory.
            views.append(replace(view, ct=view.ct.copy(), labels=view.labels.copy()))
        window = _LABEL_WINDOW if image is None else _window(image)
        one = WorstCase(case, score, tuple(views), window, image is not None)
        self.cases = sorted([*self.cases, one], key=lambda kept: kept.case.mean_dice)
        del self.cases[self._count :]


def worst_class(case: CaseScore) -> ClassScore:
    """The scored class with the lowest Dice; of equal ones the largest."""
    scored = [score for score in case.scores if score.scored]
    return min(scored, key=lambda score: (score.dice, -max(score.truth_ml, score.found_ml)))


def _box(bits: np.ndarray, spacing_mm: tuple[float, float, float]) -> tuple[slice, ...]:
    """A cube in mm around the class, where the scan reaches: neighbours show where one is."""
    ends = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        inside = np.flatnonzero(bits.any(axis=others))
        ends.append((int(inside[0]), int(inside[-1]) + 1))
    sizes = [(high - low) * mm for (low, high), mm in zip(ends, spacing_mm, strict=True)]
    side = max(_LEAST_MM, max(sizes) + 2 * _MARGIN_MM)
    box = []
    for (low, high), size, mm, count in zip(ends, sizes, spacing_mm, bits.shape, strict=True):
        rim = math.ceil((side - size) / 2 / mm)
        box.append(slice(max(0, low - rim), min(count, high + rim)))
    return tuple(box)


def _slices(bits: np.ndarray) -> list[int]:
    """For each of `_AXES`, where the two disagree in most voxels; if nowhere, the largest cut."""
    apart = (bits == TRUTH) | (bits == FOUND)
    shown = apart if apart.any() else bits > 0
    places = []
    for axis in _AXES:
        others = tuple(other for other in range(3) if other != axis)
        places.append(int(np.argmax(np.count_nonzero(shown, axis=others))))
    return places


def _window(image: np.ndarray) -> tuple[float, float]:
    """The abdomen's for a CT; for other images without the darkest and brightest hundredth."""
    sample = image[::4, ::4, ::2]
    if float(sample.min()) < _CT_AIR_HU:
        return _WINDOW_HU
    low, high = np.percentile(sample, [1, 99]).tolist()
    return low, high if high > low else low + 1
