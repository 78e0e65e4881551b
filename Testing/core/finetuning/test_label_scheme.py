"""From values in a user's label maps to classes, as data sets' lists tell it."""

import json

import numpy as np
import pytest

from mambamim.data.class_sets import UNKNOWN, ClassSets
from mambamim.errors import BadInputError
from mambamim.finetuning.label_scheme import read_scheme, scheme_of

ORGANS = {"1": "liver", "2": "spleen", "3": "kidney", "4": "background", "7": "unknown"}


def scheme(**content):
    return scheme_of({"labels": ORGANS, **content}, "labels.json")


def values(scheme, found=(), image="a.nii.gz"):
    """The table as far as the files have values."""
    return {value: int(scheme.lookup(image, found)[value]) for value in (0, *scheme.values)}


def test_decathlon_and_nnunet_say_the_same():
    decathlon = {
        "labels": {"0": "background", "1": "liver", "2": "cancer"},
        "modality": {"0": "CT"},
    }
    nnunet = {"labels": {"background": 0, "liver": 1, "cancer": 2}, "channel_names": {"0": "CT"}}
    one, other = (scheme_of(content, "dataset.json") for content in (decathlon, nnunet))
    assert one == other
    assert one.classes == ("liver", "cancer")
    assert values(one) == {0: 0, 1: 1, 2: 2}
    assert one.sets == ClassSets(3)


def test_the_order_is_that_of_the_values():
    assert scheme_of({"labels": {"10": "b", "9": "a", "1": "z"}}, "x").classes == ("z", "a", "b")


def test_what_nnunet_ignores_is_unknown():
    found = scheme_of({"labels": {"background": 0, "liver": 1, "ignore": 2}}, "dataset.json")
    assert found.classes == ("liver",)
    assert values(found) == {0: 0, 1: 1, 2: UNKNOWN}


def test_dropped_and_unknown_values():
    table = values(scheme(), [1, 2, 3, 4, 7])
    assert scheme().classes == ("liver", "spleen", "kidney")
    assert table == {0: 0, 1: 1, 2: 2, 3: 3, 4: 0, 7: UNKNOWN}


def test_values_of_one_name_are_merged():
    found = scheme_of({"labels": {"1": "liver", "2": "spleen", "5": "liver"}}, "x")
    assert found.classes == ("liver", "spleen")
    assert values(found, [1, 2, 5]) == {0: 0, 1: 1, 2: 2, 5: 1}


def test_classes_choose_and_order():
    found = scheme(classes=["kidney", "liver"])
    assert found.classes == ("kidney", "liver")
    assert values(found, [2]) == {0: 0, 1: 2, 2: 0, 3: 1, 4: 0, 7: UNKNOWN}


def test_where_a_case_lacks_a_class_background_may_be_it():
    found = scheme(unlabelled={"a.nii.gz": ["spleen"], "b.nii.gz": ["spleen", "kidney"]})
    assert found.sets == ClassSets(4, ((0, 2), (0, 2, 3)))
    assert values(found, [1, 4]) == {0: 4, 1: 1, 2: 2, 3: 3, 4: 4, 7: UNKNOWN}
    assert values(found, [1], "b.nii.gz")[0] == 5
    assert values(found, [1, 2, 3], "other.nii.gz")[0] == 0
    for image in ("a.nii.gz", "b.nii.gz", "c.nii.gz"):
        table, allowed = found.lookup(image, []), found.sets.table()
        assert set(np.flatnonzero(allowed[table[0]])) == {
            0, *({2} if image[0] in "ab" else ()), *({3} if image[0] == "b" else ())
        }  # fmt: skip


def test_a_case_that_lacks_all_has_an_unknown_background():
    found = scheme_of({"labels": {"1": "liver"}, "unlabelled": {"a.nii.gz": ["liver"]}}, "x")
    assert found.sets == ClassSets(2)
    assert values(found)[0] == UNKNOWN


def test_what_is_lacking_and_not_chosen_does_not_matter():
    found = scheme(classes=["liver"], unlabelled={"a.nii.gz": ["kidney"]})
    assert found.sets == ClassSets(2)
    assert values(found, [1])[0] == 0


def test_a_value_nothing_is_said_of():
    with pytest.raises(BadInputError, match=r"a\.nii\.gz holds the value 9") as caught:
        scheme().lookup("a.nii.gz", [1, 9])
    assert "background" in caught.value.hint


def test_a_class_that_is_there_and_said_not_to_be():
    found = scheme(unlabelled={"a.nii.gz": ["spleen"]})
    with pytest.raises(BadInputError, match="holds spleen, which it is said not to"):
        found.lookup("a.nii.gz", [2])
    found.lookup("b.nii.gz", [2])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "does not say what the label values are"),
        ({"labels": {}}, "does not say"),
        ({"labels": ["liver"]}, "does not say"),
        ({"labels": {"liver": [1, 2]}}, "no label value"),
        ({"labels": {"liver": "spleen"}}, "no label value"),
        ({"labels": {"1": 2}}, "no label value"),
        ({"labels": {"256": "liver"}}, "no label value"),
        ({"labels": {"-1": "liver"}}, "no label value"),
        ({"labels": {"liver": 1.5}}, "no label value"),
        ({"labels": {"liver": True}}, "no label value"),
        ({"labels": {"²": "liver"}}, "no label value"),
        ({"labels": {"liver": 1, "spleen": 1}}, "value 1 two names"),
        ({"labels": {"0": "background"}}, "no class besides background"),
        ({"labels": {"1": "background", "2": "unknown"}}, "no class besides background"),
        ({"labels": ORGANS, "classes": ["lung"]}, "the class 'lung', which no label value has"),
        ({"labels": ORGANS, "classes": ["background"]}, "the class 'background'"),
        ({"labels": ORGANS, "classes": "liver"}, "'liver' is no list of names"),
        ({"labels": ORGANS, "classes": [1]}, "is no list of names"),
        ({"labels": ORGANS, "unlabelled": {"a.nii": ["lung"]}}, "the class 'lung'"),
        ({"labels": ORGANS, "unlabelled": {"a.nii": "liver"}}, "'liver' is no list of names"),
        ({"labels": ORGANS, "unlabelled": ["a.nii"]}, "must be file names"),
    ],
)
def test_what_does_not_fit_is_told(content, said):
    with pytest.raises(BadInputError, match=said):
        scheme_of(content, "labels.json")


def test_from_a_file(tmp_path):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"labels": ORGANS}), encoding="utf-8-sig")  # as Windows writes it
    assert read_scheme(path) == scheme()
    for content, said in ((b"{", "not JSON"), (b"\xff\xfe\x00", "not JSON"), (b"[1]", "no list")):
        path.write_bytes(content)
        with pytest.raises(BadInputError, match=rf"labels\.json.*{said}"):
            read_scheme(path)
    with pytest.raises(BadInputError, match=r"absent\.json cannot be read"):
        read_scheme(tmp_path / "absent.json")


TUMOUR = {"background": 0, "whole tumour": [1, 2, 3], "tumour core": [2, 3], "enhancing tumour": 3}


def regions(labels=TUMOUR, order=(1, 2, 3), **more):
    return scheme_of({"labels": labels, "regions_class_order": list(order), **more}, "dataset.json")


def test_regions_as_nnunet_names_them():
    found = regions()
    assert found.classes == ("whole tumour", "tumour core", "enhancing tumour")
    assert [(r.values, r.painted) for r in found.regions.members] == [
        ((1, 2, 3), 1), ((2, 3), 2), ((3,), 3)]  # fmt: skip
    assert found.sets is found.regions
    assert found.values == dict(enumerate(found.classes, start=1))
    assert found.lookup("a.nii.gz", [1, 2, 3])[:4].tolist() == [0, 1, 2, 3]
    assert regions({"kidney": [1, 2, 3], "masses": [2, 3], "tumour": 2}, (1, 3, 2)).regions.labels \
        == {1: "kidney (rest)", 3: "masses (rest)", 2: "tumour"}  # fmt: skip


def test_values_beside_regions():
    found = regions({"a": [1, 2], "b": 2, "background": [0, 5], "ignore": 6}, (1, 2))
    table = found.lookup("a.nii.gz", [1, 2, 5, 6])
    assert [int(table[v]) for v in (0, 1, 2, 5, 6)] == [0, 1, 2, 0, UNKNOWN]
    with pytest.raises(BadInputError, match="holds the value 7"):
        found.lookup("a.nii.gz", [7])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"order": (1, 2)}, "for 3 regions"),
        ({"order": ("1", 2, 3)}, "not each is a value of its region"),
        ({"order": (1, 1, 3)}, "not each is a value of its region"),
        ({"order": (3, 2, 3)}, "Two regions are 3"),
        ({"labels": {"core": 2, "whole": [1, 2]}, "order": (2, 1)}, "value 2 becomes 1"),
        ({"unlabelled": {"a.nii.gz": ["tumour core"]}}, "every case needs labels of all"),
        ({"classes": ["tumour core"]}, '"classes" in dataset.json'),
        ({"labels": {"a": [1, 256]}, "order": (1,)}, "no region with its label values"),
        ({"labels": {"a": []}, "order": (1,)}, "no region with its label values"),
        ({"labels": {"a": [1, 2], "ignore": 2}, "order": (1,)}, "two things of the value 2"),
        ({"labels": {"background": 0}, "order": ()}, "There is no region"),
    ],
)
def test_regions_that_do_not_fit_are_told(more, said):
    with pytest.raises(BadInputError, match=said):
        regions(**more)
