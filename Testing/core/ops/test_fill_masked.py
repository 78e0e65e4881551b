"""Filling what is masked: torch.where, and the same by kernels."""

import pytest
import torch

from mambamim.errors import BadInputError
from mambamim.ops import fill_masked as module
from mambamim.ops.fill_masked import fill_masked, spread_visible
from mambamim.ops.triton_support import kernels
from mambamim.pretraining.hybrid_decoder import LearnableToken

LAST = torch.channels_last_3d
# Features, and the grid of the mask.
CASES = [
    ((2, 64, 4, 4, 8), (1, 2, 2)), ((2, 3, 5, 1, 17), (5, 1, 1)), ((1, 40, 2, 2, 2), (2, 2, 2)),
    ((3, 1, 6, 4, 4), (3, 2, 1)), ((2, 160, 3, 6, 3), (1, 3, 3)),
]  # fmt: skip


def draw(shape, grid, device, dtype=torch.float32):
    """Features, a mask and a token."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator).to(device, dtype).contiguous(memory_format=LAST)
    visible = torch.rand(shape[0], *grid, generator=generator) < 0.5
    token = torch.randn(shape[1], generator=generator).to(device)
    return x.requires_grad_(), visible.to(device), token.requires_grad_()


def want(x, visible, token):
    fill = x.new_zeros(()) if token is None else token.to(x.dtype)[:, None, None, None]
    return torch.where(spread_visible(visible, tuple(x.shape[2:])), x, fill)


def pull(y):
    """A gradient."""
    given = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    return given.to(y.device, y.dtype).contiguous(memory_format=LAST)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("shape", "grid"), CASES)
def test_kernels_give_what_torch_gives(shape, grid, dtype, kernel_device):
    x, visible, token = draw(shape, grid, kernel_device, dtype)
    y = fill_masked(x, visible, token)
    assert type(y.grad_fn).__name__ == "_FillMaskedBackward"
    assert y.dtype == dtype
    assert y.is_contiguous(memory_format=LAST)
    expected = want(x, visible, token)
    torch.testing.assert_close(y, expected)  # interpreted kernels round to bf16 towards zero
    for_x, for_token = torch.autograd.grad(y, [x, token], pull(y))
    assert torch.equal(for_x, torch.autograd.grad(expected, x, pull(y))[0])
    assert for_token.dtype == torch.float32
    masked = ~spread_visible(visible, shape[2:]) * pull(y).double()
    torch.testing.assert_close(for_token, masked.sum((0, 2, 3, 4)).float(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("shape", "grid"), CASES)
def test_without_a_token_masked_places_are_zero(shape, grid, kernel_device):
    x, visible, _ = draw(shape, grid, kernel_device)
    seen = spread_visible(visible, shape[2:]).expand(shape)
    with torch.no_grad():
        x[~seen] = torch.nan
    y = fill_masked(x, visible)
    assert torch.equal(y, want(x, visible, None))
    grad = pull(y).masked_fill(~seen, torch.nan)  # what is not used may be anything
    assert torch.equal(torch.autograd.grad(y, x, grad)[0], want(grad, visible, None))


def test_a_sum_of_many_tiles_is_the_same_every_time(kernel_device, monkeypatch):
    x, visible, token = draw((2, 24, 8, 16, 16), (2, 2, 2), kernel_device)
    monkeypatch.setattr(kernels("fill_masked_triton", x), "_PROGRAMS", 3)
    y = fill_masked(x, visible, token)
    one, two = (torch.autograd.grad(y, token, pull(y), retain_graph=True)[0] for _ in range(2))
    assert torch.equal(one, two)
    (wide,) = torch.autograd.grad(want(x.double(), visible, token), token, pull(y).double())
    torch.testing.assert_close(one, wide)


def test_another_layout_is_left_to_torch(kernel_device, monkeypatch):
    monkeypatch.setattr(module._FillMasked, "apply", None)
    x, visible, token = draw((2, 6, 2, 4, 4), (1, 2, 1), kernel_device)
    plain = x.detach().contiguous()
    assert torch.equal(fill_masked(plain, visible, token), want(plain, visible, token))
    one = fill_masked(x.detach(), visible[:1], token)  # a mask that all samples share
    assert torch.equal(one, want(x, visible[:1], token))


def test_a_mask_that_does_not_divide_the_voxels_is_refused(kernel_device):
    x, _, token = draw((1, 4, 4, 4, 6), (1, 1, 1), kernel_device)
    for features in (x, x.detach().contiguous()):
        with pytest.raises(BadInputError, match="divide"):
            fill_masked(features, x.new_ones(1, 2, 2, 4, dtype=torch.bool), token)


def test_a_learnt_token_learns_from_masked_voxels_under_autocast(kernel_device):
    x, visible, _ = draw((2, 8, 2, 4, 4), (1, 2, 2), kernel_device, torch.bfloat16)
    fill = LearnableToken(8).to(kernel_device)
    with torch.autocast(kernel_device.type, torch.bfloat16):
        y = fill.fill(x, visible)
    assert y.dtype == torch.bfloat16
    y.float().sum().backward()
    assert fill.token.grad.dtype == torch.float32
    assert (fill.token.grad == 4 * 4 * (~visible).sum() / 2).all()
