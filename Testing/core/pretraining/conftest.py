"""A pre-trained network small enough for tests, as a checkpoint."""

import pytest
import torch

from mambamim.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from mambamim.models import build_model
from mambamim.pretraining import MambaMIM

TINY = {"channels": [4, 6, 8, 10, 12], "layers": 1}


@pytest.fixture(scope="session")
def pretrained(tmp_path_factory) -> Checkpoint:
    torch.manual_seed(0)
    mim = MambaMIM(build_model("hymamba_small", **TINY), image_size=32, width=32)
    path = tmp_path_factory.mktemp("pretrained") / "tiny.safetensors"
    save_checkpoint(path, mim, {}, name="tiny", spacing_mm=(3.0, 3.0, 3.0))
    return load_checkpoint(path)
