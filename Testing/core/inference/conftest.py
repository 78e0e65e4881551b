"""A network whose right answer is known: a voxel's class follows from its intensity."""

from pathlib import Path

import pytest
import torch
from torch import nn

from mambamim.checkpoint_header import CheckpointHeader
from mambamim.checkpoints import Checkpoint


class ByIntensity(nn.Module):
    """Background below 0.4, class 1 up to 0.7, class 2 above; scores are linear in intensity."""

    def __init__(self):
        super().__init__()
        self.scores = nn.Conv3d(1, 3, 1)
        self.scores.weight.data = torch.tensor([0.0, 10.0, 20.0]).view(3, 1, 1, 1, 1)
        self.scores.bias.data = torch.tensor([0.0, -4.0, -11.0])

    def forward(self, x):
        return self.scores(x)


@pytest.fixture
def checkpoint():
    header = CheckpointHeader(
        name="by-intensity",
        architecture={"name": "by-intensity", "in_channels": 1, "num_classes": 3},
        labels={1: "liver", 2: "spleen"},
        patch_size=(32, 32, 32),
        window_hu=(0.0, 1000.0),
        sha256="0" * 64,
    )
    return Checkpoint(ByIntensity().eval(), dict(header.labels), header, Path("test.safetensors"))
