"""Label values that leave a class open."""

import numpy as np
import pytest

from mambamim.data.class_sets import UNKNOWN, ClassSets
from mambamim.errors import BadInputError


def test_each_value_allows_its_classes():
    table = ClassSets(4, ((0, 2), (3, 1, 2))).table()
    assert table.shape == (256, 4)
    assert np.array_equal(table[:4], np.eye(4, dtype=bool))
    assert table[4].tolist() == [True, False, True, False]
    assert table[5].tolist() == [False, True, True, True]
    assert table[6:].all(), "what no value stands for says nothing"
    assert table[UNKNOWN].all()


def test_a_set_has_one_value_whatever_its_order():
    sets = ClassSets(4, ((2, 0), (3, 1, 2)))
    assert [sets.value([c]) for c in range(4)] == [0, 1, 2, 3]
    assert sets.value((2, 2)) == 2
    assert sets.value((0, 2)) == sets.value((2, 0)) == 4
    assert sets.value((1, 2, 3)) == 5
    assert sets.value(range(4)) == UNKNOWN
    with pytest.raises(BadInputError, match="No label value"):
        sets.value((0, 1))


@pytest.mark.parametrize(
    ("classes", "merged"),
    [(1, ()), (0, ()), (256, ()), (254, ((0, 1), (0, 2))), (3, ((0, 3),)), (3, ((1,),)),
     (3, ((1, 1),)), (3, ((-1, 0),)), (3, ((),))],
)  # fmt: skip
def test_what_does_not_fit_is_refused(classes, merged):
    with pytest.raises(BadInputError):
        ClassSets(classes, merged)


def test_as_many_as_there_are_values():
    assert ClassSets(255).table()[254].sum() == 1
    assert ClassSets(254, ((0, 1),)).value((0, 1)) == 254
