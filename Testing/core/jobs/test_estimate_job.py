"""The job "estimate": steps are timed on noise, and nothing is left behind."""

import pytest
from job_ear import Ear
from project_blobs import fill
from tiny_networks import TINY

from mambamim.errors import BadInputError, Cancelled
from mambamim.finetuning import training_cost
from mambamim.jobs import estimate_job
from mambamim.models import build_model
from mambamim.project import Project

PRESET = {
    "steps": 50, "batch": 1, "validate_every": 25, "spacing": [3, 3, 3],
    "image_size": [16, 16, 16], "augmentation": "none",
}  # fmt: skip


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    def build(name, num_classes, **numbers):
        return build_model(name, num_classes=num_classes, **{**TINY[name], **numbers})

    monkeypatch.setattr("mambamim.finetuning.network.build_model", build)
    monkeypatch.setattr(training_cost, "_ENOUGH", 0.1)


@pytest.fixture
def project(tmp_path):
    return fill(Project.create(tmp_path / "project", ["dim", "bright"]), 3)


def estimate(project, ear=None, **more):
    asked = {"project": str(project.folder), "preset": {**PRESET, **more}, "device": "cpu"}
    return estimate_job.run(asked, ear or Ear())


def test_it_tells_time_and_memory_and_writes_nothing(project):
    before = sorted(project.folder.rglob("*"))
    ear = Ear()
    cost = estimate(project, ear)
    assert cost["steps"] == 50
    assert cost["device"] == "cpu"
    assert cost["seconds"] > 49 * cost["step_seconds"] > 0
    assert cost["memory_bytes"] > 0
    assert ear.fractions[-1] == 1
    assert sorted(project.folder.rglob("*")) == before


@pytest.mark.slow
def test_larger_crops_take_more_memory(project):
    small = estimate(project)["memory_bytes"]
    large = estimate(project, image_size=[32, 32, 32], spacing=[1.5, 1.5, 1.5])["memory_bytes"]
    assert large > 3 * small


@pytest.mark.slow
def test_time_follows_the_steps_and_the_validations(project, monkeypatch):
    ticks = iter(range(10**6))
    monkeypatch.setattr(training_cost.time, "perf_counter", lambda: float(next(ticks)))
    few = estimate(project, steps=50, validate_every=50)
    many = estimate(project, steps=500, validate_every=500)
    often = estimate(project, steps=500, validate_every=50)
    step = many["step_seconds"]
    assert (many["seconds"] - few["seconds"]) == pytest.approx(
        500 * step - 50 * few["step_seconds"], rel=1e-6
    )
    assert often["seconds"] > many["seconds"]


def test_one_step_can_be_estimated(project):
    assert estimate(project, steps=1)["seconds"] >= 0


def test_without_classes_there_is_nothing_to_estimate(tmp_path):
    with pytest.raises(BadInputError, match="no classes"):
        estimate(Project.create(tmp_path / "empty"))


def test_it_stops_when_it_is_told_to(project):
    with pytest.raises(Cancelled):
        estimate(project, Ear(cancel_after=0))
