"""A public data set is learnt with its own classes and split."""

import nibabel as nib
import numpy as np
import pytest

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


def test_several_channels_are_refused_before_anything_is_read(tmp_path):
    with pytest.raises(BadInputError, match="has 4 channels a case"):
        published_parts("brats21", tmp_path)


def test_the_command_learns_it(spleens, tmp_path, capsys):
    words = ["finetune", "--dataset", "msd_spleen", "--data", str(spleens)]
    said = "--network hymamba_small --preset quick --image-size 32 32 32 --spacing 2 2 2 --steps 1"
    words += f"{said} --warmup 0 --batch 1 --workers 0 --validate-every 1".split()
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "finetuned.safetensors").is_file()
    assert main([*words, "--out", str(tmp_path / "other"), "--folds", "2"]) == 2
    assert "has a split of its own" in capsys.readouterr().err
