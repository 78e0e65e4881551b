"""Whether one set of predictions is better than another of the same cases: paired tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mambamim.errors import BadInputError
from mambamim.evaluation.scores import CaseScore, ClassScore

COMPARED = ("dice", "nsd")
MEAN_OF_CLASSES = "mean over classes"
_DIGITS = 12  # differences that agree so far are equal: the rest is rounding
_EXACT = 500  # pairs; beyond, the exact distribution takes long and differs no more


@dataclass(frozen=True)
class Comparison:
    """One measure of one class, first set minus second; NaN where a number is not defined.

    Attributes:
        measure: "dice" or "nsd".
        name: of the class, or `MEAN_OF_CLASSES`.
        value: of the class, None for the mean.
        n: pairs.
        first: mean of the first set.
        second: mean of the second set.
        difference: mean difference.
        low: lower end of the 95 % interval of the mean difference.
        high: its upper end.
        better: pairs in which the first set is better.
        worse: pairs in which the second one is.
        equal: the other pairs.
        w: Wilcoxon's statistic, the smaller one of W+ and W-.
        wilcoxon_p: two-sided.
        wilcoxon_holm: corrected over the classes; NaN for the mean.
        t: of the paired t test.
        t_p: two-sided.
        t_holm: corrected over the classes; NaN for the mean.
        d_z: Cohen's effect size of paired differences.
        rank_biserial: matched-pairs rank-biserial correlation, -1..1.
    """

    measure: str
    name: str
    value: int | None
    n: int
    first: float
    second: float
    difference: float
    low: float
    high: float
    better: int
    worse: int
    equal: int
    w: float
    wilcoxon_p: float
    wilcoxon_holm: float
    t: float
    t_p: float
    t_holm: float
    d_z: float
    rank_biserial: float


def compare(first: Sequence[CaseScore], second: Sequence[CaseScore]) -> list[Comparison]:
    """Compare two sets of predictions, by `mambamim.evaluation.rules.COMPARISON_RULES`.

    Cases are paired by name; those that only one set has are left out.

    Returns:
        For Dice, then for NSD: a row a class by value, and a row of the mean over classes.

    Raises:
        BadInputError: no case is in both sets, or a set names a case twice.
    """
    named = [{case.case: _in_truth(case) for case in cases} for cases in (first, second)]
    if len(named[0]) != len(first) or len(named[1]) != len(second):
        raise BadInputError("A set of scores names a case twice.", "Give every case its own name.")
    cases = [name for name in named[0] if name in named[1]]
    if not cases:
        raise BadInputError("The two sets have no case in common.", "Give them equal file names.")
    names = {v: s.name for one in named[0].values() for v, s in one.items()}
    rows = []
    for measure in COMPARED:
        per_class = []
        for value in sorted(names):
            pairs = _pairs([(named[0][c], named[1][c]) for c in cases], [value], measure)
            per_class.append(_compare(measure, names[value], value, pairs))
        rows += _corrected(per_class)
        pairs = _pairs([(named[0][c], named[1][c]) for c in cases], list(names), measure)
        rows.append(_compare(measure, MEAN_OF_CLASSES, None, pairs))
    return rows


def wilcoxon(differences: np.ndarray) -> tuple[float, float, float]:
    """The signed rank test.

    Args:
        differences: (n,); zeros are left out.

    Returns:
        W (the smaller sum of ranks), the two-sided p, and the rank-biserial correlation; without a
        difference 0, 1 and 0: nothing speaks for either.
    """
    from scipy import stats

    rest = differences[differences != 0]
    if not rest.size:
        return 0.0, 1.0, 0.0
    ranks = stats.rankdata(np.abs(rest))
    total, plus = float(ranks.sum()), float(ranks[rest > 0].sum())
    biserial = (2 * plus - total) / total
    if rest.size > _EXACT:
        p = float(stats.wilcoxon(rest, zero_method="wilcox").pvalue)
    else:
        p = _exact_p(ranks, plus)
    return min(plus, total - plus), p, biserial


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction; NaN stays and does not count."""
    order = sorted((p, i) for i, p in enumerate(p_values) if not math.isnan(p))
    corrected, highest = list(p_values), 0.0
    for done, (p, index) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - done) * p))
        corrected[index] = highest
    return corrected


def _in_truth(case: CaseScore) -> dict[int, ClassScore]:
    return {score.value: score for score in case.scores if score.truth_ml > 0}


def _pairs(
    cases: list[tuple[dict[int, ClassScore], dict[int, ClassScore]]],
    values: list[int],
    measure: str,
) -> np.ndarray:
    """(n, 2): of every case with one of `values`, the means over those it has."""
    rows = []
    for one, other in cases:
        shared = [value for value in values if value in one and value in other]
        if shared:
            sides = ([getattr(side[value], measure) for value in shared] for side in (one, other))
            rows.append([sum(side) / len(shared) for side in sides])
    return np.array(rows, np.float64).reshape(-1, 2)


def _compare(measure: str, name: str, value: int | None, pairs: np.ndarray) -> Comparison:
    differences = np.round(pairs[:, 0] - pairs[:, 1], _DIGITS)
    better, worse = int((differences > 0).sum()), int((differences < 0).sum())
    n = len(differences)
    nan = math.nan
    first, second, mean = (
        (float(x.mean()) if n else nan) for x in (pairs[:, 0], pairs[:, 1], differences)
    )
    w, wilcoxon_p, biserial = wilcoxon(differences) if n else (nan, nan, nan)
    t, t_p, d_z, half = _t_test(differences)
    return Comparison(
        measure, name, value, n, first, second, mean, mean - half, mean + half,
        better, worse, n - better - worse, w, wilcoxon_p, nan, t, t_p, nan, d_z, biserial,
    )  # fmt: skip


def _t_test(differences: np.ndarray) -> tuple[float, float, float, float]:
    """t, its two-sided p, d_z, and half the 95 % interval; NaN where there is no spread."""
    n = len(differences)
    sd = float(differences.std(ddof=1)) if n > 1 else 0.0
    if sd < 10.0**-_DIGITS:
        return math.nan, math.nan, math.nan, math.nan
    from scipy import stats

    t, p = stats.ttest_1samp(differences, 0.0)
    half = float(stats.t.ppf(0.975, n - 1)) * sd / math.sqrt(n)
    return float(t), float(p), float(differences.mean()) / sd, half


def _exact_p(ranks: np.ndarray, plus: float) -> float:
    """The share of all 2^n ways to give signs to `ranks` that are as far out as `plus`, twice."""
    doubled = np.rint(2 * ranks).astype(np.int64)  # averaged ranks are halves
    chance = np.zeros(int(doubled.sum()) + 1)
    chance[0] = 1.0
    for rank in doubled:
        chance *= 0.5
        chance[rank:] = chance[rank:] + chance[: chance.size - rank]
    at = round(2 * plus)
    return min(1.0, 2 * min(float(chance[: at + 1].sum()), float(chance[at:].sum())))


def _corrected(rows: list[Comparison]) -> list[Comparison]:
    signed, t = holm([row.wilcoxon_p for row in rows]), holm([row.t_p for row in rows])
    return [
        replace(row, wilcoxon_holm=a, t_holm=b) for row, a, b in zip(rows, signed, t, strict=True)
    ]
