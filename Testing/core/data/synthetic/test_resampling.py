"""Label maps and scans on another grid: same extent, no value that was not there."""

import numpy as np
import pytest

from mambamim.data.synthetic.resampling import resample_labels, resample_scan


@pytest.fixture
def ball():
    x, y, z = (np.arange(n) * side for n, side in zip((24, 24, 12), (2, 2, 4), strict=True))
    grid = np.meshgrid(x - 23, y - 23, z - 22, indexing="ij")
    return (sum(g**2 for g in grid) < 15**2).astype(np.uint8) * 7


def test_volume_and_values_stay(ball):
    fine = resample_labels(ball, (2.0, 2.0, 4.0), 1.0)
    assert fine.shape == (48, 48, 48)
    assert set(np.unique(fine)) == {0, 7}
    truth = 4 / 3 * np.pi * 15**3
    assert (fine == 7).sum() == pytest.approx(truth, rel=0.08)


def test_steps_between_slices_become_slopes(ball):
    """The area of a slice changes little by little."""
    fine = resample_labels(ball, (2.0, 2.0, 4.0), 1.0)
    areas = (fine == 7).sum((0, 1))
    repeated = np.repeat((ball == 7).sum((0, 1)) * 4, 4)
    assert np.abs(np.diff(areas)).max() < 0.6 * np.abs(np.diff(repeated)).max()


def test_what_has_the_spacing_stays_as_it_is(ball):
    assert np.array_equal(resample_labels(ball, (1.5, 1.49, 1.5), 1.5), ball)


def test_a_scan_is_interpolated_where_it_was():
    ramp = np.broadcast_to(np.arange(10)[:, None, None] * 3.0, (10, 4, 4))
    fine = resample_scan(ramp, (3.0, 3.0, 3.0), 1.5)
    assert fine.shape == (20, 8, 8)
    assert np.allclose(fine[1:-1, 4, 4], np.arange(1, 19) * 1.5 - 0.75)
