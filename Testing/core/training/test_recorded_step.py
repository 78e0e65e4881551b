"""Recorded steps give what steps kernel by kernel give, and only where there is a card."""

import itertools

import pytest
import torch
from torch import nn

from mambamim.pretraining import MambaMIM, draw_visible
from mambamim.pretraining.masked_crops import ReconstructionLoss
from mambamim.recording import Recording
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
    place = device if torch.cuda.is_available() else "cpu"
    network, ran = Network().to(place), []
    optimizer = torch.optim.AdamW(network.parameters(), 0.01)

    def run(given):
        ran.append(len(given[0]))
        loss = network(*given) / accumulate
        loss.backward()
        return loss

    step, losses = RecordedStep(device, alone), []
    for number, size in enumerate(sizes):
        torch.manual_seed(number)
        optimizer.zero_grad(set_to_none=not step.keeps_gradients)
        for _ in range(accumulate):
            losses.append(step(run, [torch.rand(size, 3, device=place)]))
        optimizer.step()
    return torch.stack(losses), [p.detach() for p in network.parameters()], ran


def test_on_a_cpu_every_step_runs_as_it_is():
    losses, _, ran = learn(torch.device("cpu"), True, [4] * 5)
    assert ran == [4] * 5
    assert len({float(loss) for loss in losses}) == 5
    assert not losses.requires_grad


class Replayed:
    """Stands for a graph: does again what was recorded, with tensors that stay where they are."""

    def __init__(self, run, loss):
        self.run, self.loss = run, loss

    def replay(self):
        self.loss.copy_(self.run())


def pretend_to_record(run, given, device):
    held, loss = [x.clone() for x in given], torch.zeros(())
    return Recording(Replayed(lambda: run(held), loss), held, loss)


@pytest.fixture
def pretending(monkeypatch):
    monkeypatch.setattr(recorded_step, "record", pretend_to_record)
    monkeypatch.setattr(recorded_step, "watch_for_waits", lambda run: (run(), False))
    monkeypatch.setattr(RecordedStep, "_has_room", lambda self: True)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_gradients_stay_where_a_recording_adds_to_them(pretending):
    learner = Learner(Network(), ("x",), LoopSettings(), Team(0, 1, torch.device("cpu")))
    learner._gradients = RecordedStep(torch.device("cuda"), alone=True)
    batches, seen = itertools.repeat({"x": torch.rand(4, 3)}), []
    for step in range(5):
        learner.learn(batches, step)
        seen.append([p.grad for p in learner.module.parameters()])
    assert seen[0][1] is not seen[1][1]  # before it, there is none to keep
    assert seen[1][0] is None  # `unused`, which AdamW must not decay
    for one, two in zip(seen[1], seen[4], strict=True):
        assert one is two


@pytest.mark.parametrize("accumulate", [1, 2, 3])
def test_without_a_card_what_is_around_a_recording_is_the_same(accumulate, pretending):
    """Batches are copied in, gradients kept and added to, other shapes run as they are."""
    sizes = [4, 4, 4, 6, 4, 4, 4]
    wanted, weights, _ = learn(torch.device("cpu"), False, sizes, accumulate)
    got, ours, ran = learn(torch.device("cuda"), True, sizes, accumulate)
    assert ran.count(4) == 6 * accumulate
    assert torch.equal(got, wanted)
    for one, two in zip(ours, weights, strict=True):
        assert torch.equal(one, two)


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
        loss = (weight * torch.dropout(given[0], 0.0, True)).sum()
        if float(loss) > 0:  # asks the card
            loss = loss * 2
        loss.backward()
        return loss

    step, stream = RecordedStep(torch.device("cuda"), alone=True), torch.cuda.current_stream()
    with caplog.at_level("INFO"):
        for number in range(1, 5):
            weight.grad = None
            assert float(step(run, [torch.full((3,), float(number), device="cuda")])) == 6 * number
            assert torch.equal(weight.grad, torch.full((3,), 2.0 * number, device="cuda"))
    assert "waits for what the card finds" in caplog.text
    assert torch.cuda.current_stream() == stream
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
            learner._gradients = RecordedStep(device, alone=False)
        batches = itertools.cycle([batch, {**batch, "image": batch["image"].flip(2)}])
        steps = [learner.learn(batches, step)[0] for step in range(6)]
        losses[alone] = torch.stack(steps)
        assert learner._gradients.keeps_gradients == alone
    assert torch.allclose(losses[True], losses[False], rtol=1e-3)
