"""What decays and what does not; the learning rate at the ends of its parts."""

import pytest
import torch
from tiny_networks import TINY
from torch import nn

from mambamim.models import build_model
from mambamim.training.optimizer import make_optimizer, rate_at
from mambamim.training.settings import LoopSettings

SETTINGS = LoopSettings(steps=110, warmup=10, learning_rate=2.0, lowest=0.1, weight_decay=0.3)


def test_only_matrices_and_kernels_decay_and_frozen_ones_are_left_out():
    network = build_model("hymamba_small", **TINY["hymamba_small"])
    frozen = next(name for name, p in network.named_parameters() if p.dim() >= 2)
    network.get_parameter(frozen).requires_grad_(False)
    decay = {
        id(p): group["weight_decay"]
        for group in make_optimizer(network, SETTINGS).param_groups
        for p in group["params"]
    }
    seen = set()
    for name, p in network.named_parameters():
        if name == frozen:
            assert id(p) not in decay
            continue
        rate = name.endswith("A_log")
        small = name.endswith("bias") or "norm" in name
        assert decay[id(p)] == (0.0 if p.dim() < 2 or rate else 0.3), name
        assert not (small and decay[id(p)]), name
        seen |= {"rate"} if rate else {"small"} if small else {"other"}
    assert seen == {"rate", "small", "other"}


def test_a_module_without_biases_has_one_group():
    groups = make_optimizer(nn.Linear(2, 2, bias=False), SETTINGS).param_groups
    assert [len(group["params"]) for group in groups] == [1]


def test_decay_shrinks_weights_alone():
    layer = nn.Linear(2, 2)
    weight, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
    optimizer = make_optimizer(layer, SETTINGS)
    for p in layer.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    torch.testing.assert_close(layer.weight, weight * (1 - 2.0 * 0.3))
    assert torch.equal(layer.bias, bias)


def test_the_rate_climbs_and_falls():
    assert rate_at(0, SETTINGS) == pytest.approx(0.2)
    assert rate_at(9, SETTINGS) == pytest.approx(2.0)
    assert rate_at(10, SETTINGS) == pytest.approx(2.0)
    assert rate_at(60, SETTINGS) == pytest.approx(2 * (0.1 + 0.9 / 2))
    assert rate_at(110, SETTINGS) == pytest.approx(0.2)
    assert rate_at(500, SETTINGS) == pytest.approx(0.2)
    rates = [rate_at(step, SETTINGS) for step in range(111)]
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rate_at(0, LoopSettings(steps=1, learning_rate=2.0)) == 2.0
