"""The depthwise kernels give torch's results, however the work is cut."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from mambamim.ops.triton_support import kernels

LAST = torch.channels_last_3d
# Sides that patches divide and sides that they do not; channels that fill programs and that do not.
SHAPES = [
    (1, 24, 5, 4, 8), (1, 3, 2, 17, 2), (2, 40, 3, 5, 2), (1, 96, 2, 2, 5), (1, 64, 1, 1, 1),
    (1, 16, 4, 2, 17),
]  # fmt: skip


def draw(shape, device, dtype):
    """Features, weights, biases and a gradient."""
    generator = torch.Generator().manual_seed(0)
    sizes = shape, (shape[1], 27), (shape[1],), shape
    x, weight, bias, grad = (torch.randn(size, generator=generator).to(device) for size in sizes)
    x, grad = (part.to(dtype).contiguous(memory_format=LAST) for part in (x, grad))
    return x, weight, bias, grad


def want(x, weight, bias, grad):
    """Result and the gradient of the weights, in double precision."""
    x, weight, bias, grad = (part.detach().cpu().double() for part in (x, weight, bias, grad))
    weight.requires_grad_()
    taps = weight.view(-1, 1, 3, 3, 3)
    y = F.conv3d(x.contiguous(), taps, bias, padding=1, groups=len(taps))
    return y.detach(), *torch.autograd.grad(y, weight, grad.contiguous())


def error(got, wanted):
    return float((got.cpu().double() - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("shape", SHAPES)
def test_every_cut_along_depth_gives_what_torch_gives(shape, kernel_device):
    x, weight, bias, grad = draw(shape, kernel_device, torch.float32)
    found = kernels("depthwise_triton", x)
    y, for_weight = want(x, weight, bias, grad)
    usual = found.correlate(x, weight, bias)
    assert usual.is_contiguous(memory_format=LAST)
    assert error(usual, y) < 1e-6
    assert error(found.weight_gradient(x, grad), for_weight) < 1e-6
    for depth in sorted({2, shape[2] // 2 + 1, shape[2]}):
        plan = dataclasses.replace(found.make_plan(x, 1), depth=depth)
        # The order of a sum does not depend on the cut.
        assert torch.equal(found.correlate(x, weight, bias, plan), usual)
        assert error(found.weight_gradient(x, grad, plan), for_weight) < 1e-6


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sums_of_half_precision_are_wide(dtype, kernel_device):
    x, weight, bias, grad = draw((1, 24, 3, 2, 8), kernel_device, dtype)
    found = kernels("depthwise_triton", x)
    y, for_weight = want(x, weight, bias, grad)
    got = found.correlate(x, weight, bias)
    assert got.dtype == dtype
    assert error(got, y) < torch.finfo(dtype).eps
    assert error(found.weight_gradient(x, grad), for_weight) < 1e-6


def test_weights_may_be_rounded_as_inference_on_cards_rounds_them(kernel_device):
    x, weight, bias, grad = draw((1, 24, 3, 2, 8), kernel_device, torch.bfloat16)
    rounded = weight.to(torch.bfloat16), bias.to(torch.bfloat16)
    y, _ = want(x, *rounded, grad)
    got = kernels("depthwise_triton", x).correlate(x, *rounded)
    assert error(got, y) < torch.finfo(torch.bfloat16).eps


@pytest.mark.parametrize(("lines", "span"), [(1, 1), (1, 4), (2, 2), (4, 2), (4, 4), (2, 8)])
def test_every_patch_gives_what_torch_gives(lines, span, kernel_device):
    x, weight, _, grad = draw((2, 24, 3, 4, 8), kernel_device, torch.float32)
    found = kernels("depthwise_triton", x)
    plan = dataclasses.replace(found.make_plan(x, 1), lines=lines, span=span, rows=4, warps=1)
    y, for_weight = want(x, weight, torch.zeros(24), grad)
    assert error(found.correlate(x, weight, None, plan), y) < 1e-6
    assert error(found.weight_gradient(x, grad, plan), for_weight) < 1e-6


def test_work_is_cut_until_programs_are_enough(kernel_device):
    x = torch.zeros(1, 64, 24, 8, 16, device=kernel_device)
    found = kernels("depthwise_triton", x)
    (few, _), (many, _) = (found._grid(x, found.make_plan(x, count)) for count in (1, 10))
    assert few == 4  # 16 patches, 4 a program
    assert many >= 10
    assert found.make_plan(x, 10**6).depth == 6
    assert found.make_plan(x[:, :, :5], 10**6).depth == 5


def test_what_is_not_channels_last_is_copied(kernel_device):
    x, weight, bias, grad = draw((1, 6, 2, 2, 4), kernel_device, torch.float32)
    found = kernels("depthwise_triton", x)
    plain, pull = x.contiguous(), grad.contiguous()
    assert torch.equal(found.correlate(plain, weight, bias), found.correlate(x, weight, bias))
    assert torch.equal(found.weight_gradient(plain, pull), found.weight_gradient(x, grad))
