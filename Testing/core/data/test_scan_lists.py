"""Every way to name scans for training, and what is said where it makes no sense."""

import json
import os
from pathlib import Path

import pytest

from mambamim.data.scan_lists import find_scans
from mambamim.data.scan_source import ScanSource
from mambamim.errors import BadInputError


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def dicom_folder(folder: Path) -> Path:
    touch(folder / "0.dcm")
    touch(folder / "1.dcm")
    return folder


def listing(folder: Path, **content: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset.json").write_text(json.dumps(content))
    return folder / "dataset.json"


def test_files_and_folders_stand_for_their_scans(tmp_path):
    one, two = touch(tmp_path / "in" / "b.nii.gz"), touch(tmp_path / "in" / "a.nrrd")
    series = dicom_folder(tmp_path / "in" / "series")
    touch(tmp_path / "in" / "._b.nii.gz")
    touch(tmp_path / "in" / "notes.txt")
    found = [ScanSource(two), ScanSource(one), ScanSource(series)]
    assert find_scans([tmp_path / "in"]) == found
    assert find_scans([str(one), series]) == [ScanSource(one), ScanSource(series)]
    assert [s.modality for s in find_scans([one], modality="MR")] == ["MR"]


def test_a_scan_named_twice_is_taken_once_with_its_labels(tmp_path):
    image = touch(tmp_path / "set" / "images" / "a.nii.gz")
    other = touch(tmp_path / "set" / "images" / "b.nii.gz")
    label = touch(tmp_path / "set" / "labels" / "a.nii.gz")
    roundabout = tmp_path / "set" / "labels" / ".." / "images" / "a.nii.gz"
    paired = [ScanSource(image, label), ScanSource(other)]
    assert find_scans([tmp_path / "set"]) == paired
    assert find_scans([image, tmp_path / "set", roundabout]) == paired


def test_a_decathlon_list_gives_labels_and_modality(tmp_path):
    files = ("imagesTr/a.nii.gz", "labelsTr/a.nii.gz", "imagesTr/b.nii.gz", "imagesTs/c.nii.gz")
    a, a_label, b, c = (touch(tmp_path / name) for name in files)
    place = listing(
        tmp_path,
        modality={"0": "MRI"},
        training=[
            {"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"},
            {"image": "./imagesTr/._a.nii.gz", "label": "./labelsTr/._a.nii.gz"},
            "./imagesTr/b.nii.gz",
        ],
        test=["./imagesTs/c.nii.gz"],
    )
    for named in (place, tmp_path):
        found = find_scans([named], modality="CT")  # the list knows better
        assert found == [ScanSource(a, a_label, "MR"), ScanSource(b, None, "MR"),
                         ScanSource(c, None, "MR")]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "modality"),
    [("CT", "CT"), ("ct contrast", "CT"), ("MRI", "MR"), ("T1w", "MR"), ("FLAIR", "MR"),
     ("mr", "MR"), ("noNorm", None), ("", None)],
)  # fmt: skip
def test_what_lists_call_modalities(tmp_path, text, modality):
    touch(tmp_path / "a.nii.gz")
    listing(tmp_path, modality={"0": text}, training=["a.nii.gz"])
    assert find_scans([tmp_path])[0].modality == modality


def test_every_channel_of_an_nnunet_folder_is_a_scan(tmp_path):
    names = ("a_0000", "a_0001", "b_0000", "b_0001")
    images = [touch(tmp_path / "imagesTr" / f"{name}.nii.gz") for name in names]
    label = touch(tmp_path / "labelsTr" / "a.nii.gz")
    touch(tmp_path / "imagesTr" / "._a_0000.nii.gz")
    listing(tmp_path, channel_names={"0": "CT", "1": "T2"}, numTraining=2)
    assert find_scans([tmp_path]) == [
        ScanSource(images[0], label, "CT"),
        ScanSource(images[1], label, "MR"),
        ScanSource(images[2], None, "CT"),
        ScanSource(images[3], None, "MR"),
    ]
    (tmp_path / "dataset.json").unlink()
    assert [s.modality for s in find_scans([tmp_path], "MR")] == ["MR"] * 4


def test_what_makes_no_sense_is_told(tmp_path):
    (tmp_path / "empty").mkdir()
    bad = tmp_path / "bad" / "dataset.json"
    touch(bad)
    missing = listing(tmp_path / "missing", training=["a.nii.gz", "b.nii.gz"])
    for place, message in (
        (tmp_path / "absent", "There is no file or folder absent"),
        (tmp_path / "empty", "The folder empty holds no scan"),
        (touch(tmp_path / "notes.txt"), r"notes\.txt is of an unknown kind"),
        (bad, r"dataset\.json in bad is damaged: it is not JSON"),
        (bad.parent, r"dataset\.json in bad is damaged"),
        (missing, r"in missing lists 2 files that are not there, the first one a\.nii\.gz"),
        (listing(tmp_path / "text", training="a.nii.gz"), "in text is no list of scans"),
        (listing(tmp_path / "number", training=[1]), "in number is no list of scans"),
        (listing(tmp_path / "none", training=[]), "in none lists no scans"),
    ):
        with pytest.raises(BadInputError, match=message) as caught:
            find_scans([place])
        assert caught.value.hint
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(BadInputError, match="is no list of scans"):
        find_scans([tmp_path / "list.json"])
    with pytest.raises(BadInputError, match="No scan was named"):
        find_scans([])
    with pytest.raises(BadInputError, match="There is no modality PET"):
        find_scans([tmp_path], modality="PET")


def test_a_key_changes_with_the_files_and_tells_nothing(tmp_path):
    image, label = touch(tmp_path / "Doe^Jane.nii.gz"), touch(tmp_path / "label.nii.gz")
    key = ScanSource(image).key
    assert len(key) == 16
    assert int(key, 16) >= 0
    assert ScanSource(image).key == key
    assert ScanSource(image, modality="CT").key == key
    assert ScanSource(image, label).key != key
    os.utime(image, ns=(0, 1))
    assert ScanSource(image).key != key
    series = dicom_folder(tmp_path / "series")
    before = ScanSource(series).key
    os.utime(series / "1.dcm", ns=(0, 1))
    assert ScanSource(series).key != before
    image.unlink()
    with pytest.raises(BadInputError, match="cannot be read"):
        _ = ScanSource(image).key


def test_sub_folders_with_volumes_are_told_of(tmp_path, caplog):
    for place in ("scans/a.nii.gz", "scans/patient/b.nii.gz", "scans/notes/c.txt"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    assert [scan.image.name for scan in find_scans([tmp_path / "scans"])] == ["a.nii.gz"]
    assert "1 sub-folders of scans hold volumes and are left out" in caplog.text


def four(folder: Path) -> tuple[list[Path], Path]:
    images = [touch(folder / "imagesTr" / f"a_{number:04}.nii.gz") for number in range(4)]
    return images, touch(folder / "labelsTr" / "a.nii.gz")


@pytest.mark.parametrize("how", ["decathlon", "nnunet list", "nnunet folder"])
def test_channels_of_a_case_are_one_scan_where_they_are_joined(tmp_path, how):
    images, label = four(tmp_path)
    names = {"0": "T1w", "1": "t1gd", "2": "T2w", "3": "FLAIR"}
    paths = [f"imagesTr/{image.name}" for image in images]
    content = {
        "decathlon": {"modality": names,
                      "training": [{"image": paths, "label": "labelsTr/a.nii.gz"}]},
        "nnunet list": {"channel_names": names,
                        "dataset": {"a": {"images": paths, "label": "labelsTr/a.nii.gz"}}},
        "nnunet folder": {"channel_names": names},
    }  # fmt: skip
    listing(tmp_path, **content[how])
    wanted = ScanSource(images[0], label, "MR", tuple(images[1:]), tuple(names.values()), True)
    assert find_scans([tmp_path], joined=True) == [wanted]
    assert find_scans([tmp_path]) == [ScanSource(image, label, "MR") for image in images]


def test_channels_that_do_not_fit_are_told_of(tmp_path):
    images, _ = four(tmp_path / "gap")
    images[1].unlink()
    four(tmp_path / "few")
    listing(tmp_path / "few", channel_names={"0": "T1", "1": "T2"})
    four(tmp_path / "mixed")
    listing(tmp_path / "mixed", channel_names={"0": "CT", "1": "PET", "2": "T1", "3": "T2"})
    for place, message in (
        ("gap", "channels of a are numbered 0000, 0002, 0003"),
        ("few", r"a_0000\.nii\.gz is of a case with 4 of 2 channels"),
        ("mixed", "CT, PET, T1, T2 are not all CT and not all MR"),
    ):
        with pytest.raises(BadInputError, match=message):
            find_scans([tmp_path / place], joined=True)
    missing = listing(tmp_path / "none", training=[{"image": ["x.nii", "y.nii"]}])
    with pytest.raises(BadInputError, match="lists 2 files that are not there"):
        find_scans([missing], joined=True)
    for bad in ([], [1], "images"):
        listing(tmp_path / "bad", dataset={"a": {"images": bad} if bad != "images" else []})
        with pytest.raises(BadInputError, match="no list of scans"):
            find_scans([tmp_path / "bad"])
