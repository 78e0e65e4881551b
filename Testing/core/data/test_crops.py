"""Crops are a function of seed and number; they lie where they should; labels go with images."""

import multiprocessing
import pickle
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Subset

from mambamim.data.crops import CropDataset
from mambamim.data.prepared_case import PreparedCase
from mambamim.data.prepared_store import PreparedStore, prepare
from mambamim.data.scan_source import ScanSource
from mambamim.errors import BadInputError

SHAPE = (24, 20, 18)
SIZE = 8


def save(path: Path, data: np.ndarray) -> Path:
    nib.save(nib.Nifti1Image(data, np.eye(4)), path)
    return path


def scan(number: int) -> np.ndarray:
    """Air but for a bright block, whose values tell the scan and every voxel's place."""
    hu = np.full(SHAPE, -1000, np.int16)
    block = np.arange(6**3).reshape(6, 6, 6) + 30 - 50 * number
    hu[2:8, 3:9, 10:16] = block
    return hu


def label(number: int) -> np.ndarray:
    """1 nearly everywhere, one voxel of 2 in its block."""
    values = np.ones(SHAPE, np.uint8)
    values[5, 6, 12] = 2
    values[20, 15, 3] = 3 + number
    return values


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> PreparedStore:
    folder = tmp_path_factory.mktemp("crops")
    sources = [
        ScanSource(
            save(folder / f"{n}.nii", scan(n)), save(folder / f"l{n}.nii", label(n)), modality="CT"
        )
        for n in range(3)
    ]
    return prepare(sources, folder / "store", None)


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(torch.as_tensor(one[name]), torch.as_tensor(other[name])) for name in one
    )


def test_a_crop_is_what_its_place_in_the_scan_holds(store):
    crops = CropDataset(store, (8, 6, 5), seed=1, flips=())
    for number in range(12):
        crop = crops[number]
        assert crop["image"].shape == (1, 8, 6, 5)
        assert crop["image"].dtype == torch.float32
        assert crop["number"] == number
        assert "label" not in crop
        whole = crops.case_of(number).image((slice(None),) * 3)
        windows = np.lib.stride_tricks.sliding_window_view(whole, (8, 6, 5))
        assert (windows == crop["image"][0].numpy()).all((3, 4, 5)).any()


def test_a_crop_asks_for_no_more_than_its_box(store, monkeypatch):
    asked: list[tuple[str, tuple[int, ...]]] = []
    read = PreparedCase._read

    def spy(case, name, box):
        asked.append((name, tuple(side.stop - side.start for side in box)))
        return read(case, name, box)

    monkeypatch.setattr(PreparedCase, "_read", spy)
    crops = CropDataset(store, (8, 6, 5), seed=1, labelled=True)
    for number in range(5):
        crops[number]
    assert asked == [("image.b2nd", (8, 6, 5)), ("label.b2nd", (8, 6, 5))] * 5


def test_crops_do_not_depend_on_order_or_process(store):
    crops = CropDataset(store, SIZE, seed=4, zoom=0.2, labelled=True)
    wanted = [crops[number] for number in range(30)]
    again = CropDataset(store.cases, SIZE, seed=4, zoom=0.2, labelled=True)
    for number in np.random.default_rng(0).permutation(30).tolist():
        assert same(again[number], wanted[number])
    other = CropDataset(store, SIZE, seed=5, zoom=0.2, labelled=True)
    assert sum(same(other[n], wanted[n]) for n in range(12)) < 6  # some have air alone
    assert sum(same({**wanted[n + 12], "number": n}, wanted[n]) for n in range(12)) < 6
    assert crops[10**12]["image"].shape == (1, SIZE, SIZE, SIZE)


@pytest.mark.parametrize(
    "method", sorted({"fork", "spawn"} & set(multiprocessing.get_all_start_methods()))
)
def test_workers_give_the_same_crops(store, method):
    crops = CropDataset(store, SIZE, seed=4, labelled=True)
    wanted = [crops[number] for number in range(6)]  # read here first: forks must not mind
    assert same(pickle.loads(pickle.dumps(crops))[3], wanted[3])
    loader = DataLoader(
        Subset(crops, range(6)), batch_size=2, num_workers=2, multiprocessing_context=method
    )
    found = [crop for batch in loader for crop in batch["image"]]
    assert all(torch.equal(a, b["image"]) for a, b in zip(found, wanted, strict=True))


def test_every_scan_has_its_turns_in_each_round_in_a_new_order(store):
    crops = CropDataset(store, SIZE, seed=0, crops_per_scan=4)
    rounds = [[crops.case_of(12 * r + n).key for n in range(12)] for r in range(5)]
    for keys in rounds:
        assert sorted(keys) == sorted([case.key for case in store.cases] * 4)
    assert len({tuple(keys) for keys in rounds}) == 5


def test_tissue_is_preferred_as_often_as_asked(store):
    share = {}
    for foreground in (0.0, 0.5, 1.0):
        crops = CropDataset(store, (3, 3, 3), seed=2, foreground=foreground, flips=())
        share[foreground] = np.mean([bool(crops[n]["image"][0, 1, 1, 1] > 0.1) for n in range(300)])
    assert share[0.0] < 0.1  # the block is 2.5 % of the scan
    assert 0.4 < share[0.5] < 0.62
    assert share[1.0] == 1


def test_rare_labels_are_the_centre_as_often_as_common_ones(store):
    crops = CropDataset(store, 3, seed=2, foreground=1.0, flips=(), labelled=True)
    centres = np.array([int(crops[n]["label"][0, 1, 1, 1]) for n in range(300)])
    assert 0.25 < np.mean(centres == 2) < 0.42  # one voxel of 8640
    assert 0.25 < np.mean(centres > 2) < 0.42


def test_a_scan_of_air_has_crops_too(tmp_path):
    air = np.full(SHAPE, -1000, np.int16)
    air[0, 0, 0] = -170
    source = ScanSource(save(tmp_path / "air.nii", air), modality="CT")
    case = prepare([source], tmp_path / "store", None).cases[0]
    assert case.foreground.shape == (0, 3)
    assert CropDataset([case], SIZE, seed=0, foreground=1.0)[0]["image"].shape == (1, 8, 8, 8)


def test_crops_larger_than_the_scan_are_padded_around_it(store):
    crops = CropDataset(store, (30, 20, 10), seed=1, flips=(), labelled=True)
    for number in range(4):
        crop = crops[number]
        whole = crops.case_of(number).image((slice(None),) * 3)
        inside = crop["image"][0, 3:27].numpy()
        windows = np.lib.stride_tricks.sliding_window_view(whole, (24, 20, 10))
        assert (windows == inside).all((3, 4, 5)).any()
        beyond = torch.cat([crop["label"][0, :3], crop["label"][0, 27:]])
        assert beyond.shape == (6, 20, 10)
        assert not beyond.any()
        assert crop["label"][0, 3:27].all()


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory) -> PreparedCase:
    """Labels that are a function of the image: they must stay so."""
    folder = tmp_path_factory.mktemp("mirrored")
    labels = np.random.default_rng(0).integers(0, 5, SHAPE).astype(np.uint8)
    source = ScanSource(
        save(folder / "a.nii", labels * np.int16(50)), save(folder / "l.nii", labels), "CT"
    )
    return prepare([source], folder / "store", None).cases[0]


def label_of(image: torch.Tensor) -> torch.Tensor:
    return ((image * 425 - 175) / 50).round().long()


def test_flips_are_of_image_and_label_together(mirrored):
    flipped = CropDataset([mirrored], SHAPE, seed=3, labelled=True)
    whole = torch.from_numpy(mirrored.image((slice(None),) * 3))
    seen = set()
    for number in range(60):
        crop = flipped[number]
        torch.testing.assert_close(crop["label"], label_of(crop["image"]))
        for axes in ((), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)):
            if torch.equal(whole.flip(axes), crop["image"][0]):
                seen.add(axes)
    assert len(seen) == 8
    one = CropDataset([mirrored], SHAPE, seed=3, flips=(1,))
    for number in range(10):
        image = one[number]["image"][0]
        assert torch.equal(image, whole) or torch.equal(image, whole.flip(1))


def test_zoom_changes_how_much_is_seen_and_keeps_the_size(tmp_path):
    steps = np.broadcast_to(np.arange(40)[:, None, None] * 10 - 170, (40, 40, 40)).astype(np.int16)
    labels = (np.broadcast_to(np.arange(40)[:, None, None], (40, 40, 40)) // 4).astype(np.uint8)
    source = ScanSource(save(tmp_path / "a.nii", steps), save(tmp_path / "l.nii", labels), "CT")
    store = prepare([source], tmp_path / "store", None)
    crops = CropDataset(store, 20, seed=0, flips=(), zoom=0.3, labelled=True)
    slopes = []
    for number in range(40):
        crop = crops[number]
        assert crop["image"].shape == crop["label"].shape == (1, 20, 20, 20)
        profile = crop["image"][0, :, 0, 0] * 42.5 + -0.5  # in voxels of the scan
        slopes.append(float(profile[5:15].diff().mean()))
        assert (crop["label"][0, :, 0, 0] - profile / 4).abs().max() < 1.4
        assert crop["image"].min() >= 0
        assert crop["image"].max() <= 1
    assert 0.69 < min(slopes) < 0.8
    assert 1.2 < max(slopes) < 1.31
    still = CropDataset(store, 20, seed=0, flips=())[0]["image"][0, :, 0, 0] * 42.5
    torch.testing.assert_close(still.diff(), torch.ones(19), atol=0.05, rtol=0)


def test_what_makes_no_sense_is_refused(store, tmp_path):
    unlabelled = prepare([ScanSource(save(tmp_path / "a.nii", scan(0)))], tmp_path / "store", None)
    with pytest.raises(BadInputError, match="Not all prepared scans have labels"):
        CropDataset([*store.cases, *unlabelled.cases], SIZE, 0, labelled=True)
    with pytest.raises(BadInputError, match="has no labels"):
        unlabelled.cases[0].label((slice(None),) * 3)
    with pytest.raises(BadInputError, match="no prepared scans"):
        CropDataset([], SIZE, 0)
    for wrong in ({"size": 0}, {"seed": -1}, {"crops_per_scan": 0}, {"foreground": 1.5},
                  {"flips": (3,)}, {"zoom": 1.0}):  # fmt: skip
        with pytest.raises(BadInputError, match=f"{next(iter(wrong))}="):
            CropDataset(store, **{"size": SIZE, "seed": 0, **wrong})
    with pytest.raises(IndexError):
        CropDataset(store, SIZE, 0)[-1]
