"""The phantom: a scan whose labels are right by construction."""

import nibabel as nib
import numpy as np
import pytest

from mambamim.catalogue.terminology import ABDOMEN_LABELS
from mambamim.data import phantom as module
from mambamim.data.phantom import make_phantom, write_phantom
from mambamim.data.phases import Phase
from mambamim.data.volume import read_volume
from mambamim.errors import BadInputError

SEED = 21
MM = 4.0
SHAPE = (104, 84, 88)
TINY, TINY_MM = (34, 28, 22), 12.0
VALUE = {name: value for value, name in ABDOMEN_LABELS.items()}
# Median HU of an organ in any one person: (lowest, highest) per phase.
PLAUSIBLE = {
    "liver": {"unenhanced": (-15, 90), "arterial": (5, 120), "portal": (20, 160)},
    "spleen": {"unenhanced": (20, 80), "arterial": (60, 190), "portal": (65, 170)},
    "aorta": {"unenhanced": (15, 80), "arterial": (130, 430), "portal": (70, 230)},
    "lungs": dict.fromkeys(("unenhanced", "arterial", "portal"), (-980, -500)),
    # Voxels of 4 mm leave little but the compact shell.
    "vertebrae": dict.fromkeys(("unenhanced", "arterial", "portal"), (60, 700)),
}


@pytest.fixture(scope="module", params=["unenhanced", "arterial", "portal"])
def scanned(request):
    return make_phantom(SEED, SHAPE, MM, Phase(request.param))


def test_all_organs_are_there_and_in_place(scanned):
    assert set(np.unique(scanned.labels)) == {0, *ABDOMEN_LABELS}
    assert scanned.labels.dtype == np.uint8
    assert scanned.ct.dtype == np.int16
    assert scanned.ct.shape == scanned.labels.shape
    assert scanned.ct.shape[:2] == SHAPE[:2]
    middle = {
        name: np.argwhere(scanned.labels == VALUE[name]).mean(0)
        for name in ("liver", "spleen", "lungs", "urinary_bladder", "vertebrae", "stomach")
    }
    # RAS: numbers along the axes grow to the right, to the front and upwards.
    assert middle["liver"][0] > middle["spleen"][0] + 15
    assert middle["vertebrae"][1] < middle["stomach"][1] - 5
    assert middle["urinary_bladder"][2] < middle["liver"][2] - 30 < middle["lungs"][2] - 30


def test_organs_are_as_bright_as_in_life(scanned):
    for name, ranges in PLAUSIBLE.items():
        low, high = ranges[scanned.phase.value]
        median = np.median(scanned.ct[scanned.labels == VALUE[name]])
        assert low < median < high, name


def test_the_scan_shows_what_the_labels_say(scanned):
    """Labels of another body, or turned ones, would not fit the scan."""
    lungs = scanned.labels == VALUE["lungs"]
    spine = scanned.labels == VALUE["vertebrae"]
    assert np.mean(scanned.ct[lungs] < -400) > 0.8
    assert np.mean(scanned.ct[spine] > 80) > 0.8


@pytest.mark.parametrize("spacing", [12.0, 15.0])
def test_the_grid_is_centred_on_the_origin(spacing):
    made = make_phantom(3, TINY, spacing)
    middle = [(n - 1) / 2 for n in made.ct.shape]
    np.testing.assert_allclose(made.affine @ [*middle, 1], [0, 0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(np.diag(made.affine)[:3], spacing)


def test_seeds_decide():
    first, same, other = (make_phantom(s, TINY, TINY_MM) for s in (3, 3, 4))
    assert np.array_equal(first.ct, same.ct)
    assert np.array_equal(first.labels, same.labels)
    assert first.ct.shape == other.ct.shape == TINY
    assert not np.array_equal(first.ct, other.ct)
    assert not np.array_equal(first.labels, other.labels)


def test_an_anatomy_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setattr(module, "ANATOMY", "nobody")
    with pytest.raises(BadInputError, match=r"nobody\.npz.*install"):
        make_phantom(1)


def test_written_files_can_be_read_and_lie_on_one_grid(tmp_path, monkeypatch):
    small = make_phantom(5, TINY, TINY_MM)
    asked = []
    monkeypatch.setattr(module, "make_phantom", lambda seed: asked.append(seed) or small)
    ct, labels = write_phantom(tmp_path / "new" / "folder", 5)
    assert asked == [5]
    assert sorted(p.name for p in ct.parent.iterdir()) == ["ct.nii.gz", "labels.nii.gz"]
    images = [nib.load(path) for path in (ct, labels)]
    for image, array in zip(images, (small.ct, small.labels), strict=True):
        assert np.array_equal(np.asarray(image.dataobj), array)
        assert image.get_data_dtype() == array.dtype
        assert image.header.get_xyzt_units()[0] == "mm"
        assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
        np.testing.assert_allclose(image.affine, small.affine, atol=1e-4)
    volume = read_volume(ct)
    assert volume.array.shape == small.ct.shape
    np.testing.assert_allclose(volume.affine, small.affine, atol=1e-4)
