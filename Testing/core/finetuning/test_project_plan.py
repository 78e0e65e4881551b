"""Numbers that a fine-tuning on a project is given: how large crops are."""

import numpy as np
import pytest
from project_blobs import VALUES, blob_arrays
from tiny_networks import TINY

from mambamim.checkpoints import save_checkpoint
from mambamim.finetuning.finetune_settings import PRESETS
from mambamim.finetuning.project_plan import plan_project
from mambamim.models import build_model
from mambamim.project import Project


@pytest.fixture
def project(tmp_path):
    """One scan of 192 x 120 x 132 mm."""
    made = Project.create(tmp_path / "project", ["dim", "bright"])
    made.add_case(*blob_arrays(0), np.diag([8.0, 6.0, 6.0, 1.0]), VALUES)
    return made


def base(folder, side):
    path = folder / f"base-{side}.safetensors"
    network = build_model("hymamba_small", num_classes=3, **TINY["hymamba_small"])
    how = {"spacing_mm": (1.5, 1.5, 1.5), "patch_size": (side,) * 3}
    save_checkpoint(path, network, {1: "dim", 2: "bright"}, **how)
    return str(path)


@pytest.mark.parametrize(
    ("side", "preset", "crops"),
    [
        (128, "quick", (96, 80, 96)), (64, "quick", (64, 64, 64)),
        (128, "standard", (128, 80, 96)), (128, {"steps": 9}, (128, 80, 96)),
        (128, {"image_size": [32, 48, 64]}, (32, 48, 64)),
    ],
)  # fmt: skip
def test_crops_are_no_larger_than_cases_and_computers_bear(project, tmp_path, side, preset, crops):
    plan = plan_project(project, base(tmp_path, side), preset)
    assert plan.settings.image_size == crops


def test_quick_is_for_computers_without_a_gpu(project):
    plan = plan_project(project, "", "quick")
    voxels = PRESETS["quick"]["steps"] * plan.loop.batch * np.prod(plan.settings.image_size)
    assert voxels < 3e8  # which takes two cores less than ten minutes
    assert plan.settings.network == "hymamba_small"
