"""Sparse operators against their dense counterparts on what is visible alone."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mambamim.errors import BadInputError
from mambamim.ops.sparse import (
    SparseAvgPool3d,
    SparseBatchNorm3d,
    SparseConv3d,
    SparseGroupNorm,
    SparseInstanceNorm3d,
    SparseMaxPool3d,
    hide,
    spread_visible,
)

VISIBLE = torch.rand(2, 2, 3, 2, generator=torch.Generator().manual_seed(0)) < 0.5
SEEN = spread_visible(VISIBLE, (8, 12, 8))
OPERATORS = {
    "conv": lambda: SparseConv3d(4, 6, 3, padding=1),
    "strided conv": lambda: SparseConv3d(4, 6, 2, stride=2),
    "max": lambda: SparseMaxPool3d(2),
    "average": lambda: SparseAvgPool3d(2),
    "instance": lambda: SparseInstanceNorm3d(4),
    "group": lambda: SparseGroupNorm(2, 4),
    "batch": lambda: SparseBatchNorm3d(4),
}


def features(seed=1):
    return torch.randn(2, 4, 8, 12, 8, generator=torch.Generator().manual_seed(seed)) - 3


def make(name):
    torch.manual_seed(0)
    operator = OPERATORS[name]()
    for weights in operator.parameters():
        nn.init.normal_(weights)
    return operator


def test_visibility_is_repeated_to_every_finer_grid():
    one = spread_visible(torch.tensor([[[[True, False]]]]), (2, 2, 4))
    assert one[0, 0].tolist() == [[[True, True, False, False]] * 2] * 2
    with pytest.raises(BadInputError, match="divide"):
        spread_visible(VISIBLE, (8, 12, 9))


def test_hiding_leaves_nothing_not_even_nan():
    x = features()
    x[~SEEN.expand_as(x)] = torch.nan
    hidden = hide(x, VISIBLE)
    assert torch.equal(hidden[SEEN.expand_as(x)], x[SEEN.expand_as(x)])
    assert (hidden[~SEEN.expand_as(x)] == 0).all()
    assert hide(x, None) is x


@pytest.mark.parametrize("name", OPERATORS)
def test_masked_voxels_change_nothing_and_stay_zero(name):
    operator = make(name)
    x = hide(features(), VISIBLE)
    out = operator(x, VISIBLE)
    seen = spread_visible(VISIBLE, tuple(out.shape[2:])).expand_as(out)
    assert (out[~seen] == 0).all()
    assert (out[seen] != 0).any()
    if "conv" not in name:  # a convolution's input is hidden by the one before it
        torch.manual_seed(0)
        again = make(name)(torch.where(SEEN, features(), 100.0), VISIBLE)
        assert torch.equal(again, out)


@pytest.mark.parametrize("name", OPERATORS)
def test_without_a_mask_it_is_the_dense_operator(name):
    operator = make(name)
    dense = super(type(operator), operator)
    everything = torch.ones_like(VISIBLE)
    x = features()
    want = dense.forward(x)
    assert torch.equal(operator(x), want)
    assert torch.allclose(operator(x, everything), want, atol=1e-5)


def test_a_masked_voxel_never_wins_a_maximum():
    """All visible values are negative: the zeros of masked voxels would win."""
    x = hide(-torch.rand(2, 4, 8, 12, 8) - 1, VISIBLE)
    pooled = SparseMaxPool3d(2)(x, VISIBLE)
    seen = spread_visible(VISIBLE, tuple(pooled.shape[2:])).expand_as(pooled)
    assert (pooled[seen] <= -1).all()
    wide = SparseMaxPool3d(8, stride=8)(x[:, :, :, :8], VISIBLE[:, :, :2])
    for sample in range(2):
        inside = SEEN[sample, :, :, :8].expand(4, -1, -1, -1)
        want = x[sample, :, :, :8][inside].view(4, -1).amax(1)
        assert torch.equal(wide[sample].flatten(), want)


def test_an_average_counts_visible_voxels_only():
    pooled = SparseAvgPool3d((8, 12, 8))(hide(features(), VISIBLE), VISIBLE)
    for sample in range(2):
        inside = SEEN[sample].expand(4, -1, -1, -1)
        want = features()[sample][inside].view(4, -1).mean(1)
        assert torch.allclose(pooled[sample].flatten(), want, atol=1e-5)


@pytest.mark.parametrize("groups", [2, 4])
def test_norms_take_the_moments_of_what_is_visible_in_each_sample(groups):
    norm = SparseInstanceNorm3d(4) if groups == 4 else SparseGroupNorm(2, 4)
    nn.init.normal_(norm.weight)
    out = norm(features(), VISIBLE)
    for sample in range(2):
        inside = SEEN[sample].expand(4, -1, -1, -1)
        values = features()[sample][inside].view(1, 4, -1)
        want = F.group_norm(values, groups, norm.weight, norm.bias)
        assert torch.allclose(out[sample][inside].view(1, 4, -1), want, atol=1e-5)


def test_batch_norm_learns_its_running_statistics_from_what_is_visible():
    norm, dense = SparseBatchNorm3d(4), nn.BatchNorm1d(4)
    values = features().movedim(1, -1)[SEEN[:, 0]].T[None]
    for _ in range(3):
        out = norm(features(), VISIBLE)
        want = dense(values)
    assert torch.allclose(out.movedim(1, -1)[SEEN[:, 0]].T[None], want, atol=1e-5)
    assert torch.allclose(norm.running_mean, dense.running_mean)
    assert torch.allclose(norm.running_var, dense.running_var)
    assert norm.num_batches_tracked == 3
    assert torch.allclose(
        norm.eval()(features(), VISIBLE)[SEEN.expand(-1, 4, -1, -1, -1)].mean(),
        dense.eval()(values).mean(),
        atol=1e-5,
    )


def test_norms_of_half_precision_keep_their_digits():
    x = features() * 100
    want = SparseInstanceNorm3d(4)(x, VISIBLE)
    got = SparseInstanceNorm3d(4)(x.bfloat16(), VISIBLE)
    assert got.dtype == torch.bfloat16
    assert (got.float() - want).abs().max() < 0.1
