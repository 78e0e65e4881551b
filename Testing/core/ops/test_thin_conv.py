"""The convolution with few channels: torch's own without a GPU, and the same with the kernels."""

import dataclasses
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mambamim.ops import triton_support
from mambamim.ops.thin_conv import ThinConv3d, is_thin, thin_conv

# (B, C_in, D, H, W) and C_out: sides that are no multiple of any tile, and lines that hold no
# two voxels for each row of a matrix (odd W) or hold eight.
SHAPES = [
    ((2, 1, 3, 5, 8), 16),
    ((1, 1, 2, 3, 7), 16),
    ((2, 16, 3, 5, 6), 16),
    ((2, 24, 4, 3, 5), 16),
    ((1, 16, 2, 13, 11), 40),
    ((1, 48, 2, 3, 5), 24),
]
# Triton's interpreter multiplies the bits of bfloat16 as if they were whole numbers.
HALF = torch.bfloat16 if torch.cuda.is_available() else torch.float16


def draw(shape, outputs, device="cpu", dtype=torch.float32):
    """Features, a weight and a bias."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator).to(device, dtype)
    weight = torch.randn(outputs, shape[1], 3, 3, 3, generator=generator).to(device) / 5
    bias = torch.randn(outputs, generator=generator).to(device)
    last = x.contiguous(memory_format=torch.channels_last_3d)
    return [values.requires_grad_() for values in (last, weight, bias)]


def differ(one, two) -> list[float]:
    """Relative distances of two lists of tensors."""
    pairs = zip(one, two, strict=True)
    pairs = [(a.detach().double(), b.detach().double()) for a, b in pairs]
    return [float((a - b).norm() / b.norm()) for a, b in pairs]


def run(call, values):
    """What `call` gives, and the gradients of `values` that it used."""
    y = call(*values)
    pull = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y.device, y.dtype)
    return [y, *torch.autograd.grad(y, values, pull)]


def plain(slope):
    """Torch's own in double precision."""

    def call(x, weight, bias=None):
        bias = None if bias is None else bias.double()
        y = F.conv3d(x.double().contiguous(), weight.double(), bias, padding=1)
        return y if slope is None else F.leaky_relu(y, slope)

    return call


def ours(slope):
    return lambda x, weight, bias=None: thin_conv(x, weight, bias, slope)


@pytest.mark.parametrize("slope", [None, 0.01])
@pytest.mark.parametrize(("shape", "outputs"), SHAPES)
def test_without_a_gpu_it_is_torchs_own(shape, outputs, slope):
    values = draw(shape, outputs)
    assert max(differ(run(ours(slope), values), run(plain(slope), values))) < 1e-5


@pytest.mark.parametrize("dtype", [torch.float32, HALF])
@pytest.mark.parametrize("slope", [None, 0.2])
@pytest.mark.parametrize(("shape", "outputs"), SHAPES)
def test_the_kernels_give_what_torch_gives_in_double_precision(
    shape, outputs, slope, dtype, kernel_device
):
    values = draw(shape, outputs, kernel_device, dtype)
    with torch.backends.cudnn.flags(allow_tf32=False):
        got = run(ours(slope), values)
    assert got[0].dtype == dtype
    assert got[0].is_contiguous(memory_format=torch.channels_last_3d)
    # In half precision the weight is one too; the sign of an output near 0 may differ.
    values[1] = values[1].to(dtype).detach().requires_grad_()
    assert max(differ(got, run(plain(slope), values))) < (1e-5 if dtype == torch.float32 else 1e-2)


def test_the_kernels_need_no_bias(kernel_device):
    values = draw((1, 16, 2, 3, 4), 16, kernel_device)[:2]
    with torch.backends.cudnn.flags(allow_tf32=False):
        got = run(ours(None), values)
    assert max(differ(got, run(plain(None), values))) < 1e-5


def test_the_kernels_follow_autocast_and_give_only_the_gradients_that_are_wanted(kernel_device):
    x, weight, bias = draw((1, 1, 2, 3, 8), 16, kernel_device)
    with torch.autocast(kernel_device.type, HALF):
        y = thin_conv(x.detach(), weight, bias)
    assert y.dtype == HALF
    (grad,) = torch.autograd.grad(y.float().sum(), [weight])
    assert grad.dtype == torch.float32
    assert grad.isfinite().all()


@pytest.mark.parametrize(("depth", "programs", "k"), [(1, 1, 64), (2, 3, 32), (3, 1000, 64)])
def test_the_kernels_give_the_same_however_the_work_is_cut(depth, programs, k, kernel_device):
    found = triton_support.kernels("thin_conv_triton", torch.zeros(1, device=kernel_device))
    x, weight, bias = (v.detach() for v in draw((2, 16, 3, 2, 3), 24, kernel_device))
    grad = F.conv3d(x, weight, bias, padding=1).contiguous(memory_format=torch.channels_last_3d)
    cut = {"depth": depth, "programs": programs, "k": k, "m": 32, "n": 16}
    with torch.backends.cudnn.flags(allow_tf32=False):
        plan = dataclasses.replace(found.plan_correlate(x, 24), **cut)
        got = found.correlate(x, weight, bias, None, plan), found.weight_gradient(x, grad, plan)
    wide = weight.double().requires_grad_()
    y = F.conv3d(x.double(), wide, bias.double(), padding=1)
    (want,) = torch.autograd.grad(y, [wide], grad.double())
    assert max(differ(got, (y, want))) < 1e-5


def test_other_layouts_and_wide_weights_are_torchs_own(kernel_device, monkeypatch):
    monkeypatch.setitem(sys.modules, "mambamim.ops.thin_conv_triton", None)
    triton_support._module.cache_clear()
    x, weight, _ = draw((1, 16, 2, 3, 4), 16, kernel_device)
    assert thin_conv(x.contiguous(), weight).shape == x.shape
    for inputs, outputs in ((130, 2), (16, 64)):
        x, weight, _ = draw((1, inputs, 2, 2, 2), outputs, kernel_device)
        assert thin_conv(x, weight).shape == (1, outputs, 2, 2, 2)
    triton_support._module.cache_clear()


def test_gradients_of_many_channels_are_cudnns(kernel_device):
    """Forward by the kernel, backward by torch."""
    values = draw((2, 80, 2, 3, 4), 16, kernel_device)
    got = run(lambda x, w, b: thin_conv(x, w, b, 0.1), values)
    want = run(plain(0.1), [value.detach().requires_grad_() for value in values])
    assert max(differ(got, want)) < 1e-5


def test_layers_that_it_can_stand_for_are_known():
    thin = nn.Conv3d(16, 32, 3, padding=1)
    assert is_thin(thin)
    assert is_thin(ThinConv3d(16, 32, bias=False))
    others = [
        nn.Conv3d(16, 64, 3, padding=1),
        nn.Conv3d(256, 32, 3, padding=1),
        nn.Conv3d(16, 32, 3),
        nn.Conv3d(16, 32, 3, padding=1, stride=2),
        nn.Conv3d(16, 32, 1),
        nn.Conv3d(16, 32, 3, padding=1, groups=2),
        nn.Conv3d(16, 32, 3, padding=1, padding_mode="replicate"),
        nn.ConvTranspose3d(16, 32, 3, padding=1),
    ]
    assert not any(is_thin(layer) for layer in others)
    x = torch.randn(1, 16, 4, 4, 4)
    layer = ThinConv3d(16, 8)
    assert torch.equal(layer(x), F.conv3d(x, layer.weight, layer.bias, padding=1))
