"""A pre-trained network small enough for tests, as a checkpoint."""

import pytest
import torch
from tiny_networks import TINY

from mambamim.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from mambamim.models import build_model
from mambamim.pretraining import MambaMIM


@pytest.fixture(scope="session")
def pretrained(tmp_path_factory) -> Checkpoint:
    torch.manual_seed(0)
    mim = MambaMIM(build_model("hymamba_small", **TINY["hymamba_small"]), image_size=32, width=32)
    path = tmp_path_factory.mktemp("pretrained") / "tiny.safetensors"
    save_checkpoint(path, mim, {}, name="tiny", spacing_mm=(3.0, 3.0, 3.0))
    return load_checkpoint(path)
