"""The job "import_cases": folders and lists of labelled scans become cases of a project."""

import json

import nibabel as nib
import numpy as np
import pytest
from job_ear import Ear
from project_blobs import AFFINE, blob_arrays

from mambamim.errors import BadInputError, Cancelled
from mambamim.jobs import import_cases_job
from mambamim.project import Project


@pytest.fixture
def project(tmp_path):
    return Project.create(tmp_path / "project")


def write(folder, names, images="images", labels="labels", suffix=""):
    for number, name in enumerate(names):
        ct, organs = blob_arrays(number)
        for part, array, end in ((images, ct, suffix), (labels, organs, "")):
            (folder / part).mkdir(parents=True, exist_ok=True)
            nib.save(nib.Nifti1Image(array, AFFINE), folder / part / f"{name}{end}.nii.gz")
    return folder


def bring(project, data, ear=None, **more):
    asked = {"project": str(project.folder), "data": [str(data)], **more}
    return import_cases_job.run(asked, ear or Ear())


def test_a_folder_without_names_gets_numbers(project, tmp_path):
    ear = Ear()
    result = bring(project, write(tmp_path / "data", ["anna", "bert", "carl"]), ear)
    project.reload()
    assert result == {"added": ["case-0001", "case-0002", "case-0003"], "skipped": []}
    assert project.classes == ["label_1", "label_2"]
    ct, organs = blob_arrays(0)
    case = project.case("case-0001")
    assert np.array_equal(np.asarray(nib.load(case.image).dataobj), ct)
    assert case.labels["label_1"] == pytest.approx((organs == 1).sum() * 0.027)
    np.testing.assert_allclose(nib.load(case.image).affine, AFFINE)
    assert ear.fractions == sorted(ear.fractions)
    assert not any(name in " ".join(ear.messages) for name in ("anna", "bert", "carl"))


def test_an_nnunet_folder_brings_its_names(project, tmp_path):
    data = write(tmp_path / "data", ["x1", "x2"], "imagesTr", "labelsTr", "_0000")
    names = {"background": 0, "liver": 1, "spleen": 2}
    facts = {"channel_names": {"0": "CT"}, "labels": names, "numTraining": 2,
             "file_ending": ".nii.gz"}  # fmt: skip
    (data / "dataset.json").write_text(json.dumps(facts), encoding="utf-8")
    bring(project, data)
    project.reload()
    assert project.classes == ["liver", "spleen"]
    assert [set(case.labels) for case in project.cases] == [{"liver", "spleen"}] * 2


def test_names_may_be_given_apart(project, tmp_path):
    names = tmp_path / "names.json"
    names.write_text(json.dumps({"labels": {"1": "liver", "2": "background"}}), encoding="utf-8")
    bring(project, write(tmp_path / "data", ["x1"]), labels=str(names))
    project.reload()
    assert project.classes == ["liver"]
    assert set(project.cases[0].labels) == {"liver"}


def test_what_cannot_be_used_is_skipped_and_named(project, tmp_path):
    data = write(tmp_path / "data", ["good", "turned"])
    _, organs = blob_arrays(1)
    shifted = AFFINE + [[0, 0, 0, 9], [0] * 4, [0] * 4, [0] * 4]
    nib.save(nib.Nifti1Image(organs, shifted), data / "labels" / "turned.nii.gz")
    result = bring(project, data)
    assert result["added"] == ["case-0001"]
    assert "turned.nii.gz" in result["skipped"][0]
    assert "grid" in result["skipped"][0]


def test_a_scan_that_is_there_already_is_skipped(project, tmp_path):
    data = write(tmp_path / "data", ["one", "two"])
    bring(project, data)
    with pytest.raises(BadInputError, match="already"):
        bring(project, data)
    project.reload()
    assert len(project.cases) == 2


def test_scans_without_labels_are_refused(project, tmp_path):
    nib.save(nib.Nifti1Image(blob_arrays(0)[0], AFFINE), tmp_path / "scan.nii.gz")
    with pytest.raises(BadInputError, match="has a label map"):
        bring(project, tmp_path / "scan.nii.gz")


def test_what_was_added_before_a_stop_stays(project, tmp_path):
    data = write(tmp_path / "data", ["one", "two", "three"])
    with pytest.raises(Cancelled, match="1 cases were added"):
        bring(project, data, Ear(cancel_at="adding case 2 of 3"))
    project.reload()
    assert [case.id for case in project.cases] == ["case-0001"]
    assert project.verify() == []
