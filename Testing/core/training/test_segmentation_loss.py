"""Dice and cross-entropy: MONAI's where all is known, and as the definition says where not."""

import math

import numpy as np
import pytest
import torch
from monai.losses import DiceCELoss, DiceLoss
from torch import nn

from mambamim.data.class_sets import UNKNOWN, ClassSets
from mambamim.data.regions import Region, Regions
from mambamim.training.segmentation_loss import RegionLoss, SegmentationLoss
from mambamim.training.turned_crops import turn_crops, turn_of

SHAPE = (2, 4, 3, 4, 5)


@pytest.fixture
def logits():
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(0)).requires_grad_()


def labels(values, seed=1):
    drawn = torch.randint(len(values), (2, 1, *SHAPE[2:]), generator=seeded(seed))
    return torch.tensor(values)[drawn]


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def loss_of(logits, label, sets):
    """The network is the identity: its volume is the logits."""
    return SegmentationLoss(nn.Identity(), sets)(logits, label)


def gradient(loss, logits):
    return torch.autograd.grad(loss, logits)[0]


def slowly(logits, label, sets):
    """Voxel by voxel, as one would tell it."""
    shares = logits.detach().double().softmax(1)
    classes = shares.shape[1]
    allowed = {value: {value} for value in range(classes)}
    allowed |= {classes + i: set(members) for i, members in enumerate(sets.merged)}
    allowed[UNKNOWN] = set(range(classes))
    entropy, counted = 0.0, 0
    both, found, true = [0.0] * classes, [0.0] * classes, [0.0] * classes
    for b in range(shares.shape[0]):
        for place in torch.cartesian_prod(*(torch.arange(n) for n in shares.shape[2:])).tolist():
            share = shares[(b, slice(None), *place)].tolist()
            may_be = allowed[int(label[(b, 0, *place)])]
            if len(may_be) < classes:
                entropy -= math.log(sum(share[c] for c in may_be))
                counted += 1
            if len(may_be) == 1:
                (c,) = may_be
                both[c] += share[c]
                true[c] += 1
                for each in range(classes):
                    found[each] += share[each]
    dice = [1 - (2 * both[c] + 1e-5) / (found[c] + true[c] + 1e-5) for c in range(1, classes)]
    return entropy / max(counted, 1) + sum(dice) / len(dice)


@pytest.mark.parametrize("values", [[0, 1, 2, 3], [0, 2], [0]])
def test_it_is_monais_where_all_is_known(logits, values):
    theirs = DiceCELoss(softmax=True, to_onehot_y=True, include_background=False, batch=True)
    label = labels(values)
    ours, wanted = loss_of(logits, label, ClassSets(4)), theirs(logits, label)
    torch.testing.assert_close(ours, wanted)
    torch.testing.assert_close(gradient(ours, logits), gradient(wanted, logits))


@pytest.mark.parametrize("values", [[0, 1, 2, 3, 4, 5, UNKNOWN], [4, 5], [1, UNKNOWN], [2, 4]])
def test_it_is_what_the_definition_says(logits, values):
    sets, label = ClassSets(4, ((0, 2), (1, 2, 3))), labels(values)
    ours = loss_of(logits, label, sets)
    assert float(ours.detach()) == pytest.approx(slowly(logits, label, sets), rel=1e-5)


def test_unknown_voxels_pull_nowhere(logits):
    label = labels([0, 1, 2, 3, UNKNOWN])
    pull = gradient(loss_of(logits, label, ClassSets(4)), logits)
    unknown = (label == UNKNOWN).expand(SHAPE)
    assert unknown.any()
    assert (pull[unknown].abs() < 1e-9).all()
    assert (pull[~unknown].abs() > 1e-9).any()
    with torch.no_grad():
        other = torch.where(unknown, torch.full_like(logits, 7), logits)
        other[:, 1][unknown[:, 1]] = -7
    torch.testing.assert_close(
        loss_of(other, label, ClassSets(4)), loss_of(logits, label, ClassSets(4))
    )


def test_where_nothing_is_known_the_loss_is_a_number_and_pulls_nowhere(logits):
    label = torch.full((2, 1, *SHAPE[2:]), UNKNOWN)
    loss = loss_of(logits, label, ClassSets(4))
    assert torch.isfinite(loss)
    assert gradient(loss, logits).abs().max() < 1e-9


def test_of_two_that_are_allowed_neither_is_preferred(logits):
    """Their probabilities add up: their logits keep their distance, and others fall."""
    sets = ClassSets(4, ((1, 2),))
    pull = gradient(loss_of(logits, torch.full((2, 1, *SHAPE[2:]), 4), sets), logits)
    shares = logits.detach().softmax(1)
    ratio = shares[:, 1] / shares[:, 2]
    torch.testing.assert_close(pull[:, 1] / pull[:, 2], ratio, rtol=1e-3, atol=1e-3)
    assert (pull[:, 1:3] < 0).all()
    assert (pull[:, [0, 3]] > 0).all()


@pytest.mark.parametrize("wrong", [-1e4, 1e4])
def test_it_stays_a_number_where_a_network_is_sure(wrong):
    logits = torch.zeros(SHAPE)
    logits[:, 3] = wrong
    logits.requires_grad_()
    loss = loss_of(logits, labels([0, 1, 3, 4, UNKNOWN]), ClassSets(4, ((0, 1),)))
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient(loss, logits)).all()


def test_what_labels_mean_is_no_weight():
    module = SegmentationLoss(nn.Conv3d(1, 3, 1), ClassSets(3))
    assert set(module.state_dict()) == {"network.weight", "network.bias"}


def test_half_precision_reaches_the_network_alone(logits):
    label = labels([0, 1, 2, 3])
    with torch.autocast("cpu", torch.bfloat16):
        loss = loss_of(logits, label, ClassSets(4))
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, loss_of(logits, label, ClassSets(4)), rtol=0, atol=0)


TUMOUR = Regions(
    (Region("whole", (1, 2, 3, 4), 1), Region("core", (2, 3), 2), Region("enhancing", (3,), 3),
     Region("necrosis", (4,), 4))
)  # fmt: skip


def test_regions_have_dice_and_binary_cross_entropy(logits):
    label = labels([0, 1, 2, 3, 4])
    inside = torch.cat([torch.isin(label, torch.tensor(r.values)) for r in TUMOUR.members], 1)
    wanted = DiceLoss(sigmoid=True, batch=True)(logits, inside.float())
    wanted = wanted + nn.BCEWithLogitsLoss()(logits, inside.float())
    ours = RegionLoss(nn.Identity(), TUMOUR)(logits, label)
    torch.testing.assert_close(ours, wanted)
    torch.testing.assert_close(gradient(ours, logits), gradient(wanted, logits))


def test_unknown_voxels_of_regions_pull_nowhere(logits):
    label = labels([0, 1, 3, UNKNOWN])
    module = RegionLoss(nn.Identity(), TUMOUR)
    pull = gradient(module(logits, label), logits)
    unknown = (label == UNKNOWN).expand(SHAPE)
    assert (pull[unknown].abs() < 1e-9).all()
    assert (pull[~unknown].abs() > 1e-9).all()
    other = torch.where(unknown, torch.full_like(logits, 7), logits)
    torch.testing.assert_close(module(other, label), module(logits, label))
    nothing = module(logits, torch.full_like(label, UNKNOWN))
    assert torch.isfinite(nothing)
    assert set(module.state_dict()) == set()


def test_a_network_that_is_right_about_regions_has_no_loss():
    label = labels([0, 1, 2, 3, 4])
    right = torch.from_numpy(TUMOUR.table())[label[:, 0]].movedim(-1, 1).float() * 40 - 20
    assert float(RegionLoss(nn.Identity(), TUMOUR)(right, label)) < 1e-3
    assert float(RegionLoss(nn.Identity(), TUMOUR)(-right, label)) > 10


@pytest.mark.parametrize("sets", [ClassSets(4, ((0, 1),)), TUMOUR])
def test_labels_may_come_in_bytes(logits, sets):
    kind = RegionLoss if sets is TUMOUR else SegmentationLoss
    module, label = kind(nn.Identity(), sets), labels([0, 1, 2, 3, 4, UNKNOWN])
    assert torch.equal(module(logits, label.to(torch.uint8)), module(logits, label))


@pytest.mark.parametrize("regions", [True, False])
def test_what_is_to_be_turned_is_turned_before(regions):
    torch.manual_seed(0)
    network = nn.Conv3d(1, 4 if regions else 3, 3, padding=1)
    module = RegionLoss(network, TUMOUR) if regions else SegmentationLoss(network, ClassSets(3))
    image, label = torch.rand(2, 1, 8, 8, 8), torch.randint(0, 3, (2, 1, 8, 8, 8))
    turn = torch.stack([turn_of(np.array([0.2, 0.1, k]), (8, 8, 8)) for k in (0.0, -0.2)])
    with torch.no_grad():
        got = module(image, label, turn)
        assert torch.equal(got, module(*turn_crops(image, label, turn)))
        assert not torch.isclose(got, module(image, label))
