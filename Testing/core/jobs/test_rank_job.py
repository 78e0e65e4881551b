"""The job "rank": the scan that a network is least sure of comes first."""

import math

import nibabel as nib
import numpy as np
import pytest
import torch
from job_ear import Ear

from mambamim.checkpoints import save_checkpoint
from mambamim.errors import BadInputError, Cancelled
from mambamim.inference.uncertainty import mean_entropy
from mambamim.jobs import rank_job
from mambamim.models import build_model


class Context(Ear):
    """With room for what stays warm, as a worker's has."""

    def __init__(self, **more):
        super().__init__(**more)
        self.warm = {}


@pytest.fixture
def folder(tmp_path):
    """Two scans, and one that is no scan."""
    rng = np.random.default_rng(0)
    (tmp_path / "scans").mkdir()
    for name in ("a", "b"):
        ct = rng.integers(-200, 300, (40, 40, 40)).astype(np.int16)
        nib.save(
            nib.Nifti1Image(ct, np.diag([3.0, 3, 3, 1])), tmp_path / "scans" / f"{name}.nii.gz"
        )
    (tmp_path / "scans" / "broken.nii.gz").write_bytes(b"none")
    return tmp_path / "scans"


@pytest.fixture
def model(tmp_path):
    torch.manual_seed(0)
    network = build_model("hymamba_small", num_classes=3, channels=[4, 4, 8, 8, 12], layers=1)
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, network, {1: "liver", 2: "spleen"}, patch_size=(32, 32, 32))
    return path


def rank(folder, model, context=None):
    asked = {"folder": str(folder), "model": str(model), "device": "cpu"}
    return rank_job.run(asked, context or Context())


def test_the_least_certain_scan_comes_first(folder, model, monkeypatch):
    told = {"a": 0.25, "b": 0.75}
    seen = []

    def entropy(self, volume, affine, progress, cancel):
        seen.append(volume.shape)
        progress(0.5, "half")
        return told["ab"[len(seen) - 1]]

    monkeypatch.setattr("mambamim.inference.segmenter.Segmenter.entropy", entropy)
    context = Context()
    result = rank(folder, model, context)
    assert [(row["file"], row["entropy"]) for row in result["rows"]] == [
        (str(folder / "b.nii.gz"), 0.75),
        (str(folder / "a.nii.gz"), 0.25),
    ]
    (skipped,) = result["skipped"]
    assert skipped.startswith("broken.nii.gz")
    assert context.fractions == sorted(context.fractions)
    assert "scan 2 of 3" in context.messages
    assert not any(name in " ".join(context.messages) for name in ("a.nii", "b.nii"))


def test_a_real_network_gives_a_share(folder, model):
    rows = rank(folder, model)["rows"]
    assert len(rows) == 2
    assert all(0 < row["entropy"] <= 1 for row in rows)


def test_a_second_call_keeps_the_network(folder, model, monkeypatch):
    context = Context()
    rank(folder, model, context)
    monkeypatch.setattr(
        "mambamim.inference.Segmenter", lambda *_: pytest.fail("loaded a second time")
    )
    rank(folder, model, context)


def test_nothing_usable_is_said(tmp_path, folder, model):
    for name in ("a", "b"):
        (folder / f"{name}.nii.gz").unlink()
    with pytest.raises(BadInputError, match="None of the scans"):
        rank(folder, model)
    with pytest.raises(BadInputError, match="no folder nowhere"):
        rank(tmp_path / "nowhere", model)


def test_it_stops_when_it_is_told_to(folder, model):
    context = Context(cancel_at="scan 1 of 3")
    with pytest.raises(Cancelled):
        rank(folder, model, context)


def slow_entropy(logits):
    """By the definition, voxel by voxel."""
    values = []
    for voxel in logits.reshape(len(logits), -1).T.tolist():
        if max(voxel) == voxel[0]:
            continue
        shares = [math.exp(v) for v in voxel]
        shares = [share / sum(shares) for share in shares]
        values.append(-sum(s * math.log(s) for s in shares) / math.log(len(voxel)))
    return sum(values) / len(values)


def test_entropy_is_that_of_the_definition():
    logits = torch.randn(4, 3, 4, 5, generator=torch.Generator().manual_seed(1))
    assert mean_entropy(logits) == pytest.approx(slow_entropy(logits), abs=1e-5)


def test_what_is_sure_has_none_and_what_is_not_found_has_all():
    sure = torch.zeros(3, 2, 2, 2)
    sure[1] = 50
    assert mean_entropy(sure) == pytest.approx(0, abs=1e-6)
    assert mean_entropy(-sure) == 1
    even = torch.zeros(3, 1, 1, 1)
    even[1] = 1e-6
    assert mean_entropy(even) == pytest.approx(1, abs=1e-4)


def test_of_regions_each_counts_by_itself():
    logits = torch.tensor([[1e-6, 50.0], [-50.0, 1e-6]]).reshape(2, 1, 1, 2)
    assert mean_entropy(logits, exclusive=False) == pytest.approx(0.5, abs=1e-4)
    assert mean_entropy(-logits.abs(), exclusive=False) == 1
