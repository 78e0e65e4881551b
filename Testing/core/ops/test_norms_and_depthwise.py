"""Operators with kernels for GPUs: torch's own elsewhere, and the same with the kernels."""

import sys
import types

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mambamim.ops import channel_norm, triton_support
from mambamim.ops.depthwise_conv import DepthwiseConv3d
from mambamim.ops.group_norm import GroupNormReLU
from mambamim.ops.triton_support import kernels

SHAPES = [(2, 6, 4, 3, 6), (1, 40, 2, 2, 17), (2, 136, 2, 1, 2)]


def draw(shape, device="cpu", dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    x = (3 * torch.randn(shape, generator=generator) + 1).to(device, dtype)
    return x.contiguous(memory_format=torch.channels_last_3d).requires_grad_()


def differ(one, two) -> float:
    """Relative distance of two lists of tensors, the worst."""
    pairs = zip(one, two, strict=True)
    return max(float((a.double() - b.double()).norm() / b.double().norm()) for a, b in pairs)


def run(call, x, parameters):
    """What `call` gives, and the gradients of `x` and `parameters`."""
    y = call(x)
    pull = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y.device, y.dtype)
    return [y, *torch.autograd.grad(y, [x, *parameters], pull)]


def make_depthwise(channels, device="cpu"):
    conv = DepthwiseConv3d(channels).to(device)
    plain = nn.Conv3d(channels, channels, 3, padding=1, groups=channels).to(device)
    plain.load_state_dict(conv.state_dict())
    return conv, plain, [conv.weight, conv.bias], [plain.weight, plain.bias]


def make_group_norm(channels, device="cpu"):
    norm = GroupNormReLU(2, channels).to(device)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    values = [norm.weight, norm.bias]
    return norm, lambda x: F.group_norm(x, 2, *values).relu(), values, values


def make_channel_norm(channels, device="cpu"):
    values = [torch.randn(channels, device=device, requires_grad=True) for _ in range(2)]

    def plain(x):
        return F.layer_norm(x.movedim(1, -1), (channels,), *values, 1e-6).movedim(-1, 1)

    return lambda x: channel_norm.channel_norm(x, *values, 1e-6), plain, values, values


MAKERS = [make_depthwise, make_group_norm, make_channel_norm]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_without_a_gpu_they_are_torchs_own(make, shape):
    torch.manual_seed(0)
    ours, plain, own, theirs = make(shape[1])
    x = draw(shape)
    assert differ(run(ours, x, own), run(plain, x, theirs)) < 1e-5


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernels_give_what_torch_gives_in_double_precision(make, shape, dtype, kernel_device):
    x = draw(shape, kernel_device, dtype)
    torch.manual_seed(0)
    ours, plain, own, theirs = make(shape[1], kernel_device)
    with torch.autocast(kernel_device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
        got = run(ours, x, own)
    assert got[0].dtype == dtype
    assert got[0].is_contiguous(memory_format=torch.channels_last_3d)
    with torch.backends.cudnn.flags(enabled=False):
        want = run(plain, x.detach().float().contiguous().requires_grad_(), theirs)
    assert differ(got, want) < (1e-5 if dtype == torch.float32 else 1e-2)


def test_channel_norm_keeps_dtype_and_layout():
    x = draw((2, 6, 4, 3, 6)).to(torch.bfloat16)
    weight, bias = torch.ones(6), torch.zeros(6)
    with torch.autocast("cpu", torch.bfloat16):
        y = channel_norm.channel_norm(x, weight, bias, 1e-6)
    assert y.dtype == torch.bfloat16
    assert y.is_contiguous(memory_format=torch.channels_last_3d)
    plain = channel_norm.channel_norm(x.contiguous(), weight, bias, 1e-6)
    assert plain.is_contiguous()
    assert torch.equal(plain, y)


def test_kernels_are_missed_plainly(monkeypatch):
    assert kernels("channel_norm_triton", torch.zeros(1)) is None  # on a CPU
    gpu = types.SimpleNamespace(is_cuda=True, device=torch.device("cuda", 0))
    monkeypatch.setattr(triton_support, "is_capable", lambda index: False)
    assert kernels("channel_norm_triton", gpu) is None  # an old card
    monkeypatch.setattr(triton_support, "is_capable", lambda index: True)
    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.delitem(sys.modules, "mambamim.ops.triton_launch", raising=False)
    for name in (
        "bias_act_triton",
        "channel_norm_triton",
        "depthwise_triton",
        "fill_masked_triton",
        "group_factors_triton",
        "group_norm_triton",
        "join_triton",
        "max_pool_triton",
        "thin_pointwise_triton",
        "visible_blocks_triton",
        "visible_depthwise_triton",
    ):
        monkeypatch.delitem(sys.modules, f"mambamim.ops.{name}", raising=False)
        triton_support._module.cache_clear()
        assert kernels(name, gpu) is None  # Triton is not installed
    triton_support._module.cache_clear()
