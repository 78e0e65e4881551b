"""The bank: the same pieces whatever was asked for before."""

import numpy as np
import pytest
import torch

from mambamim.data.synthetic.noise_bank import FreshNoise, NoiseBank

SIZE = (40, 36, 32)


def bank(seed=0):
    return NoiseBank(SIZE, 1.5, seed, torch.device("cpu"))


def test_pieces_depend_on_seed_and_generator_alone():
    one, other = bank(), bank()
    other.smooth(90, SIZE, np.random.default_rng(1))
    other.grain(SIZE, np.random.default_rng(2))
    asked = [b.smooth(14, SIZE, np.random.default_rng(5)) for b in (one, other, bank(1))]
    assert torch.equal(asked[0], asked[1])
    assert not torch.equal(asked[0], asked[2])


def test_pieces_have_their_size_and_deviation():
    rng = np.random.default_rng(0)
    assert bank().smooth(40, (10, 1, 9), rng).shape == (10, 1, 9)
    made = bank()
    deviations = [float(made.grain(SIZE, rng).std()) for _ in range(6)]
    assert deviations == pytest.approx([1] * 6, abs=0.1)
    deviations = [float(made.smooth(6, SIZE, rng).std()) for _ in range(6)]
    assert np.mean(deviations) == pytest.approx(1, abs=0.15)


def test_fresh_fields_have_any_size_and_depend_on_the_generator_alone():
    fresh = FreshNoise(1.5, torch.device("cpu"))
    for size in (SIZE, (50, 1, 70)):
        one, same, other = (fresh.smooth(14, size, np.random.default_rng(n)) for n in (1, 1, 2))
        assert one.shape == size
        assert torch.equal(one, same)
        assert not torch.equal(one, other)
    deviations = [float(fresh.smooth(6, SIZE, np.random.default_rng(n)).std()) for n in range(6)]
    assert np.mean(deviations) == pytest.approx(1, abs=0.15)
    assert float(fresh.grain(SIZE, np.random.default_rng(0)).std()) == pytest.approx(1, abs=0.1)
