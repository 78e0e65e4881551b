"""What a GPU would be waited for: its queue must not run dry between the rows of a run's table.

Tensors of the "meta" device have no values, so that whoever looks at one fails.
"""

import contextlib

import numpy as np
import pytest
import torch
import torch.distributed as dist
from helper_task import Ear, TinyTask
from tiny_networks import TINY
from torch.utils._python_dispatch import TorchDispatchMode

from mambamim.data.class_sets import ClassSets
from mambamim.data.regions import Region, Regions
from mambamim.models import build_model
from mambamim.pretraining import MambaMIM, draw_visible
from mambamim.pretraining.backbone import MaskedEncoder
from mambamim.pretraining.masked_crops import ReconstructionLoss
from mambamim.training.learner import Learner
from mambamim.training.loop import TrainingLoop
from mambamim.training.segmentation_loss import RegionLoss, SegmentationLoss
from mambamim.training.settings import LoopSettings
from mambamim.training.team import Team
from mambamim.training.turned_crops import turn_of

# What cannot be done before the values are there.
WAITING = ("_local_scalar_dense", "nonzero", "equal", "is_nonzero", "masked_select", "unique")


class Names(TorchDispatchMode):
    """Remembers the operations that a device is given."""

    def __init__(self):
        super().__init__()
        self.given = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.given.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))

    @property
    def waits(self) -> list[int]:
        return [i for i, name in enumerate(self.given) if name.startswith(WAITING)]


def test_losses_are_looked_at_when_a_row_is_due(tmp_path, monkeypatch):
    # Autocast knows no such device.
    monkeypatch.setattr(Learner, "precision", lambda self: contextlib.nullcontext())
    settings = LoopSettings(steps=12, batch=4, log_every=5, save_every=100, average=0.9, workers=0)
    loop = TrainingLoop(TinyTask(), settings, tmp_path, Team(0, 1, torch.device("meta")), Ear())
    looked = []
    monkeypatch.setattr(loop, "_check_losses", lambda: looked.append(loop.step))
    monkeypatch.setattr(loop, "_tell", lambda records: None)
    monkeypatch.setattr(loop, "_save", lambda: None)
    assert loop.run().step == 12
    assert sorted(set(looked)) == [5, 10, 12]


def test_what_processes_tell_each_other_is_not_on_their_devices(monkeypatch):
    asked = []

    def all_reduce(tensor, *rest):
        asked.append(tensor.device.type)
        tensor *= 2

    monkeypatch.setattr(dist, "all_reduce", all_reduce)
    team = Team(0, 2, torch.device("meta"))
    assert team.any(True)
    assert not team.any(False)
    assert team.mean(3.0) == 3.0
    assert asked == ["cpu"] * 3


@pytest.mark.parametrize("regions", [False, True])
def test_the_loss_of_a_fine_tuning_waits_for_nothing(regions):
    sets = Regions((Region("whole", (1, 2), 1), Region("core", (2,), 2)))
    network = build_model("hymamba_small", num_classes=2 + (not regions), **TINY["hymamba_small"])
    module = RegionLoss(network, sets) if regions else SegmentationLoss(network, ClassSets(3))
    label = torch.randint(0, 3, (2, 1, 32, 32, 32))
    turn = torch.stack([turn_of(np.array([0.1, 0.0, k]), (32, 32, 32)) for k in (0.0, 0.2)])
    with Names() as names:
        module(torch.rand(2, 1, 32, 32, 32), label, turn).backward()
    assert len(names.given) > 100
    assert not names.waits


@pytest.mark.parametrize("bottom_up", [True, False])
@pytest.mark.parametrize("name", ["hymamba", "hymamba_small"])
def test_the_loss_of_a_pre_training_waits_for_nothing(name, bottom_up):
    network = build_model(name, **TINY[name])
    module = ReconstructionLoss(MambaMIM(network, 32, bottom_up=bottom_up, width=32)).train()
    visible = draw_visible(2, (2, 2, 2), 0.75, torch.Generator().manual_seed(0))
    with Names() as names:
        module(torch.rand(2, 1, 32, 32, 32), visible).backward()
    # On a CPU, whether the mask fits is asked of it; see `find_runs`.
    assert names.given.count("_local_scalar_dense") == 1
    assert len(names.waits) == 1


@pytest.mark.parametrize("name", ["hymamba", "hymamba_small"])
def test_a_masked_encoder_waits_before_it_works(name):
    encoder = MaskedEncoder(build_model(name, **TINY[name])).train()
    visible = draw_visible(2, (2, 2, 2), 0.5, torch.Generator().manual_seed(0))
    with Names() as names:
        encoder(torch.rand(2, 1, 32, 32, 32), visible).tokens.sum().backward()
    assert names.waits, "or the test sees nothing"
    assert max(names.waits) < names.given.index("convolution")
