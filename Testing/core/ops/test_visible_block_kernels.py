"""Kernels for visible blocks give what torch gives."""

import pytest
import torch
from torch import nn

from mambamim.ops import triton_support
from mambamim.ops.depthwise_conv import DepthwiseConv3d
from mambamim.ops.visible_blocks import VisibleBlocks

DTYPES = [torch.float32, torch.bfloat16]
# Channels, sides of a block, patches a sample along each axis.
CASES = [(6, (4, 4, 4), (2, 3, 2)), (40, (3, 2, 4), (2, 2, 2)), (1, (2, 4, 3), (3, 1, 2))]
# Few lines, as these are interpreted one by one; the last is longer than a program's.
DEPTHWISE_CASES = [
    (6, (2, 2, 4), (2, 2, 1)),
    (40, (2, 1, 3), (2, 1, 2)),
    (6, (1, 2, 18), (1, 1, 3)),
]


def draw_visible(grid, device="cpu"):
    """Two samples with unequal counts; the second has one patch without any neighbour."""
    visible = torch.rand(2, *grid, generator=torch.Generator().manual_seed(0)) < 0.7
    visible[0, :, 0, -1] = True
    visible[1] = False
    visible[1, 0, 0, -1] = True
    assert visible[0].sum() > 1
    return visible.to(device)


def draw(shape, device, dtype, seed=0):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(device, dtype)
    return x.contiguous(memory_format=torch.channels_last_3d).requires_grad_()


def is_last(x):
    return x.is_contiguous(memory_format=torch.channels_last_3d)


def volume_shape(channels, sides, grid):
    return (2, channels, *(side * places for side, places in zip(sides, grid, strict=True)))


def run(call, x, parameters=()):
    """What `call` gives, and the gradients of `x` and `parameters`."""
    y = call(x)
    pull = draw(y.shape, y.device, torch.bfloat16, seed=1).to(y.dtype)  # the same for every dtype
    return [y, *torch.autograd.grad(y, [x, *parameters], pull)]


def run_torch(monkeypatch, call, x, parameters=()):
    with monkeypatch.context() as patch:
        patch.setattr(triton_support, "can_run", lambda like: False)
        return run(call, x, parameters)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("channels", "sides", "grid"), CASES)
def test_borders(channels, sides, grid, dtype, kernel_device, monkeypatch):
    where = VisibleBlocks(draw_visible(grid, kernel_device))
    blocks = draw((where.count, channels, *sides), kernel_device, dtype)
    got = run(where._with_border, blocks)
    # In double precision, since torch would round every one of up to eight terms.
    exact = blocks.detach().double().requires_grad_()
    want = run_torch(monkeypatch, where._with_border, exact)
    assert all(y.dtype == dtype and is_last(y) for y in got)
    assert torch.equal(got[0].double(), want[0])
    # Interpreted, float32 is cut off to bfloat16 rather than rounded.
    rounding = 2.0**-7 if dtype == torch.bfloat16 else 1e-6
    assert torch.allclose(got[1].double(), want[1], rtol=rounding, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("channels", "sides", "grid"), CASES)
def test_cutting_and_spreading(channels, sides, grid, dtype, kernel_device, monkeypatch):
    where = VisibleBlocks(draw_visible(grid, kernel_device))
    volume = draw(volume_shape(channels, sides, grid), kernel_device, dtype)
    blocks = draw((where.count, channels, *sides), kernel_device, dtype)
    for call, x in ((where.cut, volume), (where.spread, blocks)):
        got, want = run(call, x), run_torch(monkeypatch, call, x)
        assert all(y.dtype == dtype and is_last(y) for y in got)
        assert all(torch.equal(one, two) for one, two in zip(got, want, strict=True))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("channels", "sides", "grid"), DEPTHWISE_CASES)
def test_depthwise_convolutions(channels, sides, grid, dtype, kernel_device, monkeypatch):
    torch.manual_seed(0)
    conv = DepthwiseConv3d(channels).to(kernel_device)
    where = VisibleBlocks(draw_visible(grid, kernel_device))
    blocks = draw((where.count, channels, *sides), kernel_device, dtype)
    parameters = [conv.weight, conv.bias]
    with torch.autocast(kernel_device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
        got = run(lambda x: where.convolve(conv, x), blocks, parameters)
    assert got[0].dtype == dtype
    assert is_last(got[0])
    exact = blocks.detach().double().requires_grad_()
    conv.double()
    want = run_torch(
        monkeypatch, lambda x: where.convolve(conv, x), exact, [conv.weight, conv.bias]
    )
    for one, two in zip(got, want, strict=True):
        error = (one.double() - two).norm() / two.norm()
        assert error.item() < (1e-6 if dtype == torch.float32 else 1e-2)


def test_a_dense_convolution_takes_the_kernels_borders(kernel_device, monkeypatch):
    conv = nn.Conv3d(6, 4, 3, padding=1).to(kernel_device)
    where = VisibleBlocks(draw_visible((2, 2, 2), kernel_device))
    blocks = draw((where.count, 6, 4, 4, 4), kernel_device, torch.float32)
    call = lambda x: where.convolve(conv, x)  # noqa: E731
    got = run(call, blocks, [conv.weight, conv.bias])
    want = run_torch(monkeypatch, call, blocks, [conv.weight, conv.bias])
    for one, two in zip(got, want, strict=True):
        assert torch.allclose(one, two, rtol=1e-5, atol=1e-4)
