"""Smooth fields: as bright, as rough and as reproducible as they say."""

import torch

from mambamim.data.noise_fields import smooth_field


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def correlation(field, voxels):
    """Of places `voxels` apart along the first axis."""
    first, second = field[:-voxels].flatten(), field[voxels:].flatten()
    return float(torch.corrcoef(torch.stack([first, second]))[0, 1])


def test_a_field_has_mean_0_and_deviation_about_1():
    field = smooth_field((80, 70, 60), 9.0, 1.5, generator())
    assert field.shape == (80, 70, 60)
    assert field.dtype == torch.float32
    assert abs(float(field.mean())) < 0.1
    assert 0.9 < float(field.std()) < 1.2


def test_places_are_alike_within_the_length_and_not_beyond():
    field = smooth_field((90, 60, 60), 12.0, 1.5, generator())
    assert correlation(field, 1) > 0.95
    assert abs(correlation(field, 24)) < 0.15


def test_the_length_is_in_millimetres():
    """Voxels twice as large: the same field changes twice as fast from voxel to voxel."""
    fine = smooth_field((97, 97, 97), 12.0, 1.0, generator())
    coarse = smooth_field((49, 49, 49), 12.0, 2.0, generator())
    torch.testing.assert_close(coarse, fine[::2, ::2, ::2], rtol=0, atol=1e-4)


def test_seeds_decide():
    shape = (12, 11, 10)
    field = smooth_field(shape, 6.0, 1.5, generator(3))
    assert torch.equal(field, smooth_field(shape, 6.0, 1.5, generator(3)))
    assert not torch.equal(field, smooth_field(shape, 6.0, 1.5, generator(4)))


def test_a_grid_smaller_than_the_length_still_gets_a_field():
    assert torch.isfinite(smooth_field((3, 1, 4), 200.0, 1.5, generator())).all()
