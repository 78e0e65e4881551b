"""A prepared case seen through a table of label values."""

import dataclasses

import numpy as np
import pytest
from blobs import SHAPE

from mambamim.data.class_sets import UNKNOWN
from mambamim.data.crops import CropDataset
from mambamim.finetuning.labelled_case import LabelledCase

WHOLE = (slice(None),) * 3


def seen(case, classes=3, **values) -> LabelledCase:
    table = np.full(256, UNKNOWN, np.uint8)
    for name, value in values.items():
        table[int(name[1:])] = value
    return LabelledCase(case, table, classes)


@pytest.fixture
def case(blobs):
    return blobs[1][0]


def test_all_but_labels_is_the_prepared_case(case):
    ours = seen(case, v0=0, v1=2, v2=1)
    assert (ours.key, ours.shape) == (case.key, case.shape) == (case.key, SHAPE)
    assert np.array_equal(ours.image(WHOLE), case.image(WHOLE))
    assert np.array_equal(ours.foreground, case.foreground)


def test_labels_are_the_classes(case):
    swapped = seen(case, v0=0, v1=2, v2=1)
    assert swapped.labels == {2: case.labels[1], 1: case.labels[2]}
    assert np.array_equal(swapped.label(WHOLE), np.array([0, 2, 1])[case.label(WHOLE)])
    assert swapped.label(WHOLE).dtype == np.uint8
    assert np.array_equal(swapped.label_places(2), case.label_places(1))


def test_merged_values_are_one_class(case):
    merged = seen(case, 2, v0=0, v1=1, v2=1)
    assert merged.labels == {1: sum(case.labels.values())}
    places = merged.label_places(1)
    assert (merged.label(WHOLE)[tuple(places.T)] == 1).all()
    assert len(places) == len(case.label_places(1)) + len(case.label_places(2))


def test_what_is_open_or_dropped_is_no_class_to_look_for(case):
    assert seen(case, 2, v0=2, v1=1, v2=UNKNOWN).labels == {1: case.labels[1]}
    assert seen(case, 2, v0=0, v1=0, v2=0).labels == {}


def test_crops_are_taken_of_it(case):
    open_ = seen(case, 3, v0=3, v1=2, v2=UNKNOWN)
    dataset = CropDataset([open_], 8, 0, foreground=1.0, labelled=True, flips=())
    for number in range(6):
        assert 2 in dataset[number]["label"].unique(), "the one class there is lies in its middle"
    assert {int(v) for n in range(6) for v in dataset[n]["label"].unique()} <= {2, 3, UNKNOWN}


def test_it_needs_no_class_at_all(case):
    nothing = seen(case, 3, v0=0, v1=0, v2=0)
    assert CropDataset([nothing], 8, 0, labelled=True)[0]["label"].max() == 0
    unlabelled = dataclasses.replace(case, labels=None)
    assert seen(unlabelled).labels == {}
