"""A project keeps what it is given, whole or not at all, and takes nothing twice."""

import json
import subprocess
import sys

import numpy as np
import pytest
from project_blobs import AFFINE, VALUES, blob_arrays, fill

from mambamim.data.volume import read_volume
from mambamim.errors import BadInputError
from mambamim.project import Project


def kinds(problems):
    return {problem.kind for problem in problems}


def files(project):
    return sorted(p.relative_to(project.folder).as_posix() for p in project.folder.rglob("*.*"))


def test_what_goes_in_comes_out(project):
    ct, labels = blob_arrays(0)
    case = project.add_case(ct, labels, AFFINE, VALUES)
    again = Project.open(project.folder).cases[0]
    assert again.id == case.id == "case-0001"
    assert (again.shape, again.modality) == (ct.shape, "CT")
    assert np.allclose(again.spacing, 3)
    image, label = read_volume(again.image), read_volume(again.label)
    assert image.array.dtype == np.int16
    assert np.array_equal(image.array, ct)
    assert np.array_equal(label.array, labels)
    assert np.allclose(image.affine, AFFINE)
    assert np.allclose(label.affine, AFFINE)
    assert again.labels == pytest.approx({"dim": 7 * 8 * 8 * 0.027, "bright": 7 * 8 * 8 * 0.027})
    assert again.problems == ()


@pytest.mark.parametrize("given", [np.float64, np.float32, np.int32, np.uint16])
def test_whole_numbers_are_one_scan_in_any_type(project, given):
    ct, labels = blob_arrays(0)
    ct = np.maximum(ct, 0)
    project.add_case(ct, labels, AFFINE, VALUES)
    with pytest.raises(BadInputError, match="this scan already, as case-0001"):
        project.add_case(np.asfortranarray(ct.astype(given)), labels, AFFINE, VALUES)


def test_fractions_and_large_numbers_are_kept(project):
    ct, labels = blob_arrays(0)
    for number, array in enumerate((ct + np.float32(0.25), ct.astype(np.int32) * 1000)):
        case = project.add_case(array, labels, AFFINE, VALUES)
        assert np.array_equal(read_volume(case.image).array, array), number


def test_steps_tell_how_far_it_is(project):
    ct, labels = blob_arrays(0)
    *shares, case = project.add_case_steps(ct, labels, AFFINE, VALUES)
    assert shares == sorted(shares)
    assert 0 <= shares[0] < 0.05
    assert 0.9 < shares[-1] <= 1
    assert len(shares) > ct.shape[2]
    assert case.id == project.cases[0].id


def test_closed_at_any_step_nothing_is_left(filled):
    there = files(filled)
    ct, labels = blob_arrays(9)
    count = len(list(filled.add_case_steps(ct, labels, AFFINE, VALUES)))
    filled.remove("case-0004")
    for stop in range(1, count, 7):
        steps = filled.add_case_steps(ct, labels, AFFINE, VALUES)
        for _ in range(stop):
            next(steps)
        steps.close()
        assert files(filled) == there, stop


@pytest.mark.parametrize("name", ["images", "labels", "thumbnails", "manifest.json"])
def test_a_full_disk_is_told_and_nothing_is_left(filled, monkeypatch, name):
    there, before = files(filled), (filled.folder / "manifest.json").read_bytes()
    real = type(filled.folder).replace

    def full(self, target):
        if name in str(target):
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(type(filled.folder), "replace", full)
    with pytest.raises(BadInputError, match=r"No space left.*Free some space"):
        filled.add_case(*blob_arrays(9), AFFINE, VALUES)
    monkeypatch.undo()
    assert files(filled) == there
    assert (filled.folder / "manifest.json").read_bytes() == before
    assert len(Project.open(filled.folder).cases) == 3


def test_new_labels_of_a_scan_take_the_place_of_the_old(filled):
    ct, labels = blob_arrays(1)
    was = filled.cases[1]
    case = filled.add_case(ct, labels * (labels == 1), AFFINE, VALUES, replace=True)
    assert [c.id for c in filled.cases] == ["case-0001", "case-0004", "case-0003"]
    assert (case.split, list(case.labels)) == (was.split, ["dim"])
    assert not was.image.exists()
    assert len(files(filled)) == 3 * 3 + 1


def test_ids_are_never_given_twice(filled):
    filled.remove("case-0003")
    assert not [f for f in files(filled) if "0003" in f]
    assert filled.add_case(*blob_arrays(7), AFFINE, VALUES).id == "case-0004"
    with pytest.raises(BadInputError, match="no case 'case-0003'"):
        filled.remove("case-0003")


def test_about_a_fifth_is_kept_apart(project):
    fill(project, 10)
    splits = [case.split for case in project.cases]
    assert splits[:3] == ["train", "validation", "train"]
    assert splits.count("validation") == 2


def test_what_is_changed_is_there_when_it_is_opened_again(filled):
    filled.set_split("case-0001", "validation")
    filled.set_unknown("case-0003", ["bright"])
    filled.set_classes(["bright", "dim"])
    again = Project.open(filled.folder)
    assert again.classes == ["bright", "dim"]
    assert again.case("case-0001").split == "validation"
    assert again.case("case-0003").unknown == {"bright"}
    assert kinds(again.case("case-0003").problems) == {"unknown_present"}


def test_a_change_of_another_process_is_kept(filled):
    other = Project.open(filled.folder)
    other.add_case(*blob_arrays(5), AFFINE, VALUES)
    filled.set_split("case-0001", "validation")
    assert len(filled.cases) == 4
    other.reload()
    assert other.case("case-0001").split == "validation"


def test_a_class_that_is_renamed_keeps_its_labels(filled):
    before = filled.cases[0].label.read_bytes()
    filled.set_unknown("case-0001", ["bright"])
    filled.relabel("bright", "tumour")
    assert filled.classes == ["dim", "tumour"]
    assert list(filled.cases[0].labels) == ["dim", "tumour"]
    assert filled.cases[0].unknown == {"tumour"}
    assert filled.cases[0].label.read_bytes() == before
    assert filled.verify() == []


def test_two_classes_become_one(filled):
    amounts = filled.cases[0].labels
    filled.relabel("bright", "dim")
    assert filled.classes == ["dim"]
    assert filled.cases[0].labels == pytest.approx({"dim": sum(amounts.values())})
    filled.relabel("dim", "unknown")
    assert filled.classes == []
    assert "no_classes" in kinds(filled.checks())


def test_a_class_that_is_left_out_comes_back(filled):
    filled.set_classes(["dim"])
    assert "class_dropped" in kinds(filled.checks())
    filled.set_classes(["dim", "bright"])
    assert list(filled.cases[0].labels) == ["dim", "bright"]


def test_background_and_unknown_are_no_classes(project):
    ct, labels = blob_arrays(0)
    case = project.add_case(ct, labels, AFFINE, {1: "background", 2: "unknown"})
    assert case.labels == {}
    assert set(np.unique(read_volume(case.label).array)) == {0, 255}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"values": {1: "dim"}}, "value 2, which has no name"),
        ({"values": {1: "dim", 2: "other"}}, "'other' is no class"),
        ({"unknown": ["other"]}, "'other' is no class"),
        ({"modality": "US"}, "no modality 'US'"),
        ({"labels": np.zeros((3, 3, 3), np.uint8)}, "3 x 3 x 3 voxels and the scan 24 x 20 x 22"),
        ({"labels": np.zeros((24, 20, 22))}, "whole numbers"),
        ({"image": np.full((24, 20, 22), np.nan)}, "no finite number"),
        ({"image": np.zeros((24, 20))}, "no volume"),
        ({"affine": np.zeros((4, 4))}, "no volume"),
    ],
)
def test_what_cannot_be_a_case_is_refused(project, change, said):
    ct, labels = blob_arrays(0)
    given = {"image": ct, "labels": labels, "affine": AFFINE, "values": VALUES, **change}
    with pytest.raises(BadInputError, match=said):
        project.add_case(**given)
    assert files(project) == ["manifest.json"]


def test_what_is_wrong_with_all_of_them(project):
    assert kinds(project.checks()) == {"no_cases"}
    ct, labels = blob_arrays(0)
    project.add_case(ct, labels, AFFINE, VALUES)
    assert kinds(project.checks()) == {"no_validation"}
    assert project.blocking() == []
    project.set_split("case-0001", "validation")
    assert "no_training" in kinds(project.checks())
    project.set_split("case-0001", "train")
    other = project.add_case(*blob_arrays(1), AFFINE, {1: "dim", 2: "background"})
    assert kinds(project.checks()) == {"class_once"}
    project.set_split("case-0001", "validation")
    project.set_split(other.id, "train")
    assert "class_missing" in kinds(project.checks())
    assert project.blocking() == ["No case to learn from shows bright."]


def test_what_is_wrong_with_one(filled):
    ct, labels = blob_arrays(8)
    empty = filled.add_case(ct, labels * 0, AFFINE, VALUES, modality="MR")
    assert kinds(empty.problems) == {"empty_label"}
    assert "two_modalities" in kinds(filled.checks())
    filled.cases[0].image.unlink()
    with filled.cases[1].label.open("ab") as stream:
        stream.write(b"x")
    assert [kinds(case.problems) for case in filled.cases[:3]] == [
        {"file_missing"}, {"file_changed"}, set(),
    ]  # fmt: skip
    assert len(filled.blocking()) == 2


def test_a_changed_byte_is_found(filled):
    path = filled.cases[1].image
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    assert filled.cases[1].problems == ()
    assert filled.verify() == ["case-0002"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("classes", ["dim", "dim"]), ("classes", ["nobody"]), ("labels", {}), ("next", 1),
        ("cases", {}), ("cases", [{"id": "x"}]), ("labels", {"1": "dim", "300": "bright"}),
    ],
)  # fmt: skip
def test_a_damaged_manifest_is_a_plain_error(filled, name, value):
    path = filled.folder / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, name: value}), encoding="utf-8")
    with pytest.raises(BadInputError, match="is damaged"):
        Project.open(filled.folder)


@pytest.mark.parametrize("name", ["../../etc", "case-1", "case-0001/..", "CASE-0001"])
def test_a_case_cannot_lie_elsewhere(filled, name):
    path = filled.folder / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace("case-0001", name), encoding="utf-8")
    with pytest.raises(BadInputError, match="is damaged"):
        Project.open(filled.folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no training project"), (b"{", "damaged"), (b"\xff\xfe", "damaged"),
        (b"{}", "something else"), (b"[]", "something else"),
        (b'{"format": "mambamim-project", "version": 2}', "version 2"),
    ],
)  # fmt: skip
def test_a_foreign_folder_is_a_plain_error(tmp_path, content, said):
    if content is not None:
        (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(BadInputError, match=said):
        Project.open(tmp_path)


def test_it_is_not_begun_twice(project):
    with pytest.raises(BadInputError, match="holds a project already"):
        Project.create(project.folder)


@pytest.mark.parametrize("names", [["a", "a"], [""], ["7"], ["background"], ["x" * 300]])
def test_names_that_no_class_can_have(tmp_path, names):
    with pytest.raises(BadInputError, match="class"):
        Project.create(tmp_path / "new", names)
    assert not (tmp_path / "new").exists()


def test_there_is_an_end_to_classes(project):
    with pytest.raises(BadInputError, match="room for 254"):
        project.set_classes([f"c{n}" for n in range(255)])
    assert project.classes == ["dim", "bright"]


def test_it_needs_neither_torch_nor_what_reads_scans():
    blocked = ["torch", "monai", "nibabel", "SimpleITK", "scipy", "safetensors", "filelock"]
    code = f"import sys; sys.modules.update(dict.fromkeys({blocked})); import mambamim.project"
    subprocess.run([sys.executable, "-c", code], check=True)
