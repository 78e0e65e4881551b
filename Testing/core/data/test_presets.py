"""Every data set in miniature, as it is published: 8x8x8 voxels a file."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mambamim.catalogue.terminology import TERMS
from mambamim.data.nifti import read_nifti
from mambamim.data.presets import PARTS, PRESETS, PresetCase
from mambamim.errors import BadInputError
from mambamim.finetuning.label_scheme import scheme_of


def volume(path: Path, values: tuple[int, ...] = (0, 1)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.resize(np.array(values, np.int16), (8, 8, 8))
    nib.save(nib.Nifti1Image(array, np.eye(4)), path)


def btcv(root: Path) -> None:
    for number in (*range(1, 5), 21, 22):
        volume(root / f"RawData/Training/img/img{number:04}.nii.gz")
        volume(root / f"RawData/Training/label/label{number:04}.nii.gz", tuple(range(14)))
    volume(root / "RawData/Testing/img/img0061.nii.gz")


def decathlon(folder: str, file: str, highest: int) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        for number in (1, 2, 4, 10, 11, 12):
            volume(root / folder / f"imagesTr/{file}_{number:03}.nii.gz")
            volume(root / folder / f"labelsTr/{file}_{number:03}.nii.gz", tuple(range(highest + 1)))
            (root / folder / f"imagesTr/._{file}_{number:03}.nii.gz").write_bytes(b"mac")
        volume(root / folder / f"imagesTs/{file}_003.nii.gz")

    return write


def amos(root: Path) -> None:
    for part, numbers in {"Tr": (1, 4, 410, 507), "Va": (8, 13, 529)}.items():
        for number in numbers:
            volume(root / f"amos22/images{part}/amos_{number:04}.nii.gz")
            volume(root / f"amos22/labels{part}/amos_{number:04}.nii.gz", tuple(range(16)))
    volume(root / "amos22/imagesTs/amos_0003.nii.gz")


def ct_org(root: Path) -> None:
    for number in (0, 1, 2, 10, 100):
        volume(root / f"OrganSegmentations/volume-{number}.nii.gz")
        volume(root / f"OrganSegmentations/labels-{number}.nii.gz", tuple(range(7)))
    (root / "OrganSegmentations/README.txt").write_text("read me")


def kits(root: Path) -> None:
    for number in (0, 1, 2, 400, 588):
        volume(root / f"dataset/case_{number:05}/imaging.nii.gz")
        volume(root / f"dataset/case_{number:05}/segmentation.nii.gz", (0, 1, 2, 3))
    (root / "dataset/kits23.json").write_text("[]")


def brats(root: Path) -> None:
    for number in (0, 2, 3, 5, 1666):
        name = f"BraTS2021_{number:05}"
        for channel in ("flair", "t1", "t1ce", "t2"):
            volume(root / name / f"{name}_{channel}.nii.gz")
        volume(root / name / f"{name}_seg.nii.gz", (0, 1, 2, 4))


WRITERS: dict[str, Callable[[Path], None]] = {
    "btcv": btcv,
    "msd_pancreas": decathlon("Task07_Pancreas", "pancreas", 2),
    "msd_hepatic_vessel": decathlon("Task08_HepaticVessel", "hepaticvessel", 2),
    "msd_spleen": decathlon("Task09_Spleen", "spleen", 1),
    "amos_ct": amos,
    "ct_org": ct_org,
    "kits23": kits,
    "brats21": brats,
}
NAMES = list(WRITERS)


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, list[PresetCase]]:
    cases = {}
    for name, write in WRITERS.items():
        root = tmp_path_factory.mktemp(name)
        write(root)
        cases[name] = PRESETS[name].find_cases(root)
    return cases


def test_all_presets_are_tried():
    assert list(PRESETS) == NAMES
    assert all(PRESETS[name].name == name for name in NAMES)


@pytest.mark.parametrize(
    ("name", "cases"),
    [
        ("btcv", ["img0001", "img0002", "img0003", "img0004", "img0021", "img0022"]),
        ("msd_spleen", [f"spleen_{n:03}" for n in (1, 2, 4, 10, 11, 12)]),
        ("amos_ct", ["amos_0001", "amos_0004", "amos_0008", "amos_0013", "amos_0410"]),
        ("ct_org", [f"volume-{n}" for n in (0, 1, 2, 10, 100)]),
        ("kits23", [f"case_{n:05}" for n in (0, 1, 2, 400, 588)]),
        ("brats21", [f"BraTS2021_{n:05}" for n in (0, 2, 3, 5, 1666)]),
    ],
)
def test_labelled_cases_are_found_in_natural_order(found, name, cases):
    assert [case.name for case in found[name]] == cases


@pytest.mark.parametrize("name", NAMES)
def test_files_are_there_one_image_a_channel(found, name):
    preset = PRESETS[name]
    for case in found[name]:
        assert len(case.images) == len(preset.channels)
        assert all(path.is_file() for path in (*case.images, case.label))
        assert case.label not in case.images
    label, _ = read_nifti(found[name][0].label)
    assert set(np.unique(preset.to_classes(label))) == {0, *preset.classes}


def test_the_channels_of_brats_are_in_order(found):
    names = [path.name for path in found["brats21"][0].images]
    assert names == [f"BraTS2021_00000_{c}.nii.gz" for c in ("t1", "t1ce", "t2", "flair")]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_may_be_given_from_inside(found, name, tmp_path):
    WRITERS[name](tmp_path)
    inside = found[name][0].label.parent
    if name in ("kits23", "brats21") or inside.name.startswith("label"):
        inside = inside.parent
    assert PRESETS[name].find_cases(str(inside)) == found[name]


@pytest.mark.parametrize("name", NAMES)
def test_splits_are_whole_disjoint_and_the_same_again(found, name):
    preset, cases = PRESETS[name], found[name]
    for fold in range(max(preset.split_rule.folds, 1)):
        parts = preset.split(cases, fold)
        assert list(parts) == list(PARTS)
        assert sorted(c.name for part in parts.values() for c in part) == sorted(
            c.name for c in cases
        )
        assert parts["train"]
        assert parts["validation"]
        turned = preset.split(cases[::-1], fold)
        assert {k: set(v) for k, v in turned.items()} == {k: set(v) for k, v in parts.items()}
    assert preset.split_rule.source


def test_amos_keeps_its_folders(found, tmp_path):
    parts = PRESETS["amos_ct"].split(found["amos_ct"])
    assert [c.name for c in parts["train"]] == ["amos_0001", "amos_0004", "amos_0410"]
    assert [c.name for c in parts["validation"]] == ["amos_0008", "amos_0013"]
    amos(tmp_path)
    volume(tmp_path / "amos22/labelsTs/amos_0003.nii.gz")
    again = PRESETS["amos_ct"].find_cases(tmp_path)
    assert [c.name for c in PRESETS["amos_ct"].split(again)["test"]] == ["amos_0003"]


@pytest.mark.parametrize("name", NAMES)
def test_classes_fit_each_other(name):
    preset = PRESETS[name]
    assert list(preset.classes) == list(range(1, len(preset.classes) + 1))
    assert set(preset.label_map.values()) - {0} == set(preset.classes)
    assert all(set(members) <= set(preset.classes) for members in preset.regions.values())
    assert preset.regions or preset.exclusive
    assert (preset.window is None) is (preset.modality == "MR")
    scheme = scheme_of(preset.labels, preset.name)
    assert scheme.classes == tuple(preset.classes.values())
    known = {"hepatic_vessels", "bones", "prostate_or_uterus"}  # the terminology lacks them
    for label in preset.classes.values():
        assert label in TERMS or label in known or "tumour" in label or "cyst" in label


def test_sides_are_pairs_of_right_and_left():
    assert PRESETS["btcv"].sides == ((2, 3), (12, 13))
    assert PRESETS["amos_ct"].sides == ((2, 3), (11, 12))
    assert PRESETS["kits23"].sides == ()


def test_values_become_classes_and_regions():
    preset = PRESETS["brats21"]
    classes = preset.to_classes(np.array([[[0.0, 1.0, 2.0, 4.0]]]))
    assert classes.dtype == np.uint8
    assert classes.tolist() == [[[0, 1, 2, 3]]]
    whole, core, enhancing = preset.to_regions(classes)
    assert whole.tolist() == [[[False, True, True, True]]]
    assert core.tolist() == [[[False, True, False, True]]]
    assert enhancing.tolist() == [[[False, False, False, True]]]
    assert PRESETS["ct_org"].to_classes(np.array([5, 6])).tolist() == [5, 0]
    masses = PRESETS["kits23"].to_regions(np.array([0, 1, 2, 3])).tolist()
    assert masses == [[False, True, True, True], [False, False, True, True],
                      [False, False, True, False]]  # fmt: skip


def test_values_that_are_not_the_data_sets_are_told_of():
    with pytest.raises(BadInputError, match=r"BraTS 2021 holds the value 3.*0, 1, 2, 4"):
        PRESETS["brats21"].to_classes(np.array([0, 3]))
    with pytest.raises(BadInputError, match="BTCV has no overlapping regions"):
        PRESETS["btcv"].to_regions(np.array([0, 1]))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("btcv", r"img/ and label/ with images named img\.\.\.\.nii\.gz"),
        ("msd_pancreas", r"imagesTr/ and labelsTr/ with images named pancreas_"),
        ("amos_ct", r"imagesVa/ and labelsVa/ with images named amos_"),
        ("ct_org", r"named volume-"),
        ("kits23", r"folders case_\.\.\. with imaging\.nii\.gz, segmentation\.nii\.gz"),
        ("brats21", r"folders BraTS2021_\.\.\. with .*_t1ce\.nii\.gz"),
    ],
)
def test_another_folder_is_told_from_the_data_set(name, expected, tmp_path):
    other = tmp_path / "holidays"
    decathlon(".", "heart", 1)(other)
    with pytest.raises(BadInputError, match=f"holidays is not {PRESETS[name].title[:4]}"):
        PRESETS[name].find_cases(other)
    with pytest.raises(BadInputError, match=expected):
        PRESETS[name].find_cases(other)
    with pytest.raises(BadInputError, match="There is no folder nowhere"):
        PRESETS[name].find_cases(tmp_path / "nowhere")


def test_what_is_missing_is_told_of(tmp_path):
    btcv(tmp_path)
    (tmp_path / "RawData/Training/label/label0003.nii.gz").unlink()
    with pytest.raises(BadInputError, match=r"BTCV: 1 files have no label.*img0003"):
        PRESETS["btcv"].find_cases(tmp_path)
    (tmp_path / "RawData/Training/img/img0003.nii.gz").unlink()
    (tmp_path / "RawData/Training/img/img0004.nii.gz").unlink()
    with pytest.raises(BadInputError, match=r"have no image.*label0004"):
        PRESETS["btcv"].find_cases(tmp_path)
    brats(tmp_path / "b")
    (tmp_path / "b/BraTS2021_00003/BraTS2021_00003_t2.nii.gz").unlink()
    with pytest.raises(BadInputError, match=r"1 cases are not whole.*00003 \(.*_t2\.nii\.gz\)"):
        PRESETS["brats21"].find_cases(tmp_path / "b")


def test_a_part_of_a_data_set_is_taken_with_a_warning(tmp_path, caplog):
    kits(tmp_path)
    assert len(PRESETS["kits23"].find_cases(tmp_path)) == 5
    assert "489 labelled cases, here are 5" in caplog.text
