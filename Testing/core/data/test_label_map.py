"""Label maps lie on the scan's grid to the bit, say what they hold, are written whole or not."""

import errno
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from mambamim import files
from mambamim.data import label_map
from mambamim.data.volume import Volume, read_volume, write_label_map
from mambamim.errors import BadInputError

LABELS = {1: "liver", 2: "kidney_left", 3: "a new organ"}
GEOMETRY = ("pixdim", "qform_code", "sform_code", "srow_x", "srow_y", "srow_z", "xyzt_units")
QUATERNION = ("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z")


def turned_affine() -> np.ndarray:
    angle = np.radians(33)
    turn = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    affine = np.eye(4)
    affine[:3, :3] = (turn @ np.diag((0.7, -1.1, 3.0)))[:, [2, 0, 1]]
    affine[:3, 3] = (11.1, -222.2, 3333.3)
    return affine


def labels_of(shape: tuple[int, ...]) -> np.ndarray:
    labels = np.zeros(shape, np.uint8)
    labels[1:4, 2:5, 1:3] = 1
    labels[0, 0, 0] = 2
    return labels


def nifti_scan(folder: Path, **codes: int) -> Volume:
    image = nib.Nifti1Image(np.zeros((6, 7, 8, 1), np.int16), turned_affine())
    image.header.set_sform(turned_affine(), codes.get("sform", 2))
    image.header.set_qform(turned_affine(), codes.get("qform", 1))
    for field in ("descrip", "aux_file", "db_name", "intent_name"):
        image.header[field] = b"Jane Doe"
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"Jane Doe"))
    nib.save(image, folder / "ct.nii.gz")
    return read_volume(folder / "ct.nii.gz")


@pytest.mark.parametrize("codes", [{}, {"sform": 0}, {"qform": 0}, {"sform": 0, "qform": 0}])
def test_nifti_keeps_the_grid_to_the_bit(tmp_path: Path, codes: dict[str, int]) -> None:
    scan = nifti_scan(tmp_path, **codes)
    labels = labels_of(scan.array.shape)
    write_label_map(tmp_path / "out.nii.gz", labels, scan, LABELS)
    before, after = nib.load(tmp_path / "ct.nii.gz"), nib.load(tmp_path / "out.nii.gz")
    assert after.shape == before.shape == (6, 7, 8, 1)
    assert after.get_data_dtype() == np.uint8
    assert after.affine.tobytes() == before.affine.tobytes()
    for field in (*GEOMETRY, *QUATERNION):
        assert after.header[field].tobytes() == before.header[field].tobytes(), field
    assert np.array_equal(np.asarray(after.dataobj)[..., 0], labels)
    again = read_volume(tmp_path / "out.nii.gz")
    assert again.array.dtype == np.uint8
    assert np.array_equal(again.array, labels)


def test_no_patient_is_named(tmp_path: Path) -> None:
    scan = nifti_scan(tmp_path)
    write_label_map(tmp_path / "out.nii", labels_of(scan.array.shape), scan, LABELS)
    assert b"Jane" not in (tmp_path / "out.nii").read_bytes()


@pytest.mark.parametrize("name", ["out.nrrd", "out.mha", "out.seg.nrrd", "out.nii.gz"])
@pytest.mark.parametrize("source", ["nii.gz", "nrrd"])
def test_every_format_lies_on_the_grid(tmp_path: Path, name: str, source: str) -> None:
    scan = nifti_scan(tmp_path)
    if source == "nrrd":
        image = sitk.GetImageFromArray(np.zeros((8, 7, 6), np.int16))
        image.SetSpacing((0.7, 1 / 3, 3.1))
        image.SetOrigin((1 / 7, -222.2, 3e3))
        angle = np.radians(10)
        image.SetDirection(
            (np.cos(angle), -np.sin(angle), 0, np.sin(angle), np.cos(angle), 0, 0, 0, -1)
        )
        sitk.WriteImage(image, str(tmp_path / "ct.nrrd"))
        scan = read_volume(tmp_path / "ct.nrrd")
    labels = labels_of(scan.array.shape)
    write_label_map(tmp_path / name, labels, scan, LABELS)
    again = read_volume(tmp_path / name)
    assert np.array_equal(again.array, labels)
    tolerance = 1e-4 if name.endswith("nii.gz") and source == "nrrd" else 1e-9
    assert np.allclose(again.affine, scan.affine, rtol=0, atol=tolerance)


def test_nrrd_and_mha_keep_an_itk_grid_exactly(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.zeros((8, 7, 6), np.int16))
    image.SetSpacing((0.7, 1 / 3, 3.1))
    image.SetOrigin((1 / 7, -222.2, 3e3))
    sitk.WriteImage(image, str(tmp_path / "ct.nrrd"))
    scan = read_volume(tmp_path / "ct.nrrd")
    labels = labels_of(scan.array.shape)
    for name in ("out.nrrd", "out.mha"):
        write_label_map(tmp_path / name, labels, scan, LABELS)
        written = sitk.ReadImage(str(tmp_path / name))
        assert written.GetOrigin() == image.GetOrigin()
        assert written.GetSpacing() == image.GetSpacing()
        assert written.GetDirection() == image.GetDirection()


@pytest.mark.parametrize("name", ["out.nii.gz", "out.nrrd", "out.mha", "out.seg.nrrd"])
def test_more_than_255_labels_take_two_bytes(tmp_path: Path, name: str) -> None:
    scan = nifti_scan(tmp_path)
    labels = labels_of(scan.array.shape).astype(np.int64)
    labels[5, 6, 7] = 40000
    write_label_map(tmp_path / name, labels, scan, LABELS)
    again = read_volume(tmp_path / name)
    assert again.array.dtype == np.uint16
    assert np.array_equal(again.array, labels)


def test_names_and_colours_lie_beside(tmp_path: Path) -> None:
    scan = nifti_scan(tmp_path)
    labels = labels_of(scan.array.shape)
    labels[5, 5, 5] = 9
    write_label_map(tmp_path / "new" / "case.1.nii.gz", labels, scan, LABELS)
    names = json.loads((tmp_path / "new" / "case.1.labels.json").read_text())
    assert names["1"]["type"] == {"scheme": "SCT", "code": "10200004", "meaning": "Liver"}
    assert names["2"]["title"] == "Left kidney"
    assert names["9"]["name"] == "label_9"
    rows = [
        line.split()
        for line in (tmp_path / "new" / "case.1.ctbl").read_text().splitlines()
        if not line.startswith("#")
    ]
    assert rows[0] == ["0", "background", "0", "0", "0", "0"]
    assert rows[1] == ["1", "liver", *map(str, names["1"]["colour"]), "255"]
    assert all(len(row) == 6 for row in rows)
    assert len(list((tmp_path / "new").iterdir())) == 3


def test_segmentation_of_slicer(tmp_path: Path) -> None:
    scan = nifti_scan(tmp_path)
    write_label_map(tmp_path / "out.seg.nrrd", labels_of(scan.array.shape), scan, LABELS)
    assert not list(tmp_path.glob("*.ctbl"))
    image = sitk.ReadImage(str(tmp_path / "out.seg.nrrd"))
    field = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    assert field["Segmentation_SourceRepresentation"] == "Binary labelmap"
    assert field["Segment0_ID"] == "liver"
    assert field["Segment1_Name"] == "Left kidney"
    assert field["Segment1_LabelValue"] == "2"
    assert field["Segment0_Layer"] == "0"
    assert field["Segment0_Extent"] == "1 3 2 4 1 2"
    assert field["Segment2_Extent"] == "0 -1 0 -1 0 -1"
    assert field["Segment0_Tags"] == (
        "TerminologyEntry:Segmentation category and type - 3D Slicer General Anatomy list"
        "~SCT^123037004^Anatomical Structure~SCT^10200004^Liver~^^"
        "~Anatomic codes - DICOM master list~^^~^^|"
    )
    assert "~SCT^64033007^Kidney~SCT^7771000^Left~" in field["Segment1_Tags"]
    assert all(0 <= float(part) <= 1 for part in field["Segment0_Color"].split())


def test_equal_labels_give_equal_bytes(tmp_path: Path) -> None:
    scan = nifti_scan(tmp_path)
    for name in ("a.nii.gz", "b.nii.gz"):
        write_label_map(tmp_path / name, labels_of(scan.array.shape), scan, LABELS)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"path": "out.png"}, "name for a label map"),
        ({"path": ".nii.gz"}, "name for a label map"),
        ({"labels": np.zeros((6, 7, 9), np.uint8)}, "voxels"),
        ({"labels": np.zeros((6, 7, 8), np.float32)}, "whole numbers"),
        ({"labels": np.full((6, 7, 8), -1)}, "run from -1"),
        ({"labels": np.full((6, 7, 8), 70000)}, "to 70000"),
        ({"path": "ct.nii.gz/out.nii.gz"}, "cannot be written"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    scan = nifti_scan(tmp_path)
    labels = change.get("labels", labels_of(scan.array.shape))
    with pytest.raises(BadInputError, match=words):
        write_label_map(tmp_path / change.get("path", "out.nii.gz"), labels, scan, LABELS)
    assert [path.name for path in tmp_path.iterdir()] == ["ct.nii.gz"]


class FullDisk:
    """A stream that has room for so many bytes."""

    def __init__(self, stream: Any, room: int) -> None:
        self.stream, self.room = stream, room

    def write(self, data: bytes) -> int:
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return int(self.stream.write(data))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@pytest.mark.parametrize("name", ["out.nii.gz", "out.nii", "out.nrrd", "out.mha", "out.seg.nrrd"])
def test_a_full_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    scan = nifti_scan(tmp_path)
    real = label_map._image_writer
    monkeypatch.setattr(
        label_map,
        "_image_writer",
        lambda *given: lambda stream: real(*given)(FullDisk(stream, 40)),
    )
    with pytest.raises(BadInputError, match=r"No space left.*Free some space"):
        write_label_map(tmp_path / "new" / "er" / name, labels_of(scan.array.shape), scan, LABELS)
    assert [path.name for path in tmp_path.iterdir()] == ["ct.nii.gz"]


def test_a_failing_sidecar_leaves_nothing_and_keeps_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = nifti_scan(tmp_path)
    (tmp_path / "out.nii.gz").write_text("the old one")
    real = label_map._text_writer
    monkeypatch.setattr(
        label_map, "_text_writer", lambda text: lambda stream: real(text)(FullDisk(stream, 9))
    )
    with pytest.raises(BadInputError, match="No space left"):
        write_label_map(tmp_path / "out.nii.gz", labels_of(scan.array.shape), scan, LABELS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ct.nii.gz", "out.nii.gz"]
    assert (tmp_path / "out.nii.gz").read_text() == "the old one"


def test_a_disk_that_cannot_sync_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = nifti_scan(tmp_path)

    def fail(_: int) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(files.os, "fsync", fail)
    with pytest.raises(BadInputError, match="Read-only"):
        write_label_map(tmp_path / "out.nii.gz", labels_of(scan.array.shape), scan, LABELS)
    assert [path.name for path in tmp_path.iterdir()] == ["ct.nii.gz"]
