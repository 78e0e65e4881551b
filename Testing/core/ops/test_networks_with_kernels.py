"""Whole networks give the same with the fused kernels as without."""

import pytest
import torch
import torch.nn.functional as F
from tiny_networks import TINY

from mambamim.models import build_model
from mambamim.models.mednext import ResidualBlock
from mambamim.ops import depthwise_conv, group_norm, triton_support
from mambamim.ops.sparse import hide

LAST = torch.channels_last_3d


@pytest.fixture
def cudnn_layout(monkeypatch):
    """Convolutions give channels-last features, as cuDNN's do where the weights are."""
    for name in ("conv3d", "conv_transpose3d"):
        plain = getattr(F, name)
        monkeypatch.setattr(
            F, name, lambda *a, plain=plain, **k: plain(*a, **k).contiguous(memory_format=LAST)
        )


def run(model, pull, *given):
    """What the network gives, and the gradients of its parameters by name."""
    y = model(*given)
    parameters = {key: values for key, values in model.named_parameters() if values.requires_grad}
    grads = torch.autograd.grad(y, list(parameters.values()), pull)
    return y, dict(zip(parameters, grads, strict=True))


@pytest.mark.parametrize("name", ["hymamba", "hymamba_small"])
@pytest.mark.usefixtures("cudnn_layout")
def test_a_network_gives_the_same_with_kernels(name, kernel_device, monkeypatch):
    # These have tests of their own, and take long when interpreted.
    monkeypatch.setattr(depthwise_conv, "kernels", lambda *_: None)
    normed = []
    apply = group_norm._GroupNorm.apply
    monkeypatch.setattr(group_norm._GroupNorm, "apply", lambda *a: normed.append(1) or apply(*a))
    torch.manual_seed(0)
    model = build_model(name, num_classes=3, **TINY[name]).to(kernel_device, memory_format=LAST)
    x = torch.randn(1, 1, 16, 16, 16).to(kernel_device)
    pull = torch.randn(1, 3, 16, 16, 16).to(kernel_device)
    y, grads = run(model, pull, x)
    assert y.is_contiguous(memory_format=LAST)
    assert len(normed) == {"hymamba": 8, "hymamba_small": 6}[name]  # two a block of the decoder
    monkeypatch.setattr(triton_support, "can_run", lambda like: False)
    want, wanted = run(model, pull, x)
    assert (y - want).norm() < 1e-4 * want.norm()
    typical = max(float(grad.norm()) for grad in wanted.values())
    for key, grad in grads.items():
        # What a norm over space takes away again has no gradient but rounding.
        assert (grad - wanted[key]).norm() < 1e-3 * wanted[key].norm() + 1e-5 * typical, key


@pytest.mark.parametrize("channels", [4, 6])
@pytest.mark.usefixtures("cudnn_layout")
def test_masked_places_stay_zero_with_kernels(channels, kernel_device, monkeypatch):
    torch.manual_seed(0)
    block = ResidualBlock(4, channels).to(kernel_device, memory_format=LAST)
    visible = torch.tensor([[[[True, False, True]]], [[[False, True, True]]]], device=kernel_device)
    x = torch.randn(2, 4, 2, 2, 6).to(kernel_device).contiguous(memory_format=LAST)
    x, pull = hide(x, visible), torch.randn(2, channels, 2, 2, 6).to(kernel_device)
    y, grads = run(block, pull, x, visible)
    assert torch.equal(y, hide(y, visible))
    monkeypatch.setattr(triton_support, "can_run", lambda like: False)
    want, wanted = run(block, pull, x, visible)
    torch.testing.assert_close(y, want)
    for key, grad in grads.items():
        torch.testing.assert_close(grad, wanted[key], atol=1e-4, rtol=1e-4)
