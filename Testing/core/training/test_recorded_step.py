"""Recorded steps give what steps kernel by kernel give, and only where there is a card."""

import itertools

import pytest
import torch
from torch import nn

from mambamim.pretraining import MambaMIM, draw_visible
from mambamim.pretraining.masked_crops import ReconstructionLoss
from mambamim.training import recorded_step
from mambamim.training.learner import Learner
from mambamim.training.recorded_step import RecordedStep
from mambamim.training.settings import LoopSettings
from mambamim.training.team import Team

needs_card = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


class Network(nn.Module):
    """With a parameter that no loss depends on, as a network's unused direction."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two = nn.Linear(3, 8), nn.Linear(8, 1)
        self.unused = nn.Parameter(torch.ones(2))

    def forward(self, x):
        return self.two(torch.dropout(self.one(x).relu(), 0.5, self.training)).square().mean()


def learn(device, alone, sizes, accumulate=1):
    """Losses and weights after a step with each of `sizes`; what was run kernel by kernel."""
    network, ran = Network().to(device), []
    optimizer = torch.optim.AdamW(network.parameters(), 0.01)

    def run(given):
        ran.append(len(given[0]))
        loss = network(*given) / accumulate
        loss.backward()
        return loss

    step, losses = RecordedStep(run, device, alone), []
    for number, size in enumerate(sizes):
        torch.manual_seed(number)
        optimizer.zero_grad(set_to_none=not step.keeps_gradients)
        for _ in range(accumulate):
            losses.append(step([torch.rand(size, 3, device=device)]))
        optimizer.step()
    return torch.stack(losses), [p.detach() for p in network.parameters()], ran


def test_on_a_cpu_every_step_runs_as_it_is():
    losses, _, ran = learn(torch.device("cpu"), True, [4] * 5)
    assert ran == [4] * 5
    assert len({float(loss) for loss in losses}) == 5
    assert not losses.requires_grad


@needs_card
@pytest.mark.parametrize("accumulate", [1, 2, 3])
def test_a_recording_gives_what_steps_give(accumulate):
    device, sizes = torch.device("cuda"), [4, 4, 4, 6, 4, 4, 4]
    wanted, weights, all_ran = learn(device, False, sizes, accumulate)
    got, ours, ran = learn(device, True, sizes, accumulate)
    assert len(all_ran) == 7 * accumulate
    assert ran.count(6) == accumulate  # another shape than was recorded
    assert len(ran) == 2 + 1 + accumulate  # two before it, and the recording itself
    assert torch.allclose(got, wanted, rtol=1e-4)
    for one, two in zip(ours, weights, strict=True):
        assert torch.allclose(one, two, rtol=1e-4, atol=1e-6)


@needs_card
def test_a_step_that_looks_at_values_is_not_recorded(caplog):
    weight = nn.Parameter(torch.ones(3, device="cuda"))

    def run(given):
        loss = (weight * given[0]).sum()
        if float(loss) > 0:  # asks the card
            loss = loss * 2
        loss.backward()
        return loss

    step = RecordedStep(run, torch.device("cuda"), alone=True)
    with caplog.at_level("INFO"):
        for number in range(1, 5):
            weight.grad = None
            assert float(step([torch.full((3,), float(number), device="cuda")])) == 6 * number
            assert torch.equal(weight.grad, torch.full((3,), 2.0 * number, device="cuda"))
    assert "not recorded" in caplog.text
    assert not step.keeps_gradients


@needs_card
def test_nothing_is_recorded_where_memory_is_short(monkeypatch, caplog):
    monkeypatch.setattr(RecordedStep, "_has_room", lambda self: False)
    with caplog.at_level("INFO"):
        _, _, ran = learn(torch.device("cuda"), True, [4] * 5)
    assert ran == [4] * 5
    assert "too little memory" in caplog.text


@needs_card
@pytest.mark.parametrize("name", ["hymamba", "hymamba_small"])
def test_a_pre_training_is_recorded(name):
    """Nothing in it waits for the card or comes from the CPU."""
    device, losses = torch.device("cuda"), {}
    for alone in (True, False):
        torch.manual_seed(0)
        loss = ReconstructionLoss(MambaMIM(name, 96))
        visible = draw_visible(2, (6, 6, 6), 0.75, torch.Generator().manual_seed(0))
        batch = {"image": torch.rand(2, 1, 96, 96, 96), "visible": visible}
        learner = Learner(loss, ("image", "visible"), LoopSettings(batch=2), Team(0, 1, device))
        learner.module.train()
        if not alone:
            learner._gradients = RecordedStep(learner._backward, device, alone=False)
        steps = [learner.learn(itertools.repeat(batch), step)[0] for step in range(5)]
        losses[alone] = torch.stack(steps)
        assert learner._gradients.keeps_gradients == alone
    assert torch.allclose(losses[True], losses[False], rtol=1e-3)


def test_a_batch_of_other_kinds_does_not_fit():
    held = recorded_step._Recording(None, [torch.zeros(2, 3)], torch.zeros(()))
    assert held.fits([torch.ones(2, 3)])
    assert not held.fits([torch.ones(3, 3)])
    assert not held.fits([torch.ones(2, 3, dtype=torch.float64)])
    assert not held.fits([torch.ones(2, 3), torch.ones(2, 3)])
