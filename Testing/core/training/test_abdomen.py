"""The abdominal training: a bank of tiny files, two steps on the CPU, a checkpoint that opens."""

import json

import nibabel as nib
import numpy as np
import pytest

from mambamim.catalogue.terminology import ABDOMEN_LABELS
from mambamim.checkpoints import load_checkpoint
from mambamim.data.synthetic.anatomy_bank import LABEL_MAPS
from mambamim.errors import BadInputError
from mambamim.training.abdomen import train
from mambamim.training.abdomen_bank import load_bank, prepare_bank
from mambamim.training.abdomen_task import AbdomenSettings
from mambamim.training.settings import LoopSettings

CASE = "ts_ct_abdomen"
SETTINGS = AbdomenSettings(size=16, real_share=0.5, hold_back=CASE)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Label maps in the shape of the public ones, and a scan with TotalSegmentator's values."""
    folder = tmp_path_factory.mktemp("data")
    labels = np.zeros((40, 36, 110), np.uint8)
    labels[22:38, 6:30, 10:90] = 5  # liver
    labels[2:16, 6:30, 10:90] = 1  # spleen
    labels[17:21, 4:12] = 29  # a vertebra
    for known in LABEL_MAPS.values():
        values, mm = labels.astype(np.int16), 1.5
        if "spl" in known.file:
            values = np.where(labels == 5, 3, np.where(labels == 1, 4, 0)).astype(np.int16)
        if CASE in known.file:
            values, mm = values[::2, ::2, ::2], 3.0
        path = folder / known.file
        path.parent.mkdir(exist_ok=True)
        nib.save(nib.Nifti1Image(values, np.diag([mm, mm, mm, 1])), path)
    hu = np.where(labels[::2, ::2, ::2] > 0, 80, -50).astype(np.int16)
    nib.save(nib.Nifti1Image(hu, np.diag([3.0, 3, 3, 1])), folder / CASE / "ct.nii.gz")
    return folder


@pytest.fixture(scope="module")
def bank(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bank")
    size = prepare_bank(data, folder, [("another", "CC0-1.0", data / CASE / "ct.nii.gz")])
    assert size == sum(file.stat().st_size for file in folder.iterdir())
    return folder


def loop(steps, **numbers):
    return LoopSettings(
        steps=steps, batch=2, learning_rate=1e-3, average=0.9, workers=0, save_every=1, **numbers
    )


def test_the_bank_holds_all_bodies_and_scans(bank):
    anatomies, cases = load_bank(bank)
    assert {body.name for body in anatomies} == set(LABEL_MAPS)
    assert [case.name for case in cases] == ["another", CASE]
    kinds = {case.name: case.source["kind"] for case in cases}
    assert kinds == {"another": "pseudo", CASE: "real"}
    assert set(np.unique(cases[0].labels)) == {255}
    assert cases[0].source["licence"] == "CC0-1.0"
    assert set(np.unique(cases[1].labels)) == {0, 1, 6, 20}


def test_two_steps_publish_a_checkpoint_and_are_gone_on_from(bank, tmp_path):
    outcome = train(bank, tmp_path, SETTINGS, loop(2, validate_every=2), "cpu")
    assert outcome.finished
    assert 0 <= outcome.scores["dice"] <= 1
    assert {"dice_liver", "dice_spleen"} <= outcome.scores.keys()
    checkpoint = load_checkpoint(tmp_path / "abdomen-small.safetensors")
    assert checkpoint.labels == ABDOMEN_LABELS
    assert checkpoint.header.training["steps"] == 2
    told = json.dumps(checkpoint.header.training["data"])
    for word in ("synthetic CT", "a network's labels", "CC-BY-4.0"):
        assert word in told
    assert "CT with its labels" not in told, "what was held back was not learnt from"
    assert train(bank, tmp_path, SETTINGS, loop(3), "cpu").step == 3


def test_a_stop_file_ends_it(bank, tmp_path):
    (tmp_path / "STOP").touch()
    outcome = train(bank, tmp_path, SETTINGS, loop(5), "cpu")
    assert (outcome.step, outcome.finished) == (0, False)


def test_it_begins_with_an_earlier_model(bank, tmp_path):
    train(bank, tmp_path / "a", SETTINGS, loop(1), "cpu")
    earlier = tmp_path / "a" / "abdomen-small.safetensors"
    settings = AbdomenSettings(size=16, start_from=str(earlier))
    outcome = train(bank, tmp_path / "b", settings, loop(1, validate_every=1), "cpu")
    assert "seen_dice" in outcome.scores, "nothing was held back"
    header = load_checkpoint(tmp_path / "b" / "abdomen-small.safetensors").header
    assert "begun with" in json.dumps(header.training["data"])


def test_what_is_not_there_cannot_be_held_back(bank, tmp_path):
    with pytest.raises(BadInputError, match="nobody"):
        train(bank, tmp_path, AbdomenSettings(size=16, hold_back="nobody"), loop(1), "cpu")


def test_an_empty_folder_is_no_bank(tmp_path):
    with pytest.raises(BadInputError, match="prepare"):
        train(tmp_path, tmp_path / "run", SETTINGS, loop(1), "cpu")
