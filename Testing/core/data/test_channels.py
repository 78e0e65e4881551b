"""The channels of a case: one file of four axes, or a file each, on one grid."""

import nibabel as nib
import numpy as np
import pytest
import torch
from scan_files import save, smooth

from mambamim.data.channels import channels_array, read_channels
from mambamim.data.crop_places import BODY
from mambamim.data.crops import CropDataset
from mambamim.data.prepared_store import PreparedStore, estimate, prepare
from mambamim.data.scan_source import ScanSource
from mambamim.data.volume import read_volume
from mambamim.errors import BadInputError

SHAPE = (12, 14, 10)
WHOLE = (slice(None),) * 3


@pytest.fixture
def channels():
    return np.stack([smooth(SHAPE, seed) * (1 + seed) for seed in range(3)])


@pytest.fixture
def files(channels, tmp_path):
    return [save(tmp_path / f"c{n}.nii.gz", channel) for n, channel in enumerate(channels)]


@pytest.fixture
def joint(channels, tmp_path):
    return save(tmp_path / "joint.nii.gz", np.moveaxis(channels, 0, -1))


def test_one_file_of_four_axes_is_its_channels(channels, files, joint):
    apart, together = read_channels(files), read_channels([joint])
    assert len(apart) == len(together) == 3
    for one, other, wanted in zip(apart, together, channels, strict=True):
        assert np.array_equal(one.array, wanted)
        assert np.array_equal(other.array, wanted)
        assert np.array_equal(one.affine, other.affine)
        assert other.source.shape == SHAPE, "label maps are written on the grid of one channel"
    assert np.array_equal(channels_array(together), channels)


def test_one_channel_is_a_volume(files):
    (one,) = read_channels(files[:1])
    assert np.array_equal(one.array, read_volume(files[0]).array)
    assert channels_array([one]).shape == SHAPE


def test_channels_must_lie_voxel_on_voxel(files, channels, tmp_path):
    small = save(tmp_path / "small.nii", channels[0, :, :8])
    with pytest.raises(BadInputError, match=r"small\.nii has 12 x 8 x 10 voxels and c0"):
        read_channels([files[0], small])
    moved = np.diag([3.0, 3.0, 3.0, 1.0])
    moved[0, 3] = 0.5
    nib.save(nib.Nifti1Image(channels[0], moved), tmp_path / "moved.nii")
    with pytest.raises(BadInputError, match=r"moved\.nii lies up to 0\.5 mm beside c0"):
        read_channels([files[0], tmp_path / "moved.nii"])
    with pytest.raises(BadInputError, match="series of volumes"):
        read_channels([save(tmp_path / "long.nii", np.zeros((4, 4, 4, 65), np.uint8))])
    with pytest.raises(BadInputError, match="series of volumes"):
        read_channels([save(tmp_path / "five.nii", np.zeros((4, 4, 4, 2, 2), np.uint8))])
    with pytest.raises(BadInputError, match="no file absent"):
        read_channels([tmp_path / "absent.nii"])
    (tmp_path / "cut.nii.gz").write_bytes(files[0].read_bytes()[:400])
    with pytest.raises(BadInputError, match="cut"):
        read_channels([tmp_path / "cut.nii.gz"])


@pytest.mark.parametrize("spacing", [None, (4.0, 3.0, 5.0)])
def test_prepared_channels_are_each_as_if_alone(files, joint, tmp_path, spacing):
    label = save(tmp_path / "label.nii.gz", (smooth(SHAPE) > 0).astype(np.uint8))
    sources = [
        ScanSource(files[0], label, "MR", tuple(files[1:]), joined=True),
        ScanSource(joint, label, "MR", joined=True),
    ]
    made = prepare(sources, tmp_path / "store", spacing)
    assert [case.channels for case in made.cases] == [3, 3]
    alone = prepare([ScanSource(f, None, "MR") for f in files], tmp_path / "alone", spacing).cases
    for case in PreparedStore.open(tmp_path / "store").cases:
        image = case.image(WHOLE)
        assert image.shape == (3, *case.shape)
        assert np.array_equal(image, np.stack([one.image(WHOLE) for one in alone]))
        box = (slice(2, 6), slice(1, 7), slice(0, 3))
        assert np.array_equal(case.image(box), image[(slice(None), *box)])
        assert case.label(WHOLE).shape == case.shape
        assert (image.max(0)[tuple(case.foreground.T)] > 0.1).all(), BODY
    disk = sum(sum(case.bytes.values()) for case in made.cases)
    assert estimate(sources, spacing).disk_bytes > disk
    again = prepare(sources, tmp_path / "store", spacing)
    assert again.cases == made.cases


def test_another_file_is_another_scan_and_one_that_is_not_joined_is_refused(files, joint, tmp_path):
    keys = {ScanSource(files[0], more=tuple(files[1:n])).key for n in (1, 2, 3)}
    keys.add(ScanSource(files[0], more=(files[2], files[1])).key)
    assert len(keys) == 4
    with pytest.raises(BadInputError, match="series of volumes"):
        prepare([ScanSource(joint, None, "MR")], tmp_path / "store")


def test_crops_of_channels_are_those_of_each_alone(files, tmp_path):
    """All moved alike: flipped, zoomed and padded at the same places."""
    label = save(tmp_path / "label.nii.gz", (smooth(SHAPE) > 0).astype(np.uint8))
    joined = ScanSource(files[0], label, "MR", tuple(files[1:]), joined=True)
    sources = [joined, *(ScanSource(file, label, "MR") for file in files)]
    all_cases = prepare(sources, tmp_path / "store", None).cases

    def crops(case):
        return CropDataset([case], (16, 8, 8), 0, foreground=1.0, zoom=0.3, labelled=True)

    together, *alone = map(crops, all_cases)
    for number in range(8):
        crop = together[number]
        assert crop["image"].shape == (3, 16, 8, 8)
        for channel, one in enumerate(alone):
            assert torch.equal(crop["image"][channel : channel + 1], one[number]["image"])
            assert torch.equal(crop["label"], one[number]["label"])
