"""Regions that overlap, and the label map that they are painted into."""

import numpy as np
import pytest

from mambamim.data.regions import Region, Regions
from mambamim.errors import BadInputError

TUMOUR = Regions(
    (Region("whole", (1, 2, 4), 2), Region("core", (1, 4), 1), Region("enhancing", (4,), 4))
)


def test_a_label_map_is_its_regions_painted():
    labels = np.random.default_rng(0).choice([0, 1, 2, 4], (5, 6, 7)).astype(np.uint8)
    masks = TUMOUR.masks(labels)
    assert masks.shape == (3, 5, 6, 7)
    assert np.array_equal(masks[0], labels > 0)
    assert np.array_equal(masks[1], (labels == 1) | (labels == 4))
    assert np.array_equal(masks[2], labels == 4)
    painted = TUMOUR.paint(masks)
    assert painted.dtype == np.uint8
    assert np.array_equal(painted, labels)


def test_later_regions_are_painted_over_earlier_ones():
    masks = np.array([[True, True, False, False], [True, False, True, False], [False, False, True,
                      False]])  # fmt: skip
    assert TUMOUR.paint(masks).tolist() == [1, 2, 4, 0]


def test_names_tell_what_a_label_map_shows():
    assert TUMOUR.labels == {2: "whole (rest)", 1: "core (rest)", 4: "enhancing"}
    assert TUMOUR.unions == {2: (1, 2, 4), 1: (1, 4), 4: (4,)}
    apart = Regions((Region("left", (1,), 1), Region("right", (2,), 2)))
    assert apart.labels == {1: "left", 2: "right"}


def test_two_values_of_the_same_regions_become_one():
    kidney = Regions((Region("kidney", (1, 2, 5), 1), Region("mass", (2,), 2)))
    assert kidney.paint(kidney.masks(np.array([[[0, 1, 2, 5]]]))).tolist() == [[[0, 1, 2, 1]]]


@pytest.mark.parametrize(
    ("regions", "said"),
    [
        ((), "no region"),
        ((Region("a", (1,), 1), Region("a", (2,), 2)), "Two regions are a"),
        ((Region("a", (1, 2), 1), Region("b", (1,), 1)), "Two regions are 1"),
        ((Region("a", (0, 1), 1),), "Values are whole numbers"),
        ((Region("a", (255,), 255),), "Values are whole numbers"),
        ((Region("a", (), 1),), "Values are whole numbers"),
        ((Region("core", (2,), 2), Region("whole", (1, 2), 1)), "value 2 becomes 1"),
        ((Region("whole", (1, 2), 2), Region("core", (2,), 1)), "in other regions"),
    ],
)
def test_regions_that_cannot_be_painted(regions, said):
    with pytest.raises(BadInputError, match=said):
        Regions(regions)
