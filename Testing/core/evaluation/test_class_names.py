import dataclasses
import json

import pytest
from tiny_networks import TINY

from mambamim.checkpoints import save_checkpoint
from mambamim.errors import BadInputError
from mambamim.evaluation.class_names import (
    beside,
    dataset_names,
    matched,
    matched_regions,
    names_in,
    read_classes,
    read_regions,
)
from mambamim.finetuning.label_scheme import scheme_of
from mambamim.models import build_model

TWO = {1: "liver", 2: "spleen"}


@pytest.mark.parametrize(
    ("texts", "classes"),
    [
        (["1=liver", "2=spleen"], TWO),
        (["1=liver 2=spleen"], TWO),
        (["1=liver,2=spleen"], TWO),
        (["5", "300"], {5: "label_5", 300: "label_300"}),
    ],
)
def test_classes_as_they_are_written(texts, classes):
    assert read_classes(texts) == classes


@pytest.mark.parametrize("texts", [["0=air"], ["1=a", "1=b"], ["70000"], ["1=a", "x"], [" "]])
def test_classes_that_make_no_sense(texts):
    with pytest.raises(BadInputError):
        read_classes(texts)


@pytest.mark.parametrize(
    "content",
    [
        {"labels": {"0": "background", "1": "liver", "2": "spleen"}},
        {"labels": {"background": 0, "liver": 1, "spleen": 2}},
        {"1": "liver", "2": "spleen"},
        {"1": {"name": "liver", "title": "Liver"}, "2": {"name": "spleen"}},
    ],
)
def test_classes_of_a_file(tmp_path, content):
    path = tmp_path / "dataset.json"
    path.write_text(json.dumps(content))
    assert read_classes([str(path)]) == names_in(path) == TWO
    if "labels" in content:
        assert dataset_names([tmp_path]) == dataset_names([path]) == TWO


def test_names_beside_a_label_map(tmp_path):
    (tmp_path / "a.labels.json").write_text('{"1": {"name": "liver"}, "2": {"name": "spleen"}}')
    assert beside([tmp_path], "a") == TWO
    assert beside([tmp_path], "b") is None


def test_classes_of_a_checkpoint(tmp_path):
    path = tmp_path / "mine.safetensors"
    network = build_model("hymamba_small", num_classes=3, **TINY["hymamba_small"])
    save_checkpoint(path, network, TWO)
    assert read_classes([str(path)]) == TWO


@pytest.mark.parametrize("text", ["{", "[]", '{"labels": {"1": 2}}'])
def test_damaged_files(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(BadInputError, match=r"x\.json"):
        names_in(path)
    with pytest.raises(BadInputError, match=r"absent\.json"):
        names_in(tmp_path / "absent.json")


def test_label_values_find_their_class_by_name():
    table, classes, strange = matched({4: "spleen", 5: "spleen", 6: "cyst"}, TWO, strict=False)
    assert (table, classes, strange) == ({4: 2, 5: 2}, {2: "spleen"}, ["cyst"])
    with pytest.raises(BadInputError, match="cyst"):
        matched({4: "spleen", 6: "cyst"}, TWO, strict=True)
    with pytest.raises(BadInputError, match="does not have"):
        matched({6: "cyst"}, TWO, strict=False)


NNUNET = {"labels": {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": 3},
          "regions_class_order": [1, 2, 3]}  # fmt: skip
BRATS = {"labels": {"whole": [1, 2, 4], "core": [1, 4], "enhancing": 4},
         "regions_class_order": [2, 1, 4]}  # fmt: skip


def test_regions_of_a_file_and_of_a_checkpoint(tmp_path):
    path = tmp_path / "my data set.json"
    path.write_text(json.dumps(NNUNET), encoding="utf-8")
    regions = read_regions([str(path)])
    assert regions.unions == {1: (1, 2, 3), 2: (2, 3), 3: (3,)}
    assert read_classes([str(path)]) == {1: "whole", 2: "core", 3: "enhancing"}
    model = tmp_path / "mine.safetensors"
    network = build_model("hymamba_small", num_classes=3, **TINY["hymamba_small"])
    listed = [dataclasses.asdict(region) for region in regions.members]
    save_checkpoint(model, network, regions.labels, regions=listed)
    assert read_regions([str(model)]) == regions
    assert read_classes([str(model)]) == read_classes([str(path)])
    path.write_text(json.dumps({"labels": {"1": "liver"}}), encoding="utf-8")
    for texts in ([str(path)], ["1=liver"], ["1"], ["1=a", "2=b"], ["1 2"]):
        assert read_regions(texts) is None


def test_values_of_the_same_regions_are_brought_together():
    ours, theirs = (scheme_of(content, "x").regions for content in (NNUNET, BRATS))
    assert matched_regions(theirs, ours) == {1: 2, 2: 1, 4: 3}
    assert matched_regions(ours, ours) == {1: 1, 2: 2, 3: 3}
    other = scheme_of({"labels": {"whole": [1, 2], "cyst": 2}, "regions_class_order": [1, 2]}, "x")
    for one in (None, other.regions):
        with pytest.raises(BadInputError, match="names others") as caught:
            matched_regions(one, ours)
        assert "--label-map" in caught.value.hint
