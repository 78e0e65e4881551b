"""The job "finetune": from a project to a model of the user's, paused and gone on from, stopped."""

import json

import nibabel as nib
import numpy as np
import pytest
import torch
from job_ear import Ear
from one_thread import one_thread  # noqa: F401
from project_blobs import AFFINE, VALUES, blob_arrays, fill
from tiny_networks import TINY

from mambamim.catalogue import find_model, user_models_folder
from mambamim.checkpoint_header import read_header
from mambamim.checkpoints import load_checkpoint, save_checkpoint
from mambamim.errors import BadInputError, Cancelled
from mambamim.jobs import finetune_job
from mambamim.models import build_model
from mambamim.project import Project
from mambamim.training.resume import load_state

PRESET = {
    "steps": 8, "batch": 1, "validate_every": 2, "save_every": 2, "spacing": [3, 3, 3],
    "image_size": [16, 16, 16], "augmentation": "none", "learning_rate": 2e-3,
}  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MAMBAMIM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MAMBAMIM_MODELS", raising=False)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    def build(name, num_classes, **numbers):
        return build_model(name, num_classes=num_classes, **{**TINY[name], **numbers})

    monkeypatch.setattr("mambamim.finetuning.network.build_model", build)


@pytest.fixture
def project(tmp_path):
    return fill(Project.create(tmp_path / "project", ["dim", "bright"]), 3)


@pytest.fixture
def base(tmp_path):
    """A model that knows one of the classes, and another one."""
    path = tmp_path / "base.safetensors"
    network = build_model("hymamba_small", num_classes=3, **TINY["hymamba_small"])
    how = {"spacing_mm": (3.0, 3.0, 3.0), "patch_size": (16, 16, 16), "licence": "CC-BY-4.0"}
    save_checkpoint(path, network, {1: "other", 2: "bright"}, **how)
    return path


def asked(project, name="mine", run="run-1", **more):
    return {
        "project": str(project.folder), "out": str(project.runs / run), "name": name,
        "device": "cpu", "preset": PRESET, **more,
    }  # fmt: skip


def finetune(project, ear=None, **more):
    ear = ear or Ear()
    return finetune_job.run(asked(project, **more), ear), ear


def test_a_project_becomes_a_model_of_the_users(project):
    result, ear = finetune(project, title="My two")
    entry = find_model("mine")
    assert entry.path == user_models_folder() / "mine.safetensors"
    assert (entry.title, entry.origin, entry.labels) == ("My two", "user", {1: "dim", 2: "bright"})
    assert str(entry.path) == result["model"]
    assert (result["name"], result["finished"], result["steps"]) == ("mine", True, 8)
    assert result["base_scores"] == {}
    assert set(result["scores"]) == {"dice", "dice_dim", "dice_bright"}
    assert [step for step, name, _ in ear.metrics if name == "dice"] == [2, 4, 6, 8]
    best = max(value for _, name, value in ear.metrics if name == "dice")
    assert result["scores"]["dice"] == pytest.approx(best)
    assert len([1 for _, name, _ in ear.metrics if name == "loss"]) == 8
    assert "own cases (3)" in entry.training["data"]


def test_what_it_finds_is_shown_after_each_validation(project):
    _, ear = finetune(project)
    case = next(c for c in project.cases if c.split == "validation")
    assert ear.previews == [project.runs / "run-1" / "preview" / f"{case.id}.nii.gz"] * 4
    shown = nib.load(ear.previews[0])
    assert np.allclose(shown.affine, AFFINE)
    network = load_checkpoint(project.runs / "run-1" / "mine-last.safetensors")
    from mambamim.inference import Segmenter

    found = Segmenter(network, "cpu", "torch").segment(
        np.asarray(nib.load(case.image).dataobj), AFFINE
    )
    same = np.asarray(shown.dataobj) == found
    assert same.mean() > 0.9  # one is blended in another overlap and half precision


def test_paused_at_any_step_it_comes_to_the_same_end(project):
    finetune(project, name="whole", run="whole")
    for stop in (1, 5):
        run = f"parts-{stop}"
        with pytest.raises(Cancelled, match=f"Paused at step {stop} of 8"):
            finetune(project, Ear(cancel_after=stop), name=run, run=run)
        assert not (user_models_folder() / f"{run}.safetensors").exists()
        result, ear = finetune(project, name=run, run=run)
        assert min(step for step, _, _ in ear.metrics) == stop + 1
        states = [load_state(project.runs / name).tensors for name in ("whole", run)]
        assert states[0].keys() == states[1].keys()
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
        hashes = [read_header(user_models_folder() / f"{n}.safetensors").sha256
                  for n in ("whole", run)]  # fmt: skip
        assert hashes[0] == hashes[1]
        assert result["finished"]


def test_a_file_stop_keeps_the_best(project):
    class Stopper(Ear):
        def metric(self, step, name, value):
            super().metric(step, name, value)
            if (step, name) == (4, "dice"):
                (project.runs / "run-1" / "STOP").touch()

    result, _ = finetune(project, Stopper())
    assert (result["finished"], result["steps"]) == (False, 4)
    assert result["scored_step"] in (2, 4)
    assert find_model("mine").training["steps"] == result["scored_step"]
    assert not (project.runs / "run-1" / "STOP").exists()
    result, _ = finetune(project)  # and it can be gone on from under its own name
    assert (result["finished"], result["steps"]) == (True, 8)


def test_stopped_before_the_first_step_there_is_nothing_to_keep(project):
    (project.runs / "run-1").mkdir(parents=True)
    (project.runs / "run-1" / "STOP").touch()
    with pytest.raises(Cancelled, match="step 0"):
        finetune(project)
    assert not user_models_folder().exists()


def test_a_model_to_begin_with_is_scored_first(project, base):
    result, ear = finetune(project, model=str(base), preset={**PRESET, "steps": 2})
    assert set(result["base_scores"]) == {"dice", "dice_bright"}
    assert "scoring the model to begin with" in ear.messages
    header = read_header(user_models_folder() / "mine.safetensors")
    assert header.training["started_from"] == "base"
    assert header.licence == "CC-BY-4.0"
    again, ear = finetune(project, model=str(base), preset={**PRESET, "steps": 2})
    assert again["base_scores"] == result["base_scores"]
    assert "scoring the model to begin with" not in ear.messages


def test_a_moved_project_goes_on(project, tmp_path):
    with pytest.raises(Cancelled):
        finetune(project, Ear(cancel_after=3))
    moved = Project.open(project.folder.rename(tmp_path / "elsewhere"))
    result, _ = finetune(moved)
    assert result["steps"] == 8


def test_one_case_is_enough_and_has_no_score(tmp_path):
    project = fill(Project.create(tmp_path / "one", ["dim", "bright"]), 1)
    result, ear = finetune(project)
    assert (result["scores"], ear.previews) == ({}, [])
    assert find_model("mine").labels == {1: "dim", 2: "bright"}


def test_what_is_not_labelled_in_a_case_is_learnt_from_the_others(project):
    ct, labels = blob_arrays(7)
    project.add_case(ct, labels * (labels == 1), AFFINE, VALUES, unknown=["bright"])
    assert finetune(project, preset={**PRESET, "steps": 2})[0]["finished"]


def test_a_name_that_is_taken(project, base):
    user_models_folder().mkdir(parents=True)
    place = user_models_folder() / "mine.safetensors"
    place.write_bytes(base.read_bytes())
    with pytest.raises(BadInputError, match="called mine already"):
        finetune(project)
    assert not (project.runs / "run-1").exists()
    finetune(project, preset={**PRESET, "steps": 2}, overwrite=True)
    assert read_header(place).labels == {1: "dim", 2: "bright"}
    with pytest.raises(BadInputError, match="abdomen-small already"):
        finetune(project, name="abdomen-small", overwrite=True)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"project": "/nowhere"}, "no training project"), ({"model": "nobody"}, "no model"),
        ({"preset": "slow"}, "no preset 'slow'"), ({"preset": {"speed": 1}}, "no number 'speed'"),
        ({"preset": {"steps": 0}}, "steps"), ({"preset": {"steps": "x"}}, "steps"),
        ({"preset": {"image_size": [1]}}, "Three numbers"), ({"preset": 3}, "preset"),
        ({"preset": {"image_size": [17, 16, 16]}}, "image_size"),
        ({"name": "../mine"}, "name"), ({"name": ""}, "name"), ({"more": 1}, "more"),
        ({"device": "abacus"}, "abacus"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_before_any_work(project, more, said):
    with pytest.raises(BadInputError, match=said):
        finetune_job.run({**asked(project), **more}, Ear())
    assert not project.prepared.exists()
    assert not user_models_folder().exists()


def test_a_project_that_is_not_ready(project):
    project.set_classes(["dim", "bright", "third"])
    with pytest.raises(BadInputError, match=r"cannot be trained on yet: No case .* shows third"):
        finetune(project)


def test_a_damaged_project(project):
    path = project.cases[0].image
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    with pytest.raises(BadInputError, match="case-0001 are not what was added"):
        finetune(project)
    (project.folder / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(BadInputError, match="damaged"):
        finetune(project)


def test_a_full_disk_is_told_and_what_was_saved_stays(project, monkeypatch):
    import mambamim.training.resume as resume

    real = resume.safetensors.torch.save_file

    def full(tensors, path, facts):
        if json.loads(facts["mambamim-state"])["step"] == 4:
            raise OSError(28, "No space left on device")
        real(tensors, path, facts)

    monkeypatch.setattr(resume.safetensors.torch, "save_file", full)
    with pytest.raises(BadInputError, match=r"No space left.*Free some space"):
        finetune(project)
    monkeypatch.undo()
    assert load_state(project.runs / "run-1").step == 2


def test_the_run_folder_names_nobody(project):
    with pytest.raises(Cancelled):
        finetune(project, Ear(cancel_after=3))
    for path in project.folder.rglob("*"):
        if path.is_file():
            assert str(project.folder).encode() not in path.read_bytes(), path.name
