"""A network learns labelled crops, and whole scans are scored on their own labels."""

import nibabel as nib
import numpy as np
import pytest
import torch
from torch import nn

from mambamim.data.class_sets import ClassSets
from mambamim.data.crops import CropDataset
from mambamim.data.prepared_case import PreparedCase
from mambamim.data.prepared_store import prepare
from mambamim.data.scan_source import ScanSource
from mambamim.training.segmentation_loss import SegmentationLoss
from mambamim.training.segmentation_task import (
    JitteredCrops,
    score_case,
    segment_case,
)

SHAPE = (24, 20, 22)


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> PreparedCase:
    """Two blobs that are told by their brightness."""
    folder = tmp_path_factory.mktemp("blobs")
    hu, label = np.full(SHAPE, -150, np.int16), np.zeros(SHAPE, np.uint8)
    hu[3:10, 4:12, 5:12], label[3:10, 4:12, 5:12] = 40, 1
    hu[13:20, 8:16, 9:18], label[13:20, 8:16, 9:18] = 220, 2
    for name, data in (("ct", hu), ("label", label)):
        nib.save(nib.Nifti1Image(data, np.eye(4)), folder / f"{name}.nii")
    source = ScanSource(folder / "ct.nii", folder / "label.nii", "CT")
    return prepare([source], folder / "store", None).cases[0]


class Knows(nn.Module):
    """The right answer from brightness; what is asked for as evaluation must be so."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, image):
        assert not self.training
        return -10 * torch.cat([(image - level).abs() for level in (0.06, 0.5, 0.93)], 1)


@pytest.mark.parametrize("size", [(8, 8, 8), (16, 24, 32)])
def test_a_network_that_knows_is_scored_so(case, size):
    scores = score_case(Knows().eval(), case, size)
    assert scores.keys() == {1, 2}
    assert min(scores.values()) > 0.999
    found = segment_case(Knows().eval(), case, size)
    assert found.dtype == np.uint8
    assert np.array_equal(found, case.label((slice(None),) * 3))


def test_a_network_that_does_not_know_is_scored_so(case):
    class Blind(Knows):
        def forward(self, image):
            return super().forward(torch.zeros_like(image))

    assert score_case(Blind().eval(), case, (8, 8, 8)) == {1: 0.0, 2: 0.0}


def test_the_loss_falls(case):
    torch.manual_seed(0)
    crops = JitteredCrops(CropDataset([case], 12, seed=0, labelled=True, foreground=1.0))
    network = nn.Sequential(nn.Conv3d(1, 12, 3, padding=1), nn.ReLU(), nn.Conv3d(12, 3, 1))
    module = SegmentationLoss(network, ClassSets(3))
    optimizer = torch.optim.Adam(module.parameters(), 0.05)
    losses = []
    for step in range(150):
        batch = [crops[number] for number in range(2 * step, 2 * step + 2)]
        loss = module(*(torch.stack([crop[name] for crop in batch]) for name in ("image", "label")))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])
    assert np.mean(list(score_case(network.eval(), case, (12, 12, 12)).values())) > 0.6


def test_jitter_is_a_function_of_seed_and_number(case):
    def crops(seed, amount=0.1):
        return JitteredCrops(CropDataset([case], 12, seed=seed, labelled=True), amount)

    plain = CropDataset([case], 12, seed=1, labelled=True)
    factors = set()
    for number in (5, 0, 3, 9, 11):
        crop = crops(1)[number]
        torch.manual_seed(number)
        np.random.seed(number)  # noqa: NPY002  (what must not matter)
        again = crops(1)[number]
        assert torch.equal(crop["image"], again["image"])
        assert crop["image"].dtype == torch.float32
        assert torch.equal(crop["label"], plain[number]["label"])
        assert torch.equal(crops(1, 0.0)[number]["image"], plain[number]["image"])
        low, high = crop["image"].min(), crop["image"].max()
        before = plain[number]["image"]
        if before.max() > before.min():
            factor = float((high - low) / (before.max() - before.min()))
            offset = float(low - factor * before.min())
            assert abs(factor - 1) <= 0.1001
            assert abs(offset) <= 0.1001
            torch.testing.assert_close(crop["image"], before * factor + offset)
            factors.add(round(factor, 5))
    assert len(factors) > 2


def test_another_seed_jitters_otherwise():
    class Ones:
        def __init__(self, seed):
            self.seed = seed

        def __getitem__(self, number):
            return {"image": torch.ones(1, 2, 2, 2)}

    drawn = {float(JitteredCrops(Ones(seed))[n]["image"].mean()) for seed in (1, 2) for n in (0, 1)}
    assert len(drawn) == 4
