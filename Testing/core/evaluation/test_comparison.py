import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from mambamim.errors import BadInputError
from mambamim.evaluation import CaseScore, ClassScore, compare
from mambamim.evaluation.comparison import MEAN_OF_CLASSES, holm, wilcoxon


def cases(table: dict[int, list[float]]) -> list[CaseScore]:
    """A list of Dice a class; NaN where the truth lacks the class."""
    count = len(next(iter(table.values())))
    return [
        CaseScore(
            f"case_{i}",
            tuple(
                ClassScore(v, f"c{v}", d[i], d[i] / 2, 1.0, 0.0 if math.isnan(d[i]) else 1.0, 1.0)
                for v, d in table.items()
            ),
        )
        for i in range(count)
    ]


RNG = np.random.default_rng(3)
A = {1: RNG.random(9).tolist(), 2: (0.5 + 0.4 * RNG.random(9)).tolist()}
B = {1: RNG.random(9).tolist(), 2: (0.2 + 0.4 * RNG.random(9)).tolist()}


def test_the_tests_are_those_of_scipy():
    rows = {(r.measure, r.value): r for r in compare(cases(A), cases(B))}
    assert len(rows) == 6
    for value in (1, 2):
        a, b, row = np.array(A[value]), np.array(B[value]), rows["dice", value]
        signed = stats.wilcoxon(a, b, zero_method="wilcox", method="exact")
        assert (row.w, row.wilcoxon_p) == pytest.approx((signed.statistic, signed.pvalue))
        t = stats.ttest_rel(a, b)
        interval = t.confidence_interval(0.95)
        assert (row.t, row.t_p) == pytest.approx((t.statistic, t.pvalue))
        assert (row.low, row.high) == pytest.approx((interval.low, interval.high))
        assert row.d_z == pytest.approx((a - b).mean() / (a - b).std(ddof=1))
        assert (row.better, row.worse, row.equal) == ((a > b).sum(), (a < b).sum(), 0)
        assert rows["nsd", value].wilcoxon_p == pytest.approx(row.wilcoxon_p)
        assert rows["nsd", value].difference == pytest.approx(row.difference / 2)


def test_the_mean_over_classes_is_of_each_case():
    row = next(r for r in compare(cases(A), cases(B)) if r.name == MEAN_OF_CLASSES)
    a, b = (np.mean([side[1], side[2]], axis=0) for side in (A, B))
    assert row.wilcoxon_p == pytest.approx(stats.wilcoxon(a, b, method="exact").pvalue)
    assert (row.first, row.second) == pytest.approx((a.mean(), b.mean()))
    assert math.isnan(row.wilcoxon_holm)


@pytest.mark.parametrize(
    "differences",
    [[0.1, 0.1, -0.1, 0.3, 0.3], [0.5, 0, 0, -0.2, 0.2, 0.2], [1, 2, 3, 4, 5, 6, 7], [-1.0]],
)
def test_equal_ranks_are_exact_and_zeros_left_out(differences):
    rest = np.array([d for d in differences if d])
    ranks = stats.rankdata(np.abs(rest))
    plus = ranks[rest > 0].sum()
    sums = [sum(r for r, s in zip(ranks, signs, strict=True) if s)
            for signs in product((0, 1), repeat=len(rest))]  # fmt: skip
    tails = np.mean(np.array(sums) <= plus), np.mean(np.array(sums) >= plus)
    w, p, biserial = wilcoxon(np.array(differences, float))
    assert p == pytest.approx(min(1, 2 * min(tails)))
    minus = ranks.sum() - plus
    assert (w, biserial) == pytest.approx((min(plus, minus), (plus - minus) / (plus + minus)))


def test_many_pairs_are_tested_as_scipy_does():
    differences = np.random.default_rng(0).normal(0.02, 1, 600)
    assert wilcoxon(differences)[1] == pytest.approx(stats.wilcoxon(differences).pvalue)
    exact, normal = wilcoxon(differences[:400])[1], stats.wilcoxon(differences[:400]).pvalue
    assert exact == pytest.approx(normal, rel=0.02)


def test_holm_by_hand():
    corrected = holm([0.01, 0.04, math.nan, 0.03, 0.9])
    assert corrected[:2] == pytest.approx([0.04, 0.09])
    assert math.isnan(corrected[2])
    assert corrected[3:] == pytest.approx([0.09, 0.9])
    rows = [r for r in compare(cases(A), cases(B)) if r.measure == "dice" and r.value]
    assert [r.wilcoxon_holm for r in rows] == pytest.approx(holm([r.wilcoxon_p for r in rows]))
    assert [r.t_holm for r in rows] == pytest.approx(holm([r.t_p for r in rows]))


def test_equal_sets_differ_in_nothing():
    row = compare(cases(A), cases(A))[0]
    assert (row.better, row.worse, row.equal, row.wilcoxon_p) == (0, 0, 9, 1.0)
    assert math.isnan(row.t_p)


def test_pairs_are_the_cases_whose_truth_has_the_class():
    first = cases({1: [0.5, math.nan, 0.7], 2: [0.2, 0.4, 0.4]})
    second = cases({1: [0.4, math.nan, 0.9], 2: [0.1, 0.1, 0.1]})
    rows = compare(first, second[::-1])  # paired by name, not by place
    assert [r.n for r in rows[:3]] == [2, 3, 3]
    assert rows[0].difference == pytest.approx(-0.05)
    assert rows[2].first == pytest.approx((0.35 + 0.4 + 0.55) / 3)


def test_sets_that_share_no_case_are_refused():
    with pytest.raises(BadInputError, match="no case in common"):
        compare(cases(A), [])
    with pytest.raises(BadInputError, match="twice"):
        compare(cases(A) * 2, cases(A))
