"""Pre-training as a task: it learns, and what it publishes is a whole, nameless checkpoint."""

import json

import nibabel as nib
import numpy as np
import pytest
import safetensors
import torch
from tiny_networks import TINY

from mambamim.checkpoints import load_checkpoint
from mambamim.data.prepared_store import prepare
from mambamim.data.scan_source import ScanSource
from mambamim.errors import BadInputError, CheckpointError
from mambamim.models import build_model
from mambamim.pretraining import MambaMIM
from mambamim.pretraining.pretrain_settings import PretrainSettings
from mambamim.pretraining.pretrain_task import PretrainTask
from mambamim.training.loop import TrainingLoop
from mambamim.training.settings import LoopSettings
from mambamim.training.task import Silence
from mambamim.training.team import Team

SETTINGS = {
    "network": "hymamba_small",
    "image_size": 32,
    "name": "mine",
    "trained_on": ("phantoms (CC0-1.0)",),
    "licence": "Apache-2.0",
    "target": "raw",
}


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """The network that was asked for, with few channels."""

    def build(network, *arguments, scan, **options):
        backbone = build_model(network, scan=scan, **TINY[network])
        return MambaMIM(backbone, *arguments, width=32, **options)

    monkeypatch.setattr("mambamim.pretraining.pretrain_task.MambaMIM", build)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # what is this small gains nothing from a second one
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scans")
    sources = []
    for number in range(3):
        hu = np.full((36, 34, 40), -1000, np.int16)
        hu[2:34, 3:30, 10:] = 40 + 60 * number
        hu[10:20, 8:20, :20] = 200
        path = folder / f"Doe_Jane_{number}.nii"
        nib.save(nib.Nifti1Image(hu, np.diag([1.5, 1.5, 1.5, 1.0])), path)
        sources.append(ScanSource(path, modality="CT"))
    return prepare(sources, folder / "store", (1.5, 1.5, 1.5)).cases


def make(cases, validation=(), seed=0, **settings) -> PretrainTask:
    return PretrainTask(cases, validation, PretrainSettings(**{**SETTINGS, **settings}), seed)


def train(run, task, **settings):
    numbers = LoopSettings(**{"batch": 2, "workers": 0, "learning_rate": 3e-3, **settings})
    return TrainingLoop(task, numbers, run, Team(0, 1, torch.device("cpu")), Silence()).run()


@pytest.mark.slow
def test_the_loss_falls(cases, tmp_path, monkeypatch):
    monkeypatch.setattr("mambamim.pretraining.pretrain_task._VALIDATION_CROPS", 6)
    task = make(cases[:2], cases[2:])
    with torch.no_grad():
        before = task.validate(task.module.eval())["validation_loss"]
    after = train(tmp_path, task, steps=20, validate_every=20).scores["validation_loss"]
    assert after < 0.5 * before


def test_the_checkpoint_is_whole_half_precise_and_nameless(cases, tmp_path):
    task = make(cases[:2])
    train(tmp_path / "run", task, steps=2)
    path = tmp_path / "run" / "mine.safetensors"
    loaded = load_checkpoint(path)
    assert isinstance(loaded.model, MambaMIM)
    for name, tensor in task.module.mim.state_dict().items():
        torch.testing.assert_close(
            loaded.model.state_dict()[name], tensor.half().to(tensor.dtype), atol=0, rtol=0
        )
    with safetensors.safe_open(path, "pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118
        header = json.dumps(file.metadata())
    for word in ("Doe_Jane", ".nii", str(tmp_path), *(case.key for case in cases)):
        assert word not in header
    assert b"Doe_Jane" not in path.read_bytes()
    for word in ("phantoms (CC0-1.0)", "Apache-2.0", "CT"):
        assert word in header
    assert loaded.header.training["steps"] == 2
    assert loaded.header.training["scans"] == {"CT": 2}
    image = torch.rand(1, 1, 32, 32, 32)
    visible = task.dataset[0]["visible"][None]
    with torch.no_grad():
        assert torch.isfinite(loaded.model(image, visible).loss)


@pytest.mark.parametrize("bottom_up", [True, False])
def test_the_validation_is_the_same_twice_and_draws_nothing(cases, bottom_up, monkeypatch):
    monkeypatch.setattr("mambamim.pretraining.pretrain_task._VALIDATION_CROPS", 3)
    task = make(cases[:2], cases[2:], bottom_up=bottom_up)
    module = task.module.eval()
    with torch.no_grad():
        torch.manual_seed(0)
        first = task.validate(module)
        drawn = torch.rand(1)
        torch.manual_seed(0)
        assert torch.equal(torch.rand(1), drawn)
        assert task.validate(module) == first
        other = make(cases[:2], cases[2:], seed=5, bottom_up=bottom_up)
        other.module.load_state_dict(module.state_dict())
        assert other.validate(other.module.eval()) == first, "its crops do not follow the seed"
    assert make(cases[:2]).validate(module) == {}


def test_the_seed_is_of_weights_and_crops(cases):
    one, same, other = make(cases, seed=1), make(cases, seed=1), make(cases, seed=2)
    first, again, third = (
        torch.cat([p.flatten() for p in task.module.parameters()]) for task in (one, same, other)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, third)
    assert torch.equal(one.dataset[3]["image"], same.dataset[3]["image"])
    assert not torch.equal(one.dataset[3]["visible"], other.dataset[3]["visible"])


def test_facts_are_plain_and_tell_what_matters(cases):
    facts = make(cases).facts
    assert json.loads(json.dumps(facts)) == facts
    assert facts["scans"] == sorted(case.key for case in cases)
    assert make(cases, name="other", epochs=7).facts == facts
    for name, value in (("mask_ratio", 0.5), ("fill", "learnable"), ("zoom", 0.1)):
        assert make(cases, **{name: value}).facts != facts
    assert make(cases[:2]).facts != facts


@pytest.mark.parametrize("skips", [True, False])
@pytest.mark.parametrize("network", ["hymamba", "hymamba_small"])
def test_all_that_is_trained_gets_a_gradient(cases, network, skips):
    """What gets none would make the processes of a team wait for it."""
    task = make(cases, network=network, skips=skips)
    sample = task.dataset[0]
    task.module(*(sample[name][None] for name in task.inputs)).backward()
    silent = [k for k, p in task.module.named_parameters() if p.requires_grad and p.grad is None]
    assert silent == []


def test_it_may_begin_where_another_ended(cases, tmp_path):
    train(tmp_path, make(cases), steps=1)
    path = tmp_path / "mine.safetensors"
    begun = make(cases, seed=3, start_from=str(path))
    wanted = load_checkpoint(path).model.state_dict()
    assert all(torch.equal(t, wanted[k]) for k, t in begun.module.mim.state_dict().items())
    with pytest.raises(CheckpointError, match="no pre-training of this network"):
        make(cases, fill="learnable", start_from=str(path))
    with pytest.raises(CheckpointError, match="absent"):
        make(cases, start_from=str(tmp_path / "absent.safetensors"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("image_size", 40), ("image_size", 0), ("mask_ratio", 1.0), ("mask_ratio", 0.0),
     ("crops_per_scan", 0), ("foreground", 1.1), ("zoom", 1.0), ("zoom", -0.1), ("name", ""),
     ("name", "a/b"), ("epochs", 0), ("warmup_epochs", -1), ("spacing_mm", 0.0)],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_before_anything_is_done(name, value):
    with pytest.raises(BadInputError):
        PretrainSettings(**{name: value})


def test_steps_follow_the_epochs():
    settings = PretrainSettings(epochs=100, warmup_epochs=40)
    assert settings.steps(scans=20, batch=8) == (1000, 400)
    assert settings.steps(scans=1, batch=8) == (50, 20)
    assert PretrainSettings(epochs=10).steps(scans=20, batch=8) == (100, 50)
    assert PretrainSettings(epochs=0.001).steps(scans=1, batch=8) == (1, 0)
