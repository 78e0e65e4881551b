"""The scanner: noise, and where a scan ends."""

import numpy as np
import pytest
import torch

from mambamim.data.synthetic.noise_bank import NoiseBank
from mambamim.data.synthetic.scanning import NOTHING_HU, Field, draw_field, scan_crop

SIZE = (32, 28, 36)


def test_the_middle_of_a_crop_is_scanned_and_some_scans_are_short():
    rng = np.random.default_rng(0)
    short = 0
    for _ in range(200):
        field = draw_field(rng, SIZE, (2, 34))
        planes = field.box[2]
        assert 2 <= planes.start < planes.stop <= 34
        assert planes.start <= 26
        assert planes.stop >= 10
        short += planes.stop - planes.start < 32
    assert 40 < short < 100


def test_nothing_is_seen_beyond_the_field():
    values = torch.ones(SIZE)
    cut = Field((slice(4, 20), slice(None), slice(10, 30))).cut(values, NOTHING_HU)
    assert cut.sum() == 16 * 28 * 20 + NOTHING_HU * (cut.numel() - 16 * 28 * 20)
    round_ = Field((slice(None),) * 3, 0.9).cut(values, 0.0)
    assert round_[16, 14].min() == 1
    assert round_[0, 0].max() == 0


def test_a_scan_keeps_hu_and_adds_noise():
    bank = NoiseBank(SIZE, 1.5, 0, torch.device("cpu"))
    rng = np.random.default_rng(0)
    scans = [scan_crop(torch.full(SIZE, 60.0), bank, rng) for _ in range(20)]
    assert all(float(s.mean()) == pytest.approx(60, abs=14) for s in scans)
    deviations = [float(s.std()) for s in scans]
    assert min(deviations) < 6
    assert 10 < max(deviations) < 40
