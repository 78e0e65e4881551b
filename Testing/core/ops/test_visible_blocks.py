"""Convolutions of visible blocks are those of the whole masked volume."""

import pytest
import torch
from tiny_networks import TINY
from torch import nn

from mambamim.models import build_model
from mambamim.ops.sparse import hide
from mambamim.ops.visible_blocks import VisibleBlocks, visible_places
from mambamim.pretraining import draw_visible

LAYOUTS = [torch.contiguous_format, torch.channels_last_3d]


def draw(layout=torch.contiguous_format):
    generator = torch.Generator().manual_seed(0)
    visible = torch.rand(2, 3, 2, 4, generator=generator) < 0.4  # not the same number in each
    volume = torch.randn(2, 6, 12, 8, 16, generator=generator)
    return volume.contiguous(memory_format=layout), visible


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("groups", [1, 6])
def test_a_convolution_and_its_gradients_are_those_of_the_whole(layout, groups):
    volume, visible = draw(layout)
    volume.requires_grad_()
    conv = nn.Conv3d(6, 6, 3, padding=1, groups=groups)
    where = VisibleBlocks(visible)
    want = hide(conv(hide(volume, visible)), visible)
    got = where.spread(where.convolve(conv, where.cut(volume)))
    assert got.is_contiguous(memory_format=layout) or groups == 1
    assert torch.allclose(got, want, atol=1e-6)
    pull = torch.randn_like(want)
    parts = [volume, conv.weight, conv.bias]
    for one, two in zip(
        torch.autograd.grad(got, parts, pull),
        torch.autograd.grad(want, parts, pull),
        strict=True,
    ):
        assert torch.allclose(one, two, atol=1e-4)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_cutting_and_spreading_undo_each_other(layout):
    volume, visible = draw(layout)
    where = VisibleBlocks(visible)
    blocks = where.cut(volume)
    assert blocks.shape == (int(visible.sum()), 6, 4, 4, 4)
    assert blocks.is_contiguous(memory_format=layout)
    assert torch.equal(where.spread(blocks), hide(volume, visible))


@pytest.mark.parametrize("name", ["hymamba", "hymamba_small"])
def test_an_encoder_makes_of_blocks_what_it_makes_of_the_whole(name):
    torch.manual_seed(0)
    encoder = build_model(name, **TINY[name]).encoder
    visible = draw_visible(2, (2, 3, 2), 0.6, torch.Generator().manual_seed(0))
    volume = torch.randn(2, 1, 32, 48, 32)
    results = []
    for where in (VisibleBlocks(visible), visible):
        encoder.zero_grad()
        features = encoder(volume, where)
        sum((f * f.detach().sin()).sum() for f in features).backward()
        results.append((features, [p.grad.clone() for p in encoder.parameters()]))
    for one, two in zip(*(features for features, _ in results), strict=True):
        assert one.shape == two.shape
        assert torch.allclose(one, two, atol=1e-4)
    for one, two in zip(*(grads for _, grads in results), strict=True):
        assert torch.allclose(one, two, rtol=1e-3, atol=1e-3 * float(two.abs().max()) + 1e-6)


def test_visible_places_are_in_raster_order():
    visible = draw_visible(3, (6, 6, 6), 0.75, torch.Generator().manual_seed(0)).flatten(1)
    for row, found in zip(visible, visible_places(visible, 54), strict=True):
        assert torch.equal(found, row.nonzero()[:, 0])


def test_places_are_the_same_where_their_number_is_known():
    visible = draw_visible(3, (2, 4, 3), 0.6, torch.Generator().manual_seed(0))
    one, two = VisibleBlocks(visible, each=10), VisibleBlocks(visible)
    assert one.count == two.count == 30
    assert torch.equal(one.beside, two.beside)
    volume = torch.randn(3, 2, 8, 16, 12)
    assert torch.equal(one.cut(volume), two.cut(volume))


def test_masked_voxels_are_never_read():
    volume, visible = draw()
    where = VisibleBlocks(visible)
    other = torch.where(hide(torch.ones_like(volume), visible) > 0, volume, torch.nan)
    assert torch.equal(where.cut(volume), where.cut(other))
