import nibabel as nib
import numpy as np
import pytest
from scan_files import save

from mambamim.errors import BadInputError
from mambamim.evaluation.label_pair import check_one_grid, read_labels

LABELS = np.zeros((6, 7, 8), np.uint8)
LABELS[1:3, 2:5, 3:7] = 2


def moved(path, affine, array=LABELS):
    nib.save(nib.Nifti1Image(array, affine), path)
    return read_labels(path)


def test_orientation_makes_no_difference(tmp_path):
    straight = read_labels(save(tmp_path / "a.nii", LABELS, (1.0, 2.0, 3.0)))
    affine = np.diag([-1.0, 2.0, 3.0, 1.0])
    affine[0, 3] = 5
    flipped = moved(tmp_path / "b.nii", affine, LABELS[::-1])
    check_one_grid(straight, flipped)
    assert np.array_equal(straight.array, flipped.array)
    assert straight.spacing_mm == (1, 2, 3)
    assert straight.values() == [2]


def test_grids_that_differ_are_refused_with_how_much(tmp_path):
    here = moved(tmp_path / "here.nii", np.diag([2.0, 2, 4, 1]))
    affine = np.diag([2.0, 2, 4, 1])
    affine[:3, 3] = (0, 0, 3)
    with pytest.raises(BadInputError, match=r"here.nii lies up to 3 mm \(1.5 voxels\) beside off"):
        check_one_grid(here, moved(tmp_path / "off.nii", affine))
    affine[:3, 3] = (0, 0, 0.1)
    check_one_grid(here, moved(tmp_path / "near.nii", affine))
    wide = moved(tmp_path / "wide.nii", np.diag([2.0, 2, 4.1, 1]))
    with pytest.raises(BadInputError, match=r"0\.7 mm"):  # 7 steps of 0.1 mm
        check_one_grid(here, wide)
    small = moved(tmp_path / "small.nii", np.diag([2.0, 2, 4, 1]), LABELS[:, :, :5])
    with pytest.raises(BadInputError, match=r"6 x 7 x 8 voxels and small\.nii 6 x 7 x 5"):
        check_one_grid(here, small)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (LABELS * 0.3, "not only whole numbers"),
        (LABELS.astype(np.int16) - 1, "from -1 to 1"),
        (LABELS.astype(np.int32) * 70000, "140000"),
        (np.stack([LABELS, LABELS], axis=3), "series of volumes"),
    ],
)
def test_what_is_no_label_map_is_refused(tmp_path, array, words):
    with pytest.raises(BadInputError, match=words):
        read_labels(save(tmp_path / "x.nii.gz", array))


def test_whole_numbers_stored_as_floats_are_labels(tmp_path):
    labels = read_labels(save(tmp_path / "x.nii.gz", LABELS.astype(np.float64)))
    assert labels.array.dtype == np.uint16
    assert labels.looked_up({2: 9}).values() == [9]
    assert labels.looked_up({1: 9}).values() == []
