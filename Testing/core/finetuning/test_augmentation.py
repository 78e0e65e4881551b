"""Crops that are changed: by their number alone, image and label alike, sides kept in order."""

import numpy as np
import pytest
import torch

from mambamim.data.class_sets import UNKNOWN, ClassSets
from mambamim.data.crops import CropDataset
from mambamim.data.regions import Region, Regions
from mambamim.finetuning import augmentation
from mambamim.finetuning.augmentation import AugmentedCrops, augmented_inputs, mirrored_values
from mambamim.training.turned_crops import turn_crops

NAMES = ("liver", "kidney_left", "kidney_right")
LEVELS = torch.tensor([0.1, 0.35, 0.6, 0.85])


class Painted:
    """A crop whose image tells its labels, as `CropDataset` would give it."""

    seed = 3

    def __init__(self, side=(12, 12, 12), fill=None):
        rng = np.random.default_rng(0)
        coarse = rng.integers(0, 4, [n // 4 for n in side])
        label = coarse.repeat(4, 0).repeat(4, 1).repeat(4, 2)
        self.label = torch.from_numpy(label if fill is None else np.full(side, fill))[None]

    def __getitem__(self, number):
        image = LEVELS[self.label.clamp(max=3)].float()
        return {"number": number, "image": image, "label": self.label.clone()}


def augmented(kind, crops=None, classes=NAMES, sets=None):
    return AugmentedCrops(crops or Painted(), kind, classes, sets or ClassSets(len(classes) + 1))


def turned(crops, number):
    """Image and label as the loss turns them."""
    batch = [crops[number][name][None] for name in augmented_inputs("strong")]
    return [both[0] for both in turn_crops(*batch)]


def still(crops):
    """Without changes of intensities, so that the image can be told by."""
    crops._changes = augmentation.Compose([])
    return crops


@pytest.mark.parametrize("kind", ["none", "paper", "strong"])
def test_a_crop_follows_from_seed_and_number(blobs, kind):
    def crops(seed=1):
        inner = CropDataset(blobs[1], 16, seed, labelled=True, flips=(), zoom=0.1)
        return AugmentedCrops(inner, kind, ("a", "b"), ClassSets(3))

    one, other = crops(), crops()
    wanted = {number: one[number] for number in (0, 1, 2, 3, 4, 5)}
    for number in (5, 2, 0, 3, 1, 4):
        torch.manual_seed(number)
        np.random.seed(number)  # noqa: NPY002  (what must not matter)
        again = other[number]
        assert set(again) == {"number", *augmented_inputs(kind)}
        for name in augmented_inputs(kind):
            assert torch.equal(again[name], wanted[number][name])
            assert type(again[name]) is torch.Tensor
        assert (again["image"].dtype, again["label"].dtype) == (torch.float32, torch.int64)
        assert again["image"].shape == again["label"].shape == (1, 16, 16, 16)
    assert any(not torch.equal(crops(2)[n]["image"], wanted[n]["image"]) for n in wanted)


def test_none_changes_nothing():
    crops = augmented("none")
    for number in range(5):
        assert torch.equal(crops[number]["image"], Painted()[number]["image"])
        assert torch.equal(crops[number]["label"], Painted().label)


def test_flips_and_quarter_turns_take_label_and_image_alike():
    crops, seen = still(augmented("paper", classes=("a", "b", "c"))), set()
    for number in range(40):
        crop = crops[number]
        assert torch.equal(crop["image"], LEVELS[crop["label"]])
        seen.add(crop["label"].numpy().tobytes())
    assert len(seen) > 6


def test_about_one_in_five_is_flipped_and_turned():
    crops = still(augmented("paper", classes=("a", "b", "c")))
    plain = sum(torch.equal(crops[n]["label"], Painted().label) for n in range(300))
    assert 0.8**4 * 300 - 35 < plain < 0.8**4 * 300 + 35


def test_small_turns_take_label_and_image_alike():
    crops, found = still(augmented("strong", Painted((16, 16, 16)), ("a", "b", "c"))), 0
    for number in range(12):
        image, label = turned(crops, number)
        known = label != UNKNOWN
        found += int(not known.all())
        nearest = (image - LEVELS[:, None, None, None]).abs().argmin(0)[None]
        agree = (nearest == label)[known].float().mean()
        assert agree > 0.72, "all but what lies at the edges of blocks"
    assert found > 3


def test_about_three_in_five_are_turned_by_up_to_15_degrees_about_each_axis():
    crops = still(augmented("strong", Painted((12, 12, 12))))
    turns = torch.stack([crops[number]["turn"] for number in range(200)])
    alike = [torch.equal(turn, torch.eye(3)) for turn in turns]
    assert 0.4 * 200 - 25 < sum(alike) < 0.4 * 200 + 25
    # The sine of the turn about one axis stands alone in a product of three.
    sines = turns.abs().amax(0)[~torch.eye(3, dtype=torch.bool)]
    assert sines.max() < np.sin(0.26) + np.sin(0.26) ** 2
    assert sines.min() > 0.2


def test_what_comes_from_beyond_the_crop_is_black_and_unknown():
    crops = still(augmented("strong", Painted((48, 48, 48), fill=1), ("a", "b", "c")))
    found = [turned(crops, number) for number in range(12)]
    beyond = [crop for crop in found if (crop[1] == UNKNOWN).any()]
    assert len(beyond) > 3
    for image, label in beyond:
        assert set(label.unique().tolist()) == {1, UNKNOWN}
        outside = image[label == UNKNOWN]
        assert float(outside.mean()) < 0.5 * float(LEVELS[1])
        assert float(outside.min()) < 1e-3


@pytest.mark.parametrize("kind", ["paper", "strong"])
def test_open_values_survive(kind):
    crops = augmented(kind, Painted((16, 16, 16), fill=4), NAMES, ClassSets(4, ((0, 1),)))
    assert {int(v) for n in range(10) for v in crops[n]["label"].unique()} <= {4, UNKNOWN}


def test_a_mirror_swaps_the_sides():
    table = mirrored_values(NAMES, ClassSets(4))
    assert table[:4].tolist() == [0, 1, 3, 2]
    assert (table[4:] == UNKNOWN).all()
    sets = ClassSets(4, ((0, 2), (0, 3), (0, 1, 2)))
    assert mirrored_values(NAMES, sets)[4:7].tolist() == [5, 4, UNKNOWN]


@pytest.mark.parametrize(
    ("left", "right"),
    [("left kidney", "right kidney"), ("Left Kidney", "Right Kidney"), ("rib_left_7",
     "rib_right_7"), ("LeftKidney", "RightKidney"), ("kidney-L", "kidney-R"), ("KIDNEY_LEFT",
     "KIDNEY_RIGHT"),
     ("kidneyLeft", "kidneyRight"), ("l_lung", "r_lung")],
)  # fmt: skip
def test_sides_are_known_however_they_are_written(left, right):
    assert mirrored_values((left, "liver", right), ClassSets(4))[:4].tolist() == [0, 3, 2, 1]
    assert mirrored_values((left, "liver"), ClassSets(3)) is None
    assert mirrored_values((right,), ClassSets(2)) is None


def test_words_that_only_look_like_a_side():
    names = ("bright_spot", "cleft", "vertebrae_L1", "leftover", "colon")
    assert mirrored_values(names, ClassSets(6))[:6].tolist() == [0, 1, 2, 3, 4, 5]


def flipped(crop, axes):
    return torch.equal(crop["label"], Painted().label.flip([1 + axis for axis in axes]))


def test_where_a_side_has_no_partner_nothing_is_mirrored():
    alone, free = (augmented("strong", classes=c) for c in (("liver", "x", "rib_left"), "abc"))
    assert all(flipped(alone[n], []) for n in range(20))
    assert 4 < sum(flipped(free[n], [0]) for n in range(20)) < 16


def test_mirrored_crops_have_their_sides_swapped():
    crops, mirrored = still(augmented("strong")), 0
    swap = torch.tensor([0, 1, 3, 2])
    for number in range(20):
        crop = crops[number]
        told = (crop["image"] - LEVELS[:, None, None, None]).abs().argmin(0)[None]
        if not torch.equal(crop["image"], Painted()[0]["image"]):
            mirrored += 1
            assert torch.equal(told.flip([1]), Painted().label)
            assert torch.equal(crop["label"], swap[told])
        else:
            assert torch.equal(crop["label"], told)
    assert 4 < mirrored < 16


def test_intensities_of_the_paper_stay_within_a_tenth():
    crops, drawn = augmented("paper", Painted(fill=2), ("a", "b", "c")), set()
    image = float(LEVELS[2])
    for number in range(30):
        found = crops[number]["image"]
        assert found.max() - found.min() < 1e-6
        assert 0.9 * image - 0.1001 <= float(found.mean()) <= 1.1 * image + 0.1001
        drawn.add(round(float(found.mean()), 4))
    assert len(drawn) > 20


def test_crops_that_are_no_cubes_keep_their_shape():
    for kind in ("paper", "strong"):
        crops = augmented(kind, Painted((16, 8, 12)), ("a", "b", "c"))
        assert {tuple(crops[n]["image"].shape) for n in range(25)} == {(1, 16, 8, 12)}
        assert all(torch.isfinite(crops[n]["image"]).all() for n in range(25))


class Channels(Painted):
    """The same image in three channels."""

    def __getitem__(self, number):
        crop = super().__getitem__(number)
        return {**crop, "image": crop["image"].repeat(3, 1, 1, 1)}


@pytest.mark.parametrize("kind", ["paper", "strong"])
def test_channels_are_moved_alike_and_changed_each_by_itself(kind):
    sides = augmented(kind, Channels(), ("a", "b", "c")), augmented(kind, classes=("a", "b", "c"))
    for number in range(6):
        moved = still(augmented(kind, Channels(), ("a", "b", "c")))[number]["image"]
        assert torch.equal(moved[0], moved[1])
        assert torch.equal(moved[0], moved[2])
        changed, alone = (crops[number]["image"] for crops in sides)
        assert changed.shape == (3, 12, 12, 12)
        assert torch.equal(changed[:1], alone), "the first one is changed as a single one is"
    changed = [sides[0][number]["image"] for number in range(6)]
    assert any(not torch.equal(image[0], image[1]) for image in changed)


def test_regions_keep_their_values_in_a_mirror_unless_they_have_a_side():
    whole = Regions((Region("whole", (1, 2), 1), Region("core", (2,), 2)))
    assert torch.equal(mirrored_values(("whole", "core"), whole), torch.arange(256))
    sided = Regions((Region("left kidney", (1, 2), 1), Region("cyst", (2,), 2)))
    assert mirrored_values(("left kidney", "cyst"), sided) is None
    crops = still(augmented("strong", Painted(), ("whole", "core"), whole))
    assert {int(v) for n in range(8) for v in crops[n]["label"].unique()} <= {0, 1, 2, 3, UNKNOWN}
