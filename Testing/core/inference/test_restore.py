"""The way back equals interpolating every class everywhere."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mambamim.data.regions import Region, Regions
from mambamim.inference import restore
from mambamim.inference.network_grid import NetworkGrid
from mambamim.inference.restore import best_class, restore_labels


def smooth_scores(classes, shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, classes, 5, 5, 5, generator=generator)
    return F.interpolate(coarse, size=shape, mode="trilinear", align_corners=True)[0]


TUMOUR = Regions(
    (Region("whole", (1, 2, 3, 4), 2), Region("core", (1, 3), 1), Region("enhancing", (3,), 3),
     Region("cyst", (4,), 4))
)  # fmt: skip


@pytest.mark.parametrize("regions", [None, TUMOUR])
@pytest.mark.parametrize("scan_mm", [0.8, 1.5, 2.5])
def test_equals_full_interpolation(scan_mm, regions):
    scan_shape = (40, 33, 21)
    grid = NetworkGrid.of(scan_shape, np.diag([scan_mm, scan_mm, 2.0, 1]), [1.5] * 3)
    scores = smooth_scores(5 if regions is None else 4, grid.shape)
    whole = tuple(slice(0, n) for n in grid.shape)
    got = restore_labels(scores, grid, whole, np.uint8, regions)
    axes = [
        np.clip(axis.from_scan(np.arange(axis.scan_size)), 0, axis.size - 1) for axis in grid.axes
    ]
    places = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    unit = 2 * places / (np.array(grid.shape) - 1) - 1
    points = torch.from_numpy(unit[..., ::-1].astype(np.float32))[None]
    everywhere = F.grid_sample(scores[None], points, align_corners=True)[0]
    full = everywhere.argmax(0).numpy()
    if regions is not None:
        full = regions.paint((everywhere > 0).numpy())
    assert got.shape == scan_shape
    assert len(np.unique(full)) == 5
    assert (got == full).mean() > 0.9999  # ties may fall either way


def test_outside_of_the_box_is_background_and_inside_does_not_move():
    scan_shape = (30, 30, 30)
    grid = NetworkGrid.of(scan_shape, np.diag([1.0, 1.0, 1.0, 1]), [1.5] * 3)
    whole = tuple(slice(0, n) for n in grid.shape)
    box = (slice(4, 14), slice(3, 18), slice(0, 20))
    scores = smooth_scores(3, grid.shape)
    everything = restore_labels(scores, grid, whole, np.uint8)
    part = restore_labels(scores[(slice(None), *box)].contiguous(), grid, box, np.uint8)
    inside = np.zeros(scan_shape, bool)
    inside[8:20, 7:26, 2:28] = True  # well inside of the box in scan voxels
    assert np.array_equal(part[inside], everything[inside])
    assert not part[:5].any()
    assert not part[24:].any()


@pytest.mark.parametrize("shape", [(1, 4, 3, 3), (300, 40, 2, 2), (5, 12)])
def test_the_best_class_is_argmax_and_the_first_of_equals(shape, monkeypatch):
    monkeypatch.setattr(restore, "_AT_ONCE", 10)  # several parts, the last one smaller
    scores = torch.randint(0, 4, shape, generator=torch.Generator().manual_seed(0)).float()
    turned = scores.transpose(0, 1).contiguous().transpose(0, 1)
    for given in (scores, turned):
        assert torch.equal(best_class(given).long(), scores.argmax(0))


@pytest.mark.parametrize("scan_shape", [(20, 16, 9), (1, 33, 21)])
def test_parts_and_threads_change_nothing(scan_shape, monkeypatch):
    grid = NetworkGrid.of(scan_shape, np.diag([0.7, 1.5, 4.0, 1]), [1.5] * 3)
    scores = smooth_scores(300, grid.shape)
    whole = tuple(slice(0, n) for n in grid.shape)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    once = restore_labels(scores, grid, whole, np.uint16)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(restore, "_AT_ONCE", 500)
    assert once.dtype == np.uint16
    assert once.max() > 255
    assert np.array_equal(restore_labels(scores, grid, whole, np.uint16), once)


@pytest.mark.parametrize("scan_mm", [0.7, 1.5, 20.0])
def test_one_class_everywhere_has_no_surface(scan_mm):
    grid = NetworkGrid.of((9, 8, 7), np.diag([scan_mm] * 3 + [1]), [1.5] * 3)
    scores = torch.zeros(4, *grid.shape)
    scores[2] = 1
    whole = tuple(slice(0, n) for n in grid.shape)
    assert (restore_labels(scores, grid, whole, np.uint8) == 2).all()
