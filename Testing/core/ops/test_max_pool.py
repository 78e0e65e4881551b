"""Max-pooling by 2 against torch's own, ties and NaN among the values."""

import pytest
import torch
import torch.nn.functional as F

from mambamim.ops import max_pool as module
from mambamim.ops.max_pool import max_pool

LAST = torch.channels_last_3d
SHAPES = [(2, 16, 4, 6, 8), (1, 48, 2, 4, 2), (2, 5, 5, 7, 3), (1, 1, 4, 3, 9)]


def draw(shape, device, dtype=torch.float32):
    """Few different values, so that most windows hold equals."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(-3, 3, shape, generator=generator).to(device, dtype)
    return x.contiguous(memory_format=LAST).requires_grad_()


def run(call, x):
    """What `call` gives, and the gradient."""
    y = call(x)
    pull = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y)
    return y, torch.autograd.grad(y, x, pull)[0]


def plain(x):
    return F.max_pool3d(x, 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernels_give_what_torch_gives(shape, dtype, kernel_device):
    x = draw(shape, kernel_device, dtype)
    got = run(max_pool, x)
    for one, two in zip(got, run(plain, x), strict=True):
        assert one.dtype == dtype
        assert one.is_contiguous(memory_format=LAST)
        assert torch.equal(one, two)
    with torch.no_grad():
        assert torch.equal(max_pool(x.detach()), got[0])


def test_what_is_not_finite_is_treated_as_torch_does(kernel_device):
    x = draw((1, 8, 4, 4, 4), kernel_device).detach()
    x[:, 0] = float("-inf")
    x[:, 1, :2, :2, 1] = float("nan")  # four of a window, not the first
    x[:, 2, 3, 3, 3] = float("nan")
    x[:, 3, 0, 0, 0] = float("nan")
    x[:, 4, 1, 1, 1] = float("inf")
    x.requires_grad_()
    for one, two in zip(run(max_pool, x), run(plain, x), strict=True):
        assert torch.equal(one.isnan(), two.isnan())
        assert torch.equal(one.nan_to_num(), two.nan_to_num())


def test_a_gradient_of_another_layout_is_taken(kernel_device):
    x = draw((1, 8, 4, 4, 4), kernel_device)
    pull = torch.randn(1, 8, 2, 2, 2, generator=torch.Generator().manual_seed(1)).to(x)
    (got,) = torch.autograd.grad(max_pool(x), x, pull)
    (want,) = torch.autograd.grad(plain(x), x, pull)
    assert torch.equal(got, want)


def test_what_it_is_not_for_is_torchs_own(kernel_device, monkeypatch):
    monkeypatch.setattr(module, "_MaxPool", None)
    x = draw((1, 8, 4, 4, 4), kernel_device)
    assert torch.equal(max_pool(x.contiguous()), plain(x))
    assert torch.equal(max_pool(x.double()), plain(x.double()))
    with pytest.raises(RuntimeError, match="too small"):
        max_pool(draw((1, 8, 4, 1, 4), kernel_device))


def test_without_a_gpu_it_is_torchs_own(monkeypatch):
    monkeypatch.setattr(module, "_MaxPool", None)
    x = draw((1, 8, 4, 4, 4), "cpu")
    assert torch.equal(max_pool(x), plain(x))
