import math
import sys
from pathlib import Path

import numpy as np
import pytest

from mambamim.errors import BadInputError
from mambamim.evaluation import score_pair
from mambamim.evaluation.rules import RULES

sys.path.insert(0, str(Path(__file__).parent))
import slow_measures as slow

MM = (1.0, 1.5, 2.5)
ONE = {1: "liver"}


def cube(shift=(0, 0, 0), size=(8, 8, 8), shape=(20, 20, 20), at=5) -> np.ndarray:
    array = np.zeros(shape, np.uint8)
    array[tuple(slice(at + s, at + s + n) for s, n in zip(shift, size, strict=True))] = 1
    return array


def ball(radius_mm: float, centre_mm=(10.0, 10.0, 10.0), mm=MM) -> np.ndarray:
    places = np.indices((20, 16, 10)).transpose(1, 2, 3, 0) * mm
    return (((places - centre_mm) ** 2).sum(axis=-1) <= radius_mm**2).astype(np.uint8)


PAIRS = [
    (ball(7.0), ball(6.0)),
    (ball(7.0), ball(7.0, (12.0, 10.0, 11.0))),
    (cube(), cube((2, 0, 0))),
    (cube(), cube((0, 1, 1), (6, 8, 9))),
    (cube() | cube((12, 12, 12), (2, 2, 2), at=5), cube()),
]


@pytest.mark.parametrize(("found", "truth"), PAIRS)
def test_dice_and_hd95_are_their_definitions(found, truth):
    [score] = score_pair(found, truth, MM, ONE)
    assert score.dice == pytest.approx(slow.dice(found, truth), abs=1e-12)
    assert score.hd95_mm == pytest.approx(slow.hd95(found, truth, MM), rel=1e-5)
    assert score.outcome == "found"


@pytest.mark.parametrize(("found", "truth"), PAIRS[2:])
@pytest.mark.parametrize("tolerance", [0.0, 0.7, 1.6, 5.0])
def test_nsd_of_cuboids_is_the_area_within_the_tolerance(found, truth, tolerance):
    [score] = score_pair(found, truth, MM, ONE, tolerance)
    assert score.nsd == pytest.approx(slow.nsd(found, truth, MM, tolerance), abs=1e-5)


def test_nsd_of_two_balls_one_within_the_other():
    mm = (0.5, 0.5, 0.8)
    places = np.indices((48, 48, 30)).transpose(1, 2, 3, 0) * mm
    large, small = ((((places - 12) ** 2).sum(axis=-1) <= r * r).astype(np.uint8) for r in (10, 8))
    shares = [score_pair(small, large, mm, ONE, t)[0].nsd for t in (1.0, 2.0, 3.0)]
    assert shares[0] < 0.01
    assert 0.2 < shares[1] < 0.99
    assert shares[2] == 1.0
    assert score_pair(small, large, mm, ONE)[0].hd95_mm == pytest.approx(2.0, abs=0.5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_cube_shifted_by_known_millimetres(axis):
    shift = [0, 0, 0]
    shift[axis] = 2
    off = 2 * MM[axis]
    args = cube(shift), cube(), MM, ONE
    assert score_pair(*args, off + 1e-3)[0].nsd == 1.0
    assert score_pair(*args, off - 1e-3)[0].nsd < 0.95
    assert score_pair(*args)[0].hd95_mm == pytest.approx(off, rel=1e-6)
    assert score_pair(*args)[0].dice == pytest.approx(6 / 8)


def test_the_edge_of_the_volume_is_a_surface():
    whole = np.ones((6, 6, 6), np.uint8)
    part = whole.copy()
    part[:3] = 0
    [score] = score_pair(part, whole, (2, 2, 2), ONE, 1.0)
    assert score.hd95_mm == pytest.approx(slow.hd95(part, whole, (2, 2, 2)), rel=1e-6)
    assert 0 < score.nsd < 1


def test_volumes_and_their_error():
    [score] = score_pair(cube(size=(5, 8, 8)), cube(), MM, ONE)
    assert score.truth_ml == pytest.approx(512 * 3.75 / 1000)
    assert score.found_ml == pytest.approx(320 * 3.75 / 1000)
    assert score.error_ml == pytest.approx(-192 * 3.75 / 1000)
    assert score.error_percent == pytest.approx(-37.5)


def test_equal_masks_are_perfect():
    [score] = score_pair(cube(), cube(), MM, ONE)
    assert (score.dice, score.nsd, score.hd95_mm, score.error_ml) == (1, 1, 0, 0)


def test_empty_classes_follow_the_rules():
    found, truth = cube(), 2 * cube((4, 4, 4))
    names = {1: "false", 2: "missed", 3: "absent"}
    false, missed, absent = score_pair(found, truth, MM, names)
    assert (false.outcome, missed.outcome, absent.outcome) == ("false find", "missed", "absent")
    for score in (false, missed):
        assert (score.dice, score.nsd, score.hd95_mm) == (0, 0, math.inf)
    assert math.isnan(false.error_percent)
    assert false.error_ml == pytest.approx(512 * 3.75 / 1000)
    assert missed.error_percent == -100
    numbers = (absent.dice, absent.nsd, absent.hd95_mm, absent.error_ml, absent.error_percent)
    assert all(map(math.isnan, numbers))
    assert any("Dice 0" in rule for rule in RULES)


def test_classes_are_scored_by_themselves_and_others_are_background():
    truth = cube().astype(np.uint16) * 300
    truth[0, 0, 0] = 7
    scores = score_pair(truth, truth, MM, {300: "a", 5: "b"})
    assert [(s.value, s.name, s.scored) for s in scores] == [(300, "a", True), (5, "b", False)]


@pytest.mark.parametrize(
    "change",
    [
        {"found": cube(shape=(20, 20, 19))},
        {"found": cube().astype(np.float32)},
        {"spacing_mm": (1, 0, 1)},
        {"spacing_mm": (1, 1)},
        {"tolerance_mm": -1},
        {"tolerance_mm": math.nan},
    ],
)
def test_what_cannot_be_scored_is_refused(change):
    given = {"found": cube(), "truth": cube(), "spacing_mm": MM, "classes": ONE, **change}
    with pytest.raises(BadInputError):
        score_pair(**given)


def test_a_region_is_the_union_of_its_values():
    found, truth = np.zeros((2, 20, 16, 10), np.uint8)
    truth[2:14, 2:12, 2:8], truth[5:10, 4:9, 3:6] = 1, 2
    found[3:15, 2:12, 2:8], found[5:11, 5:9, 3:6] = 1, 3
    names, unions = {1: "whole", 2: "core", 9: "none"}, {1: (1, 2, 3), 2: (2, 3), 9: (8, 9)}
    scores = score_pair(found, truth, MM, names, 1.0, unions)
    for score, values in zip(scores, unions.values(), strict=True):
        one, other = (np.isin(array, values).astype(np.uint8) for array in (found, truth))
        [alone] = score_pair(one, other, MM, {1: "x"}, 1.0)
        assert score.outcome == alone.outcome
        if alone.scored:
            for what in ("dice", "nsd", "hd95_mm", "truth_ml", "found_ml"):
                assert getattr(score, what) == pytest.approx(getattr(alone, what))
    assert scores[2].outcome == "absent"
    assert scores[0].dice != score_pair(found, truth, MM, {1: "whole"})[0].dice
