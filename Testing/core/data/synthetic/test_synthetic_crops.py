"""Crops: pure, labels under what they name, sides right, nothing that the map does not hold."""

import numpy as np
import pytest
import torch

from mambamim.data.class_sets import UNKNOWN
from mambamim.data.synthetic.materials import SETS, Material, label_table
from mambamim.data.synthetic.synthetic_crops import SyntheticCrops
from mambamim.errors import BadInputError

SIZE = 24
SPLEEN, RIGHT, LEFT, LIVER = 1, 2, 3, 6
BOWEL = int(label_table()[Material.BOWEL])


@pytest.fixture(scope="module")
def painted(anatomy):
    return SyntheticCrops([anatomy], [], SIZE, seed=3, coarse_share=0.0)


@pytest.fixture(scope="module")
def coarse(anatomy):
    return SyntheticCrops([anatomy], [], (48, 32, 32), seed=3, coarse_share=1.0)


@pytest.fixture(scope="module")
def real(case):
    return SyntheticCrops([], [case], SIZE, seed=3, coarse_share=0.0)


def test_a_crop_is_as_promised(painted):
    crop = painted[0]
    for name, dtype in (("image", torch.float32), ("label", torch.int64)):
        assert crop[name].shape == (1, SIZE, SIZE, SIZE)
        assert crop[name].dtype == dtype
    assert 0 <= float(crop["image"].min()) <= float(crop["image"].max()) <= 1
    assert crop["number"] == 0
    assert crop.pin_memory() is crop
    with pytest.raises(IndexError):
        painted[-1]


def test_the_same_number_is_the_same_crop(anatomy, case):
    """Whichever were asked for before, in whichever process."""
    one, other = (
        SyntheticCrops([anatomy], [case], SIZE, 7, real_share=0.4, coarse_share=0.4)
        for _ in range(2)
    )
    forwards = [one[n] for n in range(6)]
    for n in reversed(range(6)):
        again = other[n]
        assert torch.equal(again["image"], forwards[n]["image"])
        assert torch.equal(again["label"], forwards[n]["label"])
    assert not torch.equal(forwards[0]["image"], forwards[1]["image"])
    another = SyntheticCrops([anatomy], [case], SIZE, 8, real_share=0.4, coarse_share=0.4)
    assert not torch.equal(another[0]["image"], forwards[0]["image"])


def test_no_class_appears_that_the_map_does_not_hold(painted, anatomy):
    allowed = set(label_table()[np.unique(anatomy.paint)].tolist())
    seen = set()
    for number in range(16):
        seen |= set(torch.unique(painted[number]["label"]).tolist())
    assert seen <= allowed
    assert BOWEL in seen, "merged organs keep their merged value"
    assert {RIGHT, LEFT, LIVER} <= seen


def test_sides_never_change(coarse):
    """The right kidney, the liver and the atlas' bowel lie towards the end of axis 0."""
    compared = 0
    for number in range(12):
        label = coarse[number]["label"][0]
        middle = {
            int(v): float((label == v).nonzero()[:, 0].float().mean()) for v in torch.unique(label)
        }
        for right, left in ((RIGHT, LEFT), (LIVER, SPLEEN)):
            if right in middle and left in middle:
                compared += 1
                assert middle[right] > middle[left]
    assert compared > 6


def test_labels_bend_with_the_image(real):
    """What is bright in a real scan is under its label, however the crop was bent."""
    agreed = []
    for number in range(12):
        crop = real[number]
        known = crop["label"] != UNKNOWN
        bright = (crop["image"] > crop["image"][known].median() + 0.06) & known
        ball = crop["label"] == LIVER
        if 200 < int(ball.sum()) < 0.6 * ball.numel():
            means = [crop["image"][m].mean() for m in (ball, known & (crop["label"] == 0))]
            agreed.append(float((bright & ball).sum() / ball.sum()) if means[0] > means[1] else 1)
    assert len(agreed) >= 3
    assert np.mean(agreed) > 0.8


def test_unknown_voxels_stay_unknown(real):
    values = set()
    for number in range(12):
        values |= set(torch.unique(real[number]["label"]).tolist())
    assert UNKNOWN in values
    assert values <= {0, SPLEEN, LIVER, UNKNOWN}


def test_painted_organs_are_under_their_labels(painted):
    """Within one crop, liver and vertebrae differ as their tissues do."""
    found = 0
    for number in range(24):
        crop = painted[number]
        bone, fluid = crop["label"] == 20, crop["label"] == LIVER
        if int(bone.sum()) > 100 and int(fluid.sum()) > 100:
            found += 1
            assert crop["image"][bone].mean() > crop["image"][fluid].mean() - 0.05
    assert found >= 2


def test_beyond_the_scan_is_nothing(painted):
    ends = 0
    for number in range(16):
        crop = painted[number]
        empty = (crop["image"] == 0).flatten(1, 3).reshape(1, SIZE, SIZE, SIZE).all(1).all(1)[0]
        ends += bool(empty.any())
        assert (crop["label"][..., empty] == 0).all()
    assert ends


def test_nothing_to_take_crops_of_is_told():
    with pytest.raises(BadInputError):
        SyntheticCrops([], [], SIZE, 0)


def test_values_are_those_of_the_sets():
    assert SyntheticCrops.sets is SETS
