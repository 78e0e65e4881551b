"""The job "pretrain": scans without labels become a model, paused and gone on from, stopped."""

import json

import nibabel as nib
import numpy as np
import pytest
import torch
from job_ear import Ear
from one_thread import one_thread  # noqa: F401
from PIL import Image
from project_blobs import AFFINE, blob_arrays
from tiny_networks import TINY

from mambamim.catalogue import find_model, user_models_folder
from mambamim.checkpoint_header import read_header
from mambamim.checkpoints import load_checkpoint, save_checkpoint
from mambamim.errors import BadInputError, Cancelled
from mambamim.jobs import pretrain_job
from mambamim.models import build_model

NAMES = ("anna", "bert", "carl")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MAMBAMIM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MAMBAMIM_MODELS", raising=False)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    def build(name, in_channels=1, **numbers):
        return build_model(name, in_channels, **{**TINY[name], **numbers})

    monkeypatch.setattr("mambamim.pretraining.mambamim.build_model", build)
    monkeypatch.setattr("mambamim.pretraining.mambamim._DECODER_WIDTH", {"hymamba_small": 16})


@pytest.fixture
def scans(tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        ct, _ = blob_arrays(number, (40, 40, 40))
        nib.save(nib.Nifti1Image(ct, AFFINE), folder / f"{name}.nii.gz")
    return folder


def asked(scans, tmp_path, run="run-1", **more):
    return {
        "data": [str(scans)], "out": str(tmp_path / "runs" / run), "name": "learnt", "steps": 4,
        "batch": 1, "image_size": 32, "spacing": 3.0, "device": "cpu", **more,
    }  # fmt: skip


def pretrain(scans, tmp_path, ear=None, **more):
    ear = ear or Ear()
    return pretrain_job.run(asked(scans, tmp_path, **more), ear), ear


def test_scans_become_a_model_of_the_users(scans, tmp_path):
    result, ear = pretrain(scans, tmp_path, mask_ratio=0.6)
    entry = find_model("learnt")
    assert (entry.kind, entry.origin) == ("pretraining", "user")
    assert entry.path == user_models_folder() / "learnt.safetensors"
    assert read_header(entry.path).pretraining["mask_ratio"] == 0.6
    assert (result["finished"], result["steps"], result["name"]) == (True, 4, "learnt")
    assert [step for step, name, _ in ear.metrics if name == "loss"] == [1, 2, 3, 4]
    losses = [value for _, name, value in ear.metrics if name == "validation_loss"]
    assert len(losses) == 4
    assert np.isfinite(losses).all()


def test_a_held_out_scan_is_drawn_after_each_validation(scans, tmp_path):
    _, ear = pretrain(scans, tmp_path)
    path = tmp_path / "runs" / "run-1" / "preview" / "reconstruction.png"
    assert ear.previews == [path] * 4
    picture = np.asarray(Image.open(path))
    side = (picture.shape[1] - 2 * 6) // 3
    given, masked = picture[:, :side], picture[:, side + 6 : 2 * side + 6]
    changed = (given != masked).any(axis=2).mean()
    assert 0.4 < changed < 1  # three quarters are hidden; some were as dark as the grey
    assert (picture[:, side : side + 6] == 255).all()


def test_paused_it_comes_to_the_same_end(scans, tmp_path):
    whole, _ = pretrain(scans, tmp_path, run="whole", name="whole")
    with pytest.raises(Cancelled, match="Paused at step 2 of 4"):
        pretrain(scans, tmp_path, Ear(cancel_after=2), name="parts")
    parts, ear = pretrain(scans, tmp_path, name="parts", data=[])  # the prepared scans are enough
    assert [step for step, name, _ in ear.metrics if name == "loss"] == [3, 4]
    one, two = (load_checkpoint(result["model"]).model.state_dict() for result in (whole, parts))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_a_file_stop_keeps_what_there_is(scans, tmp_path):
    class Stopper(Ear):
        def metric(self, step, name, value):
            super().metric(step, name, value)
            if (step, name) == (2, "validation_loss"):
                (tmp_path / "runs" / "run-1" / "STOP").touch()

    result, _ = pretrain(scans, tmp_path, Stopper())
    assert not result["finished"]
    assert 2 <= result["steps"] < 4
    assert find_model("learnt").path


def test_a_pre_training_is_gone_on_from_and_nothing_else(scans, tmp_path):
    pretrain(scans, tmp_path, mask_ratio=0.6)
    result, _ = pretrain(scans, tmp_path, run="run-2", name="more", model="learnt", steps=1)
    header = read_header(result["model"])
    assert header.pretraining["mask_ratio"] == 0.6
    assert header.pretraining["image_size"] == 32
    network = build_model("hymamba_small", num_classes=2, **TINY["hymamba_small"])
    save_checkpoint(tmp_path / "organs.safetensors", network, {1: "liver"})
    with pytest.raises(BadInputError, match="no decoder"):
        pretrain(scans, tmp_path, name="third", model=str(tmp_path / "organs.safetensors"))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"data": []}, "no scans"),
        ({"mask_ratio": 1.5}, "ratio"),
        ({"steps": 0}, "steps"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_is_told_before_any_work(scans, tmp_path, more, said):
    with pytest.raises(BadInputError, match=said):
        pretrain(scans, tmp_path, **more)
    assert not (tmp_path / "runs" / "run-1" / "state").exists()


def test_no_event_names_a_scan(scans, tmp_path):
    (scans / f"{NAMES[1]}.nii.gz").write_bytes(b"none")
    ear = Ear()
    try:
        pretrain(scans, tmp_path, ear)
        told = ""
    except BadInputError as error:
        told = str(error)
    told += json.dumps([*ear.messages, *ear.logs])
    kept = [p for p in (tmp_path / "runs").rglob("*") if p.is_file()]
    assert not any(name in told for name in NAMES)
    for path in kept:
        assert not any(name in str(path) for name in NAMES)
        assert not any(name.encode() in path.read_bytes() for name in NAMES), path.name
