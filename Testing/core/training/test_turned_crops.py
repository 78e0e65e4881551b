"""Turned crops against turns of whole quarters and against SciPy, voxel by voxel."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.spatial.transform import Rotation

from mambamim.data.class_sets import UNKNOWN
from mambamim.training.turned_crops import turn_crops, turn_of


def draw(batch=1, shape=(6, 8, 10), channels=1):
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(batch, channels, *shape, generator=generator)
    return image, torch.randint(0, 5, (batch, 1, *shape), generator=generator)


def test_what_is_not_turned_stays():
    image, label = draw()
    got = turn_crops(image, label, turn_of(np.zeros(3), (6, 8, 10))[None])
    assert torch.allclose(got[0], image, atol=1e-5)
    assert torch.equal(got[1], label)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_quarter_turn_moves_whole_voxels(axis):
    image, label = draw(shape=(8, 8, 8))
    angles = np.zeros(3)
    angles[axis] = np.pi / 2
    got = turn_crops(image, label, turn_of(angles, (8, 8, 8))[None])
    plane = [2 + a for a in range(3) if a != axis]
    ways = [k for k in (1, 3) if torch.equal(got[1], torch.rot90(label, k, plane))]
    assert len(ways) == 1
    assert torch.allclose(got[0], torch.rot90(image, ways[0], plane), atol=1e-5)


def test_it_is_a_rotation_where_sides_differ():
    shape, angles = (9, 12, 17), np.array([0.2, -0.1, 0.25])
    image, label = draw(shape=shape)
    matrix = Rotation.from_euler("xyz", angles).as_matrix()
    middle = (np.array(shape) - 1) / 2
    offset = middle - matrix @ middle
    want = ndimage.affine_transform(
        image[0, 0].double().numpy(), matrix, offset, order=1, mode="grid-constant"
    )
    nearest = ndimage.affine_transform(
        label[0, 0].numpy(), matrix, offset, order=0, mode="grid-constant", cval=UNKNOWN
    )
    got = turn_crops(image, label, turn_of(angles, shape)[None])
    assert np.abs(got[0][0, 0].numpy() - want).max() < 1e-4
    assert (got[1][0, 0].numpy() == nearest).mean() > 0.995  # of halves, either neighbour
    assert (nearest == UNKNOWN).any()


def test_each_of_a_batch_is_turned_by_itself():
    image, label = draw(batch=3, channels=2)
    turns = torch.stack([turn_of(np.array([0.1 * k, 0.0, 0.2]), (6, 8, 10)) for k in range(3)])
    together = turn_crops(image, label, turns)
    for k in range(3):
        one = turn_crops(image[k : k + 1], label[k : k + 1], turns[k : k + 1])
        assert torch.allclose(together[0][k], one[0][0])
        assert torch.equal(together[1][k], one[1][0])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
def test_kinds_and_layout_are_kept(dtype, layout):
    image, label = draw(channels=2)
    image = image.to(torch.bfloat16, memory_format=layout)
    turn = turn_of(np.array([0.2, 0.2, 0.2]), (6, 8, 10))[None]
    with torch.autocast("cpu", torch.bfloat16):
        got = turn_crops(image, label.to(dtype), turn)
    assert got[0].dtype == torch.bfloat16
    assert got[0].is_contiguous(memory_format=layout)
    assert got[1].dtype == dtype
    assert set(got[1].unique().tolist()) == {0, 1, 2, 3, 4, UNKNOWN}
