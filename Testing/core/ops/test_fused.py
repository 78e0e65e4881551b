"""What follows a convolution or a norm in one kernel: values and gradients of torch's parts."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mambamim.ops.bias_act import bare, bias_act, convolve_act, pointwise
from mambamim.ops.channel_norm import channel_norm
from mambamim.ops.group_norm import norm_leaky
from mambamim.ops.sparse import convolve_bare
from mambamim.ops.triton_support import kernels
from mambamim.ops.visible_blocks import VisibleBlocks

LAST = torch.channels_last_3d
SHAPES = [(2, 6, 4, 3, 6), (1, 40, 2, 2, 17)]
DTYPES = [torch.float32, torch.bfloat16]


def draw(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 2 + 0.5


def differ(one, two) -> float:
    """Relative distance of two lists of tensors, the worst."""
    pairs = zip(one, two, strict=True)
    return max(float((a.double() - b.double()).norm() / b.double().norm()) for a, b in pairs)


def features(shape, seed, device, dtype):
    return draw(shape, seed).to(device, dtype).contiguous(memory_format=LAST).requires_grad_()


def parameters(count, channels, device):
    return [draw((channels,), 10 + k).to(device).requires_grad_() for k in range(count)]


def wide(tensors):
    """Their likes in double precision, for torch's own parts."""
    return [t if t is None else t.detach().double().contiguous().requires_grad_() for t in tensors]


def compare(call, plain, inputs, dtype):
    """The kernels' values and gradients with those of torch in double precision."""
    results = []
    for run, given in ((call, inputs), (plain, wide(inputs))):
        out = run(*given)
        pull = draw(out.shape, 99).to(out.device, dtype).to(out.dtype)
        wanted = [t for t in given if t is not None]
        results.append([out, *torch.autograd.grad(out, wanted, pull)])
    got, want = results
    assert got[0].dtype == dtype
    assert got[0].is_contiguous(memory_format=LAST)
    assert [g.dtype for g in got[1:]] == [t.dtype for t in inputs if t is not None]
    assert differ(got, want) < (2e-5 if dtype == torch.float32 else 2e-2)


def over_space(values):
    return values[:, None, None, None]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("slope", [None, 0.1])
@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_bias_residual_and_activation(shape, adds, slope, dtype, kernel_device):
    def plain(x, bias, residual):
        total = x + over_space(bias) + (0 if residual is None else residual)
        return total if slope is None else F.leaky_relu(total, slope)

    x = features(shape, 0, kernel_device, dtype)
    residual = features(shape, 1, kernel_device, dtype) if adds else None
    inputs = [x, *parameters(1, shape[1], kernel_device), residual]
    # It writes over what a convolution gave, which is no leaf.
    compare(lambda x, b, r: bias_act(x.clone(), b, slope, r), plain, inputs, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize(
    ("slope", "adds"), [(None, False), (0.1, False), (None, True), (0.1, True)]
)
def test_channel_norm_and_what_is_around_it(slope, adds, before, dtype, kernel_device):
    shape = (2, 6, 4, 3, 6)

    def plain(x, weight, bias, first, residual):
        x = x if first is None else x + over_space(first)
        normed = F.layer_norm(x.movedim(1, -1), (6,), weight, bias, 1e-6).movedim(-1, 1)
        total = normed if residual is None else normed + residual
        return total if slope is None else F.leaky_relu(total, slope)

    def fused(x, weight, bias, first, residual):
        return channel_norm(x, weight, bias, 1e-6, first, residual, slope)

    x = features(shape, 0, kernel_device, dtype)
    weight, bias, first = parameters(3, 6, kernel_device)
    residual = features(shape, 1, kernel_device, dtype) if adds else None
    compare(fused, plain, [x, weight, bias, first if before else None, residual], dtype)


def make_norm(kind, channels, shift, device):
    """A norm with fresh parameters where it has any."""
    if kind == "groups":
        norm = nn.GroupNorm(2, channels)
    else:
        norm = nn.InstanceNorm3d(channels, affine=kind == "affine instances")
    for number, values in enumerate(norm.parameters()):
        values.data = draw((channels,), shift + number)
    return norm.to(device)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("after", ["nothing", "a residual", "a normed residual"])
@pytest.mark.parametrize("kind", ["groups", "instances", "affine instances"])
@pytest.mark.parametrize("shape", SHAPES)
def test_norms_over_space_and_what_follows(shape, kind, after, dtype, kernel_device):
    norm, other_norm = (make_norm(kind, shape[1], shift, kernel_device) for shift in (20, 30))
    pair = after == "a normed residual"

    def plain(x, other, *weights):
        own, others = [list(weights[k : k + 2]) or [None, None] for k in (0, 2)]
        groups = 2 if kind == "groups" else shape[1]
        total = F.group_norm(x, groups, *own, 1e-5)
        if other is not None:
            total = total + (F.group_norm(other, groups, *others, 1e-5) if pair else other)
        return F.leaky_relu(total, 0.1)

    def fused(x, other, *weights):
        return norm_leaky(x, norm, 0.1, other, other_norm if pair else None)

    x = features(shape, 0, kernel_device, dtype)
    other = None if after == "nothing" else features(shape, 1, kernel_device, dtype)
    used = [*norm.parameters(), *(other_norm.parameters() if pair else ())]
    compare(fused, plain, [x, other, *used], dtype)


def test_a_norm_over_space_keeps_its_precision_far_from_zero(kernel_device):
    x = draw((1, 4, 8, 8, 8), 0).to(kernel_device).add(300).contiguous(memory_format=LAST)
    got = norm_leaky(x, nn.InstanceNorm3d(4), 0.1)
    want = F.leaky_relu(F.group_norm(x.double(), 4), 0.1)
    assert differ([got], [want]) < 1e-4


@pytest.mark.parametrize("programs", [1, 6])
def test_sums_do_not_depend_on_who_shares_them(programs, kernel_device, monkeypatch):
    x = draw((2, 40, 3, 4, 17), 0).to(kernel_device).contiguous(memory_format=LAST)
    found = kernels("group_norm_triton", x)
    monkeypatch.setattr(found, "_PROGRAMS", programs)
    sums = found.sums(x)
    assert sums.shape == (2, 2, 40, max(1, programs // 2))
    values = (x - x[:, :, 1:2, 2:3, 8:9]).flatten(2)  # without that in the middle
    want = torch.stack([values.sum(2), values.square().sum(2)], 1)
    assert differ([sums.sum(3)], [want]) < 1e-5


@pytest.mark.parametrize("make", [nn.Conv3d, nn.ConvTranspose3d])
def test_a_bare_convolution_leaves_its_bias(make, kernel_device):
    torch.manual_seed(0)
    conv = make(4, 6, 2, stride=2).to(kernel_device, memory_format=LAST)
    x = features((1, 4, 4, 4, 4), 0, kernel_device, torch.float32)
    y, bias = bare(conv, x)
    assert bias is conv.bias
    torch.testing.assert_close(y + over_space(bias), conv(x))
    got = convolve_act(conv, x, 0.1)
    torch.testing.assert_close(got, F.leaky_relu(conv(x), 0.1))


def test_a_bare_convolution_of_visible_blocks_leaves_its_bias(kernel_device):
    torch.manual_seed(0)
    where = VisibleBlocks(torch.tensor([[[[True, False, True]]]], device=kernel_device))
    conv = nn.Conv3d(4, 6, 3, padding=1).to(kernel_device)
    blocks = features((2, 4, 2, 2, 2), 0, kernel_device, torch.float32)
    y, bias = convolve_bare(conv, blocks, where)
    assert bias is conv.bias
    torch.testing.assert_close(y + over_space(bias), where.convolve(conv, blocks))


def test_a_pointwise_convolution_is_a_matrix_product(kernel_device):
    torch.manual_seed(0)
    conv = nn.Conv3d(4, 40, 1).to(kernel_device)
    x = features((2, 4, 2, 3, 4), 0, kernel_device, torch.float32)
    y = pointwise(conv, x)
    assert y.is_contiguous(memory_format=LAST)
    parts = [x, conv.weight, conv.bias]
    pull = torch.ones_like(y)
    with torch.backends.cudnn.flags(enabled=False):  # which would round to TF32
        want = conv(x)
        wanted = torch.autograd.grad(want, parts, pull)
    torch.testing.assert_close(y, want)
    assert differ(torch.autograd.grad(y, parts, pull), wanted) < 1e-5


def test_without_a_gpu_they_are_torchs_own():
    torch.manual_seed(0)
    conv, x = nn.Conv3d(4, 6, 1), features((1, 4, 2, 3, 4), 0, "cpu", torch.float32)
    y, bias = bare(conv, x)
    assert bias is None
    assert torch.equal(y, conv(x))
    assert torch.equal(pointwise(conv, x), conv(x))
    assert norm_leaky(x, nn.InstanceNorm3d(4), 0.1) is None
    residual = torch.randn_like(y)
    assert torch.equal(convolve_act(conv, x, 0.1, residual), F.leaky_relu(conv(x) + residual, 0.1))
