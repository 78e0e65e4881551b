"""A public data set is learnt with its own classes and split."""

import nibabel as nib
import numpy as np
import pytest

from mambamim.checkpoint_header import read_header
from mambamim.cli import main
from mambamim.data.presets import PRESETS
from mambamim.errors import BadInputError
from mambamim.finetuning.finetune import FinetuneData, split_sources
from mambamim.finetuning.published import published_parts, published_scheme


@pytest.fixture
def spleens(tmp_path):
    """Decathlon's spleen task in miniature, as it is published."""
    rng = np.random.default_rng(0)
    label = np.zeros((24, 24, 24), np.uint8)
    label[6:16, 6:16, 6:16] = 1
    for number in (1, 2, 4, 10, 11, 12, 13, 14, 15, 16):
        hu = (rng.normal(0, 20, label.shape) + 100 * label).astype(np.int16)
        for kind, values in (("imagesTr", hu), ("labelsTr", label)):
            place = tmp_path / "Task09_Spleen" / kind / f"spleen_{number:03}.nii.gz"
            place.parent.mkdir(parents=True, exist_ok=True)
            nib.save(nib.Nifti1Image(values, np.diag([2.0, 2.0, 2.0, 1.0])), place)
    return tmp_path


def test_its_parts_are_those_of_its_split_and_leave_the_test_out(spleens):
    preset = PRESETS["msd_spleen"]
    split = preset.split(preset.find_cases(spleens))
    learning, chosen_by = published_parts("msd_spleen", spleens)
    assert [source.image for source in learning] == [case.images[0] for case in split["train"]]
    assert [source.image for source in chosen_by] == [c.images[0] for c in split["validation"]]
    assert len(learning) == 8
    assert len(chosen_by) == 2  # the first of the paper's five folds
    assert {source.modality for source in learning} == {"CT"}
    scheme = published_scheme("msd_spleen")
    assert scheme.classes == ("spleen",)
    data = FinetuneData((), (), 0.2, "auto", spleens, scheme, parts=(learning, chosen_by))
    assert split_sources(data, seed=3) == (list(learning), list(chosen_by))


@pytest.fixture
def brains(tmp_path):
    """BraTS 2021 in miniature, as it is published."""
    rng = np.random.default_rng(0)
    label = np.zeros((20, 20, 20), np.uint8)
    for value, start in ((2, 3), (1, 6), (4, 8)):
        label[start:16, start:16, start:16] = value
    for number in range(5):
        folder = tmp_path / "TrainingData" / f"BraTS2021_{number:05}"
        folder.mkdir(parents=True)
        for kind in ("t1", "t1ce", "t2", "flair", "seg"):
            values = label if kind == "seg" else 100 * label + rng.normal(300, 9, label.shape)
            image = nib.Nifti1Image(values.astype(np.float32), np.eye(4))
            nib.save(image, folder / f"{folder.name}_{kind}.nii.gz")
    return tmp_path


def test_brats_is_learnt_as_regions_in_four_channels(brains, tmp_path, capsys):
    learning, chosen_by = published_parts("brats21", brains)
    assert (len(learning), len(chosen_by)) == (4, 1)
    assert learning[0].channels == ("t1", "t1ce", "t2", "flair")
    assert [path.name[:-7].split("_")[-1] for path in (learning[0].image, *learning[0].more)] == [
        "t1", "t1ce", "t2", "flair"]  # fmt: skip
    words = ["finetune", "--dataset", "brats21", "--data", str(brains)]
    said = "--network hymamba_small --image-size 16 16 16 --steps 1 --warmup 0 --batch 1"
    words += f"{said} --workers 0 --validate-every 1 --device cpu".split()
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    header = read_header(tmp_path / "run" / "finetuned.safetensors")
    assert header.modality == "MR"
    assert header.spacing_mm == (1.0, 1.0, 1.0), "the data set's own"
    assert header.channels == ("t1", "t1ce", "t2", "flair")
    assert [(r.name, r.values, r.painted) for r in header.regions] == [
        ("whole_tumour", (1, 2, 4), 2), ("tumour_core", (1, 4), 1), ("enhancing_tumour", (4,), 4),
    ]  # fmt: skip
    assert "dice.whole_tumour" in header.training["scores"]


def test_kits_is_learnt_as_classes_or_as_nnunets_regions():
    assert published_scheme("kits23").regions is None
    scheme = published_scheme("kits23", regions=True)
    assert [(r.name, r.values, r.painted) for r in scheme.regions.members] == [
        ("kidney_and_masses", (1, 2, 3), 1), ("kidney_masses", (2, 3), 3),
        ("kidney_tumour", (2,), 2),
    ]  # fmt: skip
    with pytest.raises(BadInputError, match="BTCV has no overlapping regions"):
        published_scheme("btcv", regions=True)


def test_the_command_learns_it(spleens, tmp_path, capsys):
    words = ["finetune", "--dataset", "msd_spleen", "--data", str(spleens)]
    said = "--network hymamba_small --preset quick --image-size 32 32 32 --spacing 2 2 2 --steps 1"
    words += f"{said} --warmup 0 --batch 1 --workers 0 --validate-every 1".split()
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "finetuned.safetensors").is_file()
    assert main([*words, "--out", str(tmp_path / "other"), "--folds", "2"]) == 2
    assert "has a split of its own" in capsys.readouterr().err


def test_regions_go_with_a_data_set(spleens, tmp_path, capsys):
    given = ["finetune", "--data", str(spleens), "--out", str(tmp_path / "run"), "--regions"]
    assert main(given) == 2
    assert "--regions goes with --dataset" in capsys.readouterr().err
