import numpy as np
import pytest
from scan_files import labelled, save

from mambamim.errors import BadInputError
from mambamim.evaluation.cases import bare_name, labelled_scans, paired_files


def touch(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def test_files_are_paired_by_name_whatever_their_suffix(tmp_path):
    found = touch(tmp_path / "found", "a.nii.gz", "b.seg.nrrd", "x.nii", "a.labels.json", "a.ctbl")
    truth = touch(tmp_path / "truth", "a.mha", "b.nii.gz", "c.nii", "d.nii")
    images = touch(tmp_path / "images", "a_0000.nii.gz", "b.nrrd")
    second = touch(tmp_path / "second", "a.nii", "b.nii")
    got = paired_files(found, truth, images, second)
    told = [(c.name, c.truth.name, c.found.name, c.image.name, c.other.name) for c in got.cases]
    assert told == [
        ("a", "a.mha", "a.nii.gz", "a_0000.nii.gz", "a.nii"),
        ("b", "b.nii.gz", "b.seg.nrrd", "b.nrrd", "b.nii"),
    ]
    assert got.notes == (
        "2 manual labels have no prediction and are left out.",
        "1 predictions have no manual label and are left out.",
    )


def test_two_files_are_a_pair(tmp_path):
    folder = touch(tmp_path / "x", "mine.nii", "truth.nii")
    [case] = paired_files(folder / "mine.nii", folder / "truth.nii").cases
    assert (case.name, case.found.name) == ("truth", "mine.nii")


def test_what_cannot_be_paired_is_refused(tmp_path):
    one, other = touch(tmp_path / "one", "a.nii"), touch(tmp_path / "other", "b.nii")
    with pytest.raises(BadInputError, match="No file in one"):
        paired_files(one, other)
    with pytest.raises(BadInputError, match="no file or folder none"):
        paired_files(one, tmp_path / "none")
    with pytest.raises(BadInputError, match="holds no scan"):
        paired_files(one, touch(tmp_path / "empty"))
    with pytest.raises(BadInputError, match="lacks 1 of 1 cases, the first one a"):
        paired_files(one, one, compare=other)
    with pytest.raises(BadInputError, match=r"a.mha and a.nii"):
        paired_files(touch(tmp_path / "twice", "a.mha", "a.nii"), one)


def test_labelled_scans_have_names_of_their_own(tmp_path):
    for part in ("one", "two"):
        source = labelled(tmp_path / part)
        for kind, path in (("images", source.image), ("labels", source.label)):
            (tmp_path / part / kind).mkdir()
            path.rename(tmp_path / part / kind / "ct.nii.gz")
    save(tmp_path / "two" / "images" / "other.nii.gz", np.zeros((4, 4, 4), np.int16))
    got = labelled_scans([tmp_path / "one", tmp_path / "two"])
    assert [case.name for case in got.cases] == ["ct", "images_ct"]
    assert got.notes == ("1 scans have no manual label and are left out.",)
    with pytest.raises(BadInputError, match="None of the scans"):
        labelled_scans([tmp_path / "two" / "images" / "other.nii.gz"])


def test_names_without_suffixes(tmp_path):
    names = ["a.nii.gz", "a.seg.nrrd", "a.b.mha", ".seg.nrrd"]
    assert [bare_name(tmp_path / n) for n in names[:3]] == ["a", "a", "a.b"]
