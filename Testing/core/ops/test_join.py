"""Joining two feature maps is torch.cat, with the kernel as without."""

import pytest
import torch

from mambamim.ops import join as module
from mambamim.ops.join import join

LAST = torch.channels_last_3d
# Channels that are a power of two, that are none, and that fill no whole words.
CHANNELS = [(16, 16), (48, 24), (7, 40), (1, 3)]


def draw(channels, device, dtype=torch.float32, sides=(3, 5, 6)):
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn((2, count, *sides), generator=generator) for count in channels]
    parts = [part.to(device, dtype).contiguous(memory_format=LAST) for part in parts]
    return [part.requires_grad_() for part in parts]


@pytest.fixture
def launched(monkeypatch):
    """Counts the kernel's launches."""
    calls = []
    apply = module._Join.apply
    monkeypatch.setattr(module._Join, "apply", lambda *given: calls.append(1) or apply(*given))
    return calls


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("channels", CHANNELS)
def test_the_kernel_gives_what_torch_gives(channels, dtype, kernel_device, launched):
    parts = draw(channels, kernel_device, dtype)
    got, want = join(*parts), torch.cat(parts, 1)
    assert launched == [1]
    assert torch.equal(got, want)
    assert got.is_contiguous(memory_format=LAST)
    for kind in (LAST, torch.contiguous_format):
        pull = torch.randn(want.shape, generator=torch.Generator().manual_seed(1))
        pull = pull.to(got).contiguous(memory_format=kind)
        grads = torch.autograd.grad(got, parts, pull, retain_graph=True)
        wanted = torch.autograd.grad(want, parts, pull, retain_graph=True)
        for one, two in zip(grads, wanted, strict=True):
            assert one.is_contiguous(memory_format=LAST)
            assert torch.equal(one, two)


def test_what_it_is_not_for_is_torchs_own(kernel_device, launched):
    a, b = draw((8, 4), kernel_device)
    given = [(a.contiguous(), b), (a, b.contiguous()), (a, b.half()), (a.double(), b)]
    for parts in given:
        got, want = join(*parts), torch.cat(parts, 1)
        assert got.dtype == want.dtype
        assert torch.equal(got, want)
    with pytest.raises(RuntimeError, match="Sizes of tensors must match"):
        join(a, b[:, :, 1:].contiguous(memory_format=LAST))
    assert launched == []


def test_without_a_gpu_it_is_torchs_own(launched):
    parts = draw((8, 4), "cpu")
    assert torch.equal(join(*parts), torch.cat(parts, 1))
    assert launched == []
