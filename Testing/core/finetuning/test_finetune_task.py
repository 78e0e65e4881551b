"""Fine-tuning as a task: it learns, and what it publishes segments what it was trained on."""

import json
import math

import numpy as np
import pytest
import torch
from blobs import MM, as_mr
from tiny_networks import TINY

from mambamim.checkpoints import load_checkpoint
from mambamim.data.class_sets import UNKNOWN, ClassSets
from mambamim.data.prepared_store import prepare
from mambamim.data.volume import read_volume
from mambamim.finetuning.finetune_settings import FinetuneSettings
from mambamim.finetuning.finetune_task import FinetuneTask
from mambamim.finetuning.labelled_case import LabelledCase
from mambamim.inference.segmenter import Segmenter
from mambamim.metrics import dice_per_label
from mambamim.models import build_model
from mambamim.training.loop import TrainingLoop
from mambamim.training.settings import LoopSettings
from mambamim.training.task import Silence
from mambamim.training.team import Team

CHOSEN = {
    "classes": ("dim", "bright"),
    "network": "hymamba_small",
    "image_size": (16, 16, 16),
    "spacing_mm": MM,
    "augmentation": "none",
    "foreground": 1.0,
    "name": "mine",
    "trained_on": ("blobs (CC0-1.0)",),
    "licence": "Apache-2.0",
}
# Wide at the first level, where these blobs are told apart, and shallow.
QUICK = {"channels": [8, 8, 8, 8, 12], "depths": [1, 1, 1, 1], "layers": 1}


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    def build(name, num_classes):
        return build_model(name, num_classes=num_classes, **TINY[name])

    monkeypatch.setattr("mambamim.finetuning.network.build_model", build)


def seen(cases, *table, classes=3):
    values = np.full(256, UNKNOWN, np.uint8)
    values[: len(table or (0, 1, 2))] = table or (0, 1, 2)
    return [LabelledCase(case, values, classes) for case in cases]


def make(cases, validation=(), seed=0, sets=None, **settings) -> FinetuneTask:
    chosen = FinetuneSettings(**{**CHOSEN, **settings})
    return FinetuneTask(cases, validation, chosen, sets or ClassSets(3), seed)


def train(run, task, **settings):
    numbers = LoopSettings(**{"batch": 2, "workers": 0, "learning_rate": 1e-2, **settings})
    return TrainingLoop(task, numbers, run, Team(0, 1, torch.device("cpu")), Silence()).run()


class Says(torch.nn.Module):
    """A network that says one class everywhere."""

    def __init__(self, value):
        super().__init__()
        self.scores = torch.nn.Parameter(torch.eye(3)[value])

    def forward(self, image):
        return (
            self.scores[None, :, None, None, None].expand(len(image), 3, *image.shape[2:]).clone()
        )


def said(task, value):
    """The scores of a network that says one class everywhere."""
    task.module.network = Says(value)
    with torch.no_grad():
        return task.validate(task.module.eval())


@pytest.mark.slow
def test_it_learns_and_what_it_publishes_segments(blobs, tmp_path, monkeypatch):
    sources, cases = blobs
    monkeypatch.setitem(TINY, "hymamba_small", QUICK)
    task = make(seen(cases[:3]), seen(cases[3:]))
    outcome = train(tmp_path, task, steps=200, learning_rate=2e-2, validate_every=50)
    assert outcome.scores["dice"] > 0.9
    assert outcome.scores.keys() == {"dice", "dice.dim", "dice.bright"}
    volume, label = (read_volume(path) for path in (sources[3].image, sources[3].label))
    segmenter = Segmenter(tmp_path / "mine.safetensors", "cpu", "torch")
    found = segmenter.segment(volume.array, volume.affine)
    assert segmenter.labels == {1: "dim", 2: "bright"}
    assert min(dice_per_label(found, label.array).values()) > 0.85


@pytest.mark.parametrize("kind", ["CT", "MR"])
def test_the_network_is_shown_in_use_what_it_was_trained_on(blobs, tmp_path, kind, monkeypatch):
    source = as_mr(blobs[0][0]) if kind == "MR" else blobs[0][0]
    case = prepare([source], tmp_path / "store", MM).cases[0]
    train(tmp_path, make(seen([case])), steps=1)
    segmenter = Segmenter(tmp_path / "mine.safetensors", "cpu", "torch")
    assert segmenter.checkpoint.header.modality == kind
    shown = []

    def predict(image, runtime, patch_size, classes, *rest):
        shown.append(image.clone())
        return torch.zeros(classes, *image.shape[2:])

    monkeypatch.setattr("mambamim.inference.segmenter.predict", predict)
    monkeypatch.setattr(  # which CT crops to the body, and zeros else
        "mambamim.inference.segmenter.body_box", lambda v: tuple(slice(0, n) for n in v.shape)
    )
    volume = read_volume(source.image)
    segmenter.segment(volume.array, volume.affine)
    wanted = case.image((slice(None),) * 3)
    np.testing.assert_allclose(shown[0][0, 0].numpy(), wanted, atol=1e-3)


def test_the_header_tells_what_matters_and_no_names(blobs, tmp_path):
    train(tmp_path, make(seen(blobs[1][:3]), seen(blobs[1][3:])), steps=2, validate_every=1)
    header = load_checkpoint(tmp_path / "mine.safetensors").header
    assert (header.name, header.modality, header.licence) == ("mine", "CT", "Apache-2.0")
    assert (header.spacing_mm, header.patch_size) == (MM, (16, 16, 16))
    assert header.labels == {1: "dim", 2: "bright"}
    assert header.title == "CT: dim, bright"
    facts = header.training
    assert facts["data"] == ["blobs (CC0-1.0)"]
    assert (facts["cases"], facts["validation_cases"]) == (3, 1)
    assert facts["started_from"] == "fresh weights"
    assert 0 <= facts["scores"]["dice"] <= 1
    for path in tmp_path.glob("*.safetensors"):
        content = path.read_bytes()
        assert not any(
            word in content for word in (b"case_", b"Doe", b".nii", str(tmp_path).encode())
        )
    last = load_checkpoint(tmp_path / "mine-last.safetensors").header
    assert last.training["steps"] == 2


def test_the_best_of_a_run_is_kept(blobs, tmp_path, monkeypatch):
    scores = iter([0.2, 0.6, 0.4, 0.5])
    task = make(seen(blobs[1]))

    def validate(module):
        task._best.scored()
        return {"dice": next(scores)}

    monkeypatch.setattr(task, "validate", validate)
    train(tmp_path, task, steps=4, validate_every=1, save_every=3, batch=1)
    best, last = (
        load_checkpoint(tmp_path / f"mine{end}.safetensors").header.training
        for end in ("", "-last")
    )
    assert (best["steps"], best["scores"]) == (2, {"dice": 0.6})
    assert (last["steps"], last["scores"]) == (4, {"dice": 0.5})


def test_validation_is_of_the_classes_a_case_shows(blobs):
    case = blobs[1][3]
    voxels = math.prod(case.shape)
    task = make(seen(blobs[1][:1]), seen([case]))
    dice = 2 * case.labels[1] / (case.labels[1] + voxels)
    assert said(task, 1) == pytest.approx({"dice": dice / 2, "dice.dim": dice, "dice.bright": 0})
    assert said(make(seen(blobs[1][:1])), 1) == {}, "nothing is kept apart"


def test_where_labels_are_open_only_what_cannot_be_is_wrong(blobs):
    """Background may be bright here: dim is wrong there, and bright is not."""
    case, sets = blobs[1][3], ClassSets(3, ((0, 2),))
    voxels = math.prod(case.shape)
    task = make(seen(blobs[1][:1]), seen([case], 3, 1, UNKNOWN), sets=sets)
    dice = 2 * case.labels[1] / (case.labels[1] + voxels - case.labels[2])
    assert said(task, 1) == pytest.approx({"dice": dice, "dice.dim": dice})
    assert said(task, 2) == pytest.approx({"dice": 0, "dice.dim": 0})


def test_validating_draws_nothing(blobs):
    task = make(seen(blobs[1][:2]), seen(blobs[1][2:3]))
    with torch.no_grad():
        torch.manual_seed(0)
        first, drawn = task.validate(task.module.eval()), torch.rand(1)
        torch.manual_seed(0)
        assert torch.equal(torch.rand(1), drawn)
        assert task.validate(task.module) == first


def test_the_seed_is_of_weights_and_crops(blobs):
    one, same, other = (make(seen(blobs[1]), seed=seed) for seed in (1, 1, 2))
    first, again, third = (
        torch.cat([p.flatten() for p in task.module.parameters()]) for task in (one, same, other)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, third)
    assert torch.equal(one.dataset[3]["image"], same.dataset[3]["image"])
    assert any(not torch.equal(one.dataset[n]["image"], other.dataset[n]["image"]) for n in (0, 1))


def test_labels_come_in_bytes_and_are_those_of_the_crops(blobs):
    dataset = make(seen(blobs[1])).dataset
    for number in range(4):
        bytes_, wide = dataset[number]["label"], dataset.crops[number]["label"]
        assert (bytes_.dtype, wide.dtype) == (torch.uint8, torch.int64)
        assert torch.equal(bytes_.long(), wide)


def test_facts_are_plain_and_tell_what_matters(blobs):
    cases = seen(blobs[1])
    facts = make(cases[:3], cases[3:]).facts
    assert json.loads(json.dumps(facts)).keys() == facts.keys()
    assert facts["cases"] == sorted(case.key for case in cases[:3])
    assert facts["validation"] == [cases[3].key]
    assert make(cases[:3], cases[3:], name="other", title="x", licence="x").facts == facts
    for name, value in (("augmentation", "paper"), ("foreground", 0.5), ("classes", ("a", "b"))):
        assert make(cases[:3], cases[3:], **{name: value}).facts != facts
    assert make(cases[:2], cases[3:]).facts != facts


def test_all_that_is_trained_gets_a_gradient(blobs):
    """What gets none would make the processes of a team wait for it."""
    task = make(seen(blobs[1]))
    sample = task.dataset[0]
    task.module(*(sample[name][None] for name in task.inputs)).backward()
    assert [
        k for k, p in task.module.named_parameters() if p.requires_grad and p.grad is None
    ] == []
