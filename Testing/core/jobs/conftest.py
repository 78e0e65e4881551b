"""What the tests of real jobs share."""

import nibabel as nib
import numpy as np
import pytest

from mambamim.checkpoints import save_checkpoint
from mambamim.jobs import WorkerClient
from mambamim.models import build_model
from mambamim.pretraining import MambaMIM


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with a scan, its bare array, and a small checkpoint."""
    folder = tmp_path_factory.mktemp("work")
    model = build_model("hymamba_small", num_classes=3, channels=[4, 4, 8, 8, 12], layers=1)
    save_checkpoint(
        folder / "m.safetensors", model, {1: "liver", 2: "spleen"}, patch_size=(32, 32, 32)
    )
    network = build_model("hymamba_small", channels=[4, 4, 8, 8, 12], layers=1)
    save_checkpoint(
        folder / "mim.safetensors", MambaMIM(network, 32, width=16), {}, spacing_mm=(3, 3, 3)
    )
    rng = np.random.default_rng(0)
    ct = rng.integers(-200, 300, (60, 50, 70)).astype(np.int16)
    affine = np.diag([-1.5, 1.5, 1.5, 1.0])
    nib.save(nib.Nifti1Image(ct, affine), folder / "ct.nii.gz")
    np.save(folder / "ct.npy", ct)
    return folder


@pytest.fixture
def real(work, monkeypatch):
    monkeypatch.setenv("MAMBAMIM_HOME", str(work / "home"))
    with WorkerClient() as client:
        yield client
