"""Resampling: positions, averages and the identity."""

import numpy as np
import torch

from mambamim.inference.network_grid import Axis, NetworkGrid

CPU = torch.device("cpu")


def test_both_grids_share_their_centre_and_positions_invert():
    axis = Axis(scan_size=41, scan_mm=5.0, mm=1.5)
    assert axis.size == 137
    index = np.array([0, 3, 68, 136])
    np.testing.assert_allclose(axis.from_scan(axis.to_scan(index)), index)
    assert axis.to_scan(np.array([68.0]))[0] == 20.0


def test_a_ramp_stays_a_ramp_when_refined():
    ramp = np.arange(20, dtype=np.float32)[:, None, None] * np.ones((1, 4, 4), np.float32)
    grid = NetworkGrid.of(ramp.shape, np.diag([3.0, 3, 3, 1]), [1.5, 3.0, 3.0])
    got = grid.resample(ramp, CPU)[:, 0, 0].numpy()
    expected = np.clip(grid.axes[0].to_scan(np.arange(40)), 0, 19)
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_coarse_voxels_average_what_they_cover():
    """Noise falls as the number of averaged voxels grows; picking single voxels would keep it."""
    noise = np.random.default_rng(0).normal(size=(64, 64, 64)).astype(np.float32)
    grid = NetworkGrid.of(noise.shape, np.diag([0.75, 0.75, 0.75, 1]), [3.0] * 3)
    coarse = grid.resample(noise, CPU)
    assert tuple(coarse.shape) == (16, 16, 16)
    assert coarse.std() < 0.25
    constant = NetworkGrid.of((64,) * 3, np.diag([0.75] * 3 + [1]), [3.0] * 3)
    flat = constant.resample(np.full((64, 64, 64), 7, np.int16), CPU)
    torch.testing.assert_close(flat, torch.full((16, 16, 16), 7.0))


def test_the_same_spacing_copies_bit_for_bit():
    volume = np.random.default_rng(1).integers(-1000, 1000, (9, 8, 7)).astype(np.int16)
    grid = NetworkGrid.of(volume.shape, np.diag([1.5, 1.5, 1.5, 1]), [1.5] * 3)
    assert np.array_equal(grid.resample(volume, CPU).numpy(), volume)


def test_the_way_back_to_the_scan_is_linear_and_keeps_a_ramp():
    for mm, wanted in ((3.0, 1.5), (1.0, 1.5), (1.5, 1.5)):
        grid = NetworkGrid.of((20, 9, 7), np.diag([mm, 3, 3, 1]), [wanted, 1.5, 4.0])
        axis = grid.axes[0]
        ramp = torch.arange(axis.size).float()[:, None, None].expand(grid.shape).contiguous()
        back = grid.to_scan(ramp).numpy()
        assert back.shape == (20, 9, 7)
        expected = np.clip(axis.from_scan(np.arange(20)), 0, axis.size - 1)
        np.testing.assert_allclose(back[:, 0, 0], expected, atol=1e-4)
        np.testing.assert_allclose(back, np.broadcast_to(back[:, :1, :1], back.shape), atol=1e-4)


def test_the_nearest_network_voxel_is_taken_whole():
    grid = NetworkGrid.of((40, 6, 6), np.diag([0.8, 3, 3, 1]), [3.0, 3.0, 3.0])
    numbers = torch.arange(grid.shape[0])[:, None, None].expand(grid.shape)
    got = grid.to_scan_nearest(numbers)[:, 0, 0].numpy()
    centres = grid.axes[0].to_scan(np.arange(grid.shape[0]))
    assert np.array_equal(got, np.abs(np.arange(40)[:, None] - centres).argmin(1))
