"""The 1x1x1 convolution with few outputs: torch's own without a GPU, and the same with kernels."""

import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mambamim.ops import bias_act, triton_support
from mambamim.ops.bias_act import convolve_act, pointwise
from mambamim.ops.thin_pointwise import is_thin_pointwise, thin_pointwise

LAST = torch.channels_last_3d
# (B, C_in, D, H, W) and C_out.
SHAPES = [
    ((2, 16, 3, 4, 6), 14),
    ((1, 48, 2, 4, 9), 1),
    ((2, 24, 3, 5, 2), 21),
    ((1, 5, 4, 4, 4), 3),
    ((3, 16, 3, 5, 7), 21),
    ((1, 128, 1, 2, 2), 31),
    ((1, 1, 3, 3, 4), 2),
]
# Triton's interpreter multiplies the bits of bfloat16 as if they were whole numbers.
HALF = torch.bfloat16 if torch.cuda.is_available() else torch.float16


@pytest.fixture(autouse=True)
def exact():
    """Torch's float32 convolutions round to TF32 on GPUs, and so do the kernels."""
    with torch.backends.cudnn.flags(allow_tf32=False):
        yield


def draw(shape, outputs, device="cpu", dtype=torch.float32):
    """Features, a weight and a bias."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator).to(device, dtype).contiguous(memory_format=LAST)
    weight = torch.randn(outputs, shape[1], 1, 1, 1, generator=generator).to(device)
    bias = torch.randn(outputs, generator=generator).to(device)
    return [values.requires_grad_() for values in (x, weight, bias)]


def plain(x, weight, bias=None):
    """Torch's own in double precision."""
    bias = None if bias is None else bias.double()
    return F.conv3d(x.double().contiguous(), weight.double(), bias)


def run(call, values):
    """What `call` gives, and the gradients of `values`."""
    y = call(*values)
    pull = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    pull = pull.to(values[0]).to(y.dtype)  # as rounded for the one as for the other
    return [y, *torch.autograd.grad(y, values, pull)]


def differ(one, two) -> float:
    """Relative distance of two lists of tensors, the worst."""
    pairs = [(a.detach().double(), b.detach().double()) for a, b in zip(one, two, strict=True)]
    return max(float((a - b).norm() / b.norm()) for a, b in pairs)


@pytest.mark.parametrize(("shape", "outputs"), SHAPES)
def test_without_a_gpu_it_is_torchs_own(shape, outputs):
    values = draw(shape, outputs)
    assert torch.equal(thin_pointwise(*values), F.conv3d(*values))
    assert differ(run(thin_pointwise, values), run(plain, values)) < 1e-5


@pytest.mark.parametrize("dtype", [torch.float32, HALF])
@pytest.mark.parametrize(("shape", "outputs"), SHAPES)
def test_the_kernels_give_what_torch_gives(shape, outputs, dtype, kernel_device):
    values = draw(shape, outputs, kernel_device, dtype)
    got = run(thin_pointwise, values)
    assert [values.dtype for values in got] == [dtype, dtype, torch.float32, torch.float32]
    assert all(features.is_contiguous(memory_format=LAST) for features in got[:2])
    assert differ(got, run(plain, values)) < (1e-5 if dtype == torch.float32 else 1e-2)


def test_the_kernels_need_no_bias(kernel_device):
    values = draw((1, 16, 2, 3, 4), 14, kernel_device)[:2]
    assert differ(run(thin_pointwise, values), run(plain, values)) < 1e-5


def test_the_kernels_follow_autocast_and_give_only_the_gradients_that_are_wanted(kernel_device):
    x, weight, bias = draw((1, 16, 2, 3, 4), 14, kernel_device)
    with torch.autocast(kernel_device.type, HALF):
        y = thin_pointwise(x.detach(), weight, bias.detach())
    assert y.dtype == HALF
    (grad,) = torch.autograd.grad(y.float().sum(), [weight])
    want = x.detach().sum((0, 2, 3, 4)).expand(14, 16)
    torch.testing.assert_close(grad.flatten(1), want, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("programs", [1, 3, 1000])
def test_the_kernels_give_the_same_however_the_work_is_cut(programs, kernel_device, monkeypatch):
    found = triton_support.kernels("thin_pointwise_triton", torch.zeros(1, device=kernel_device))
    monkeypatch.setattr(found, "_PROGRAMS", programs)
    monkeypatch.setattr(found, "_SUMMING", programs)
    values = draw((2, 16, 5, 3, 6), 14, kernel_device)
    assert differ(run(thin_pointwise, values), run(plain, values)) < 1e-5


@pytest.mark.parametrize("call", [pointwise, convolve_act])
def test_layers_take_it_by_themselves(call, kernel_device, monkeypatch):
    taken = []
    monkeypatch.setattr(
        bias_act, "thin_pointwise", lambda *values: taken.append(1) or thin_pointwise(*values)
    )
    torch.manual_seed(0)
    conv = nn.Conv3d(16, 14, 1).to(kernel_device)
    x = draw((1, 16, 2, 3, 4), 14, kernel_device)[0]
    y = call(conv, x)
    assert taken == [1]
    assert differ([y], [plain(x, conv.weight, conv.bias)]) < 1e-5


def test_what_follows_a_layer_is_not_forgotten(kernel_device):
    torch.manual_seed(0)
    conv = nn.Conv3d(16, 14, 1).to(kernel_device, memory_format=LAST)
    x, residual = (draw((1, c, 2, 3, 4), 1, kernel_device)[0].detach() for c in (16, 14))
    want = plain(x, conv.weight, conv.bias)
    with torch.no_grad():
        assert differ([convolve_act(conv, x, 0.1)], [F.leaky_relu(want, 0.1)]) < 1e-5
        assert differ([convolve_act(conv, x, None, residual)], [want + residual]) < 1e-5


def test_other_layouts_and_wide_weights_are_torchs_own(kernel_device, monkeypatch):
    monkeypatch.setitem(sys.modules, "mambamim.ops.thin_pointwise_triton", None)
    triton_support._module.cache_clear()
    x, weight, bias = draw((1, 16, 2, 3, 4), 14, kernel_device)
    assert thin_pointwise(x.contiguous(), weight, bias).is_contiguous()
    for inputs, outputs in ((130, 2), (16, 32)):
        x, weight, bias = draw((1, inputs, 2, 2, 2), outputs, kernel_device)
        assert thin_pointwise(x, weight, bias).shape == (1, outputs, 2, 2, 2)
    triton_support._module.cache_clear()


def test_layers_that_it_can_stand_for_are_known():
    assert is_thin_pointwise(nn.Conv3d(16, 14, 1))
    assert is_thin_pointwise(nn.Conv3d(128, 31, 1, bias=False))
    others = [
        nn.Conv3d(16, 32, 1),
        nn.Conv3d(256, 14, 1),
        nn.Conv3d(16, 14, 3),
        nn.Conv3d(16, 14, 1, padding=1),
        nn.Conv3d(16, 14, 1, stride=2),
        nn.Conv3d(16, 14, 1, groups=2),
        nn.ConvTranspose3d(16, 14, 1),
    ]
    assert not any(is_thin_pointwise(layer) for layer in others)
