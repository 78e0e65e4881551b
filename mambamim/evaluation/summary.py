"""Many cases to a few numbers a class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mambamim.evaluation.scores import CaseScore, ClassScore

MEASURES = ("dice", "nsd", "hd95_mm", "truth_ml", "found_ml", "error_ml", "error_percent")


@dataclass(frozen=True)
class Spread:
    """How a measure is spread over the cases; all are NaN where n is 0, `sd` where n is 1.

    Attributes:
        n: cases that have a finite value.
        mean: of them.
        sd: the sample's standard deviation (n - 1).
        median: of them.
        q1: first quartile; q3 - q1 is the IQR.
        q3: third quartile.
    """

    n: int
    mean: float
    sd: float
    median: float
    q1: float
    q3: float


@dataclass(frozen=True)
class ClassSummary:
    """One class over all cases.

    Attributes:
        value: of the class.
        name: of the class.
        scored: cases in which either label map has it.
        missed: cases in which it was not predicted.
        false_finds: cases in which only the prediction has it.
        spreads: measure -> how it is spread; measures are `MEASURES`.
    """

    value: int
    name: str
    scored: int
    missed: int
    false_finds: int
    spreads: dict[str, Spread]


@dataclass(frozen=True)
class Summary:
    """All classes.

    Attributes:
        cases: how many there are.
        classes: in the order in which the cases have them.
        overall: measure -> mean over the classes of their means; NaN where no class has one.
    """

    cases: int
    classes: tuple[ClassSummary, ...]
    overall: dict[str, float]


def summarise(cases: Sequence[CaseScore]) -> Summary:
    """Put the cases of one set of predictions together, by `mambamim.evaluation.rules.RULES`."""
    by_value: dict[int, list[ClassScore]] = {}
    for case in cases:
        for score in case.scores:
            by_value.setdefault(score.value, []).append(score)
    classes = tuple(_summary(by_value[value]) for value in sorted(by_value))
    overall = {}
    for measure in MEASURES:
        means = [item.spreads[measure].mean for item in classes if item.spreads[measure].n]
        overall[measure] = sum(means) / len(means) if means else math.nan
    return Summary(len(cases), classes, overall)


def _summary(scores: list[ClassScore]) -> ClassSummary:
    scored = [score for score in scores if score.scored]
    return ClassSummary(
        value=scores[0].value,
        name=scores[0].name,
        scored=len(scored),
        missed=sum(score.missed for score in scored),
        false_finds=sum(score.false_find for score in scored),
        spreads={name: spread([getattr(s, name) for s in scored]) for name in MEASURES},
    )


def spread(values: Sequence[float]) -> Spread:
    """Of the finite ones of `values`."""
    finite = np.array([value for value in values if math.isfinite(value)])
    if not finite.size:
        return Spread(0, *[math.nan] * 5)
    sd = float(finite.std(ddof=1)) if finite.size > 1 else math.nan
    q1, median, q3 = np.percentile(finite, [25, 50, 75]).tolist()
    return Spread(int(finite.size), float(finite.mean()), sd, median, q1, q3)
