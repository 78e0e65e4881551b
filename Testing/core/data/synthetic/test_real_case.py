"""Labelled scans of a bank."""

import nibabel as nib
import numpy as np
import pytest

from mambamim.data.synthetic.real_case import RealCase, read_case
from mambamim.errors import BadInputError

SOURCE = {"name": "made up", "licence": "Apache-2.0", "kind": "pseudo"}


@pytest.fixture
def files(tmp_path):
    """A body of 3 x 3 x 5 mm voxels in air, stored to the patient's left."""
    hu = np.full((40, 36, 10), -1000, np.int16)
    hu[8:32, 8:28] = 51
    labels = np.zeros(hu.shape, np.uint8)
    labels[10:16, 12:20, 3:7] = 2
    affine = np.diag([-3.0, 3.0, 5.0, 1.0])
    for name, array in (("ct", hu), ("label", labels)):
        nib.save(nib.Nifti1Image(array, affine), tmp_path / f"{name}.nii.gz")
    return tmp_path / "ct.nii.gz", tmp_path / "label.nii.gz"


def test_a_case_is_cropped_turned_and_finer(files):
    case = read_case("one", *files, SOURCE)
    assert case.spacing_mm == (3.0, 3.0, 5.0)
    assert case.labels.shape == tuple(
        round(n * s / 1.5) for n, s in zip(case.hu.shape, case.spacing_mm, strict=True)
    )
    assert case.fine_hu().shape == case.labels.shape
    assert case.hu.shape[0] < 40
    assert set(np.unique(case.labels)) == {0, 2}
    where = np.argwhere(case.labels == 2)
    assert where[:, 0].mean() > case.labels.shape[0] / 2, "turned to the right"
    assert (case.hu % 4 == 0).all()


def test_a_case_is_written_and_read(files, tmp_path):
    case = read_case("one", *files, SOURCE)
    case.save(tmp_path / "one.npz")
    read = RealCase.load(tmp_path / "one.npz")
    assert (read.name, read.source, read.spacing_mm) == ("one", SOURCE, case.spacing_mm)
    assert np.array_equal(read.hu, case.hu)
    assert np.array_equal(read.labels, case.labels)


def test_a_scan_without_labels_is_unknown_throughout(files):
    case = read_case("one", files[0], None, SOURCE)
    assert case.labels.shape == read_case("one", *files, SOURCE).labels.shape
    assert (case.labels == 255).all()


def test_another_grid_is_told(files):
    image = nib.load(files[1])
    short = nib.Nifti1Image(np.asarray(image.dataobj)[:, :, 1:], image.affine)
    nib.save(short, files[1])
    with pytest.raises(BadInputError, match="shape"):
        read_case("one", *files, SOURCE)
