"""The causal convolution against its sum written out."""

import pytest
import torch
import torch.nn.functional as F

from mambamim.ops import triton_support
from mambamim.ops.causal_conv import causal_conv1d, causal_conv1d_both


def test_equals_its_sum_and_sees_no_future():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 9, generator=generator, dtype=torch.float64)
    weight = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    bias = torch.randn(3, generator=generator, dtype=torch.float64)
    want = torch.empty_like(x)
    for t in range(9):
        total = bias.clone().expand(2, 3)
        for k in range(4):
            if t - 3 + k >= 0:
                total = total + weight[:, k] * x[:, :, t - 3 + k]
        want[:, :, t] = F.silu(total)
    torch.testing.assert_close(causal_conv1d(x, weight, bias), want)


def drawn(batch, width, length, directions, inner, dtype=torch.float32, device="cpu"):
    """x, weight and bias; `inner` as linear layers leave it, channels innermost in memory."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator).to(device, dtype)

    x = draw(batch, length, 2 * width).mT[:, :width] if inner else draw(batch, width, length)
    leaves = [x, draw(directions, width, 4), draw(directions, width)]
    return [leaf.detach().requires_grad_() for leaf in leaves]


def test_both_directions_are_each_other_turned_round():
    x, weight, bias = drawn(2, 3, 9, 2, inner=False)
    got = causal_conv1d_both(x, weight, bias)
    torch.testing.assert_close(got[:2], causal_conv1d(x, weight[0], bias[0]))
    torch.testing.assert_close(got[2:].flip(2), causal_conv1d(x.flip(2), weight[1], bias[1]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("inner", [True, False])
@pytest.mark.parametrize("directions", [1, 2])
def test_the_kernels_give_what_torch_gives(directions, inner, dtype, kernel_device, monkeypatch):
    leaves = drawn(2, 70, 19, directions, inner, dtype, kernel_device)
    exact = [leaf.detach().double().requires_grad_() for leaf in leaves]

    def run(x, weight, bias):
        if directions == 2:
            return causal_conv1d_both(x, weight, bias)
        return causal_conv1d(x, weight[0], bias[0])

    got = run(*leaves)
    assert got.dtype == dtype
    pull = torch.randn(got.shape, generator=torch.Generator().manual_seed(1)).to(got)
    grads = torch.autograd.grad(got, leaves, pull)
    monkeypatch.setattr(triton_support, "can_run", lambda like: False)
    want = run(*exact)
    wanted = torch.autograd.grad(want, exact, pull.double())
    for one, two in zip([got, *grads], [want, *wanted], strict=True):
        assert one.dtype == dtype
        assert (one.double() - two).norm() < (1e-6 if dtype == torch.float32 else 5e-3) * two.norm()
