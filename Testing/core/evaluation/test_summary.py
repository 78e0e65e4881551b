import math

import numpy as np
import pytest

from mambamim.evaluation import CaseScore, ClassScore, summarise


def scored(dice, hd95=1.0, truth=2.0, found=1.0, value=1, name="liver") -> ClassScore:
    return ClassScore(value, name, dice, dice, hd95, truth, found)


ABSENT = scored(math.nan, math.nan, 0.0, 0.0)
MISSED = scored(0.0, math.inf, 2.0, 0.0)
FALSE = scored(0.0, math.inf, 0.0, 3.0)


def test_empty_classes_count_as_the_rules_say():
    cases = [scored(0.9, 2.0), scored(0.6, 4.0), MISSED, FALSE, ABSENT]
    summary = summarise([CaseScore(str(i), (score,)) for i, score in enumerate(cases)])
    [liver] = summary.classes
    assert (summary.cases, liver.scored, liver.missed, liver.false_finds) == (5, 4, 1, 1)
    dice = liver.spreads["dice"]
    assert (dice.n, dice.mean) == (4, pytest.approx(1.5 / 4))
    assert dice.sd == pytest.approx(np.std([0.9, 0.6, 0, 0], ddof=1))
    assert (dice.q1, dice.median, dice.q3) == pytest.approx((0, 0.3, 0.675))
    assert (liver.spreads["hd95_mm"].n, liver.spreads["hd95_mm"].mean) == (2, 3.0)
    assert liver.spreads["error_percent"].n == 3
    assert liver.spreads["error_percent"].mean == pytest.approx((-50 - 50 - 100) / 3)
    assert liver.spreads["error_ml"].n == 4


def test_every_class_weighs_the_same_and_an_unseen_one_nothing():
    spleen = scored(0.5, value=2, name="spleen")
    cases = [
        CaseScore("a", (scored(1.0), ABSENT.__class__(3, "x", *[math.nan] * 3, 0.0, 0.0))),
        CaseScore("b", (scored(0.8),)),
        CaseScore("c", (scored(0.9), spleen)),
    ]
    summary = summarise(cases)
    assert [item.value for item in summary.classes] == [1, 2, 3]
    assert summary.overall["dice"] == pytest.approx((0.9 + 0.5) / 2)
    assert math.isnan(summary.classes[1].spreads["dice"].sd)
    assert summary.classes[2].spreads["dice"].n == 0


def test_the_mean_of_a_case_is_over_what_was_scored():
    assert CaseScore("a", (scored(0.8), ABSENT, MISSED)).mean_dice == pytest.approx(0.4)
    assert math.isnan(CaseScore("a", (ABSENT,)).mean_dice)
    assert math.isnan(summarise([CaseScore("a", (ABSENT,))]).overall["dice"])
