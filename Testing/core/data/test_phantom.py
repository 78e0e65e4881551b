"""The phantom: a scan whose labels are right by construction."""

import nibabel as nib
import numpy as np
import pytest
import torch

from mambamim.catalogue.terminology import ABDOMEN_LABELS
from mambamim.data import phantom as module
from mambamim.data.anatomy import draw_body
from mambamim.data.phantom import make_phantom, paint_scan, write_phantom
from mambamim.data.phases import Phase
from mambamim.data.tissues import Tissue
from mambamim.data.volume import read_volume

SEED = 21
MM = 3.0
SHAPE = (120, 100, 120)
TINY, TINY_MM = (40, 34, 40), 9.0
VALUE = {name: value for value, name in ABDOMEN_LABELS.items()}
# Median HU of an organ in any one person: (lowest, highest) per phase.
PLAUSIBLE = {
    "liver": {"unenhanced": (-15, 80), "arterial": (5, 105), "portal": (20, 150)},
    "spleen": {"unenhanced": (25, 70), "arterial": (70, 180), "portal": (75, 160)},
    "aorta": {"unenhanced": (20, 60), "arterial": (150, 430), "portal": (80, 220)},
    "urinary_bladder": dict.fromkeys(("unenhanced", "arterial", "portal"), (-15, 30)),
    "lungs": dict.fromkeys(("unenhanced", "arterial", "portal"), (-960, -720)),
    # Voxels of 3 mm leave little but the compact shell.
    "vertebrae": dict.fromkeys(("unenhanced", "arterial", "portal"), (60, 700)),
}


@pytest.fixture(scope="module", params=["unenhanced", "arterial", "portal"])
def scanned(request):
    return make_phantom(SEED, SHAPE, MM, Phase(request.param))


def test_labels_are_those_of_the_abdomen_all_of_them(scanned):
    assert set(np.unique(scanned.labels)) == {0, *ABDOMEN_LABELS}
    assert scanned.labels.dtype == np.uint8
    assert scanned.ct.dtype == np.int16
    assert scanned.ct.shape == scanned.labels.shape == SHAPE


def test_organs_are_as_bright_as_in_life(scanned):
    for name, ranges in PLAUSIBLE.items():
        low, high = ranges[scanned.phase.value]
        median = np.median(scanned.ct[scanned.labels == VALUE[name]])
        assert low < median < high, name


def test_the_scan_shows_what_the_labels_say(scanned):
    """Labels of another body, or turned ones, would not fit the scan."""
    lungs = scanned.labels == VALUE["lungs"]
    spine = scanned.labels == VALUE["vertebrae"]
    assert np.mean(scanned.ct[lungs] < -500) > 0.85
    assert np.mean(scanned.ct[spine] > 80) > 0.85


def test_the_patient_lies_on_a_couch(scanned):
    """Axis 1 runs to the front: behind the back lies something denser than air, in front not."""
    middle = slice(55, 65)
    rows = np.flatnonzero((draw_body(SEED, SHAPE, (MM,) * 3) != Tissue.AIR)[middle].any((0, 2)))
    density = scanned.ct[middle].mean((0, 2))
    assert density[: rows[0] - 1].max() > -950
    assert density[rows[-1] + 3 :].max() < -980


@pytest.mark.parametrize("spacing", [9.0, (9.0, 8.0, 7.0)])
def test_the_grid_is_centred_on_the_origin(spacing):
    made = make_phantom(3, TINY, spacing)
    middle = [(n - 1) / 2 for n in TINY]
    np.testing.assert_allclose(made.affine @ [*middle, 1], [0, 0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(np.diag(made.affine)[:3], np.broadcast_to(spacing, 3))


def test_seeds_decide():
    first, same, other = (make_phantom(s, TINY, TINY_MM) for s in (3, 3, 4))
    assert np.array_equal(first.ct, same.ct)
    assert np.array_equal(first.labels, same.labels)
    assert not np.array_equal(first.ct, other.ct)
    assert not np.array_equal(first.labels, other.labels)


def test_another_seed_paints_the_same_body_otherwise():
    tissues = torch.full((10, 10, 10), int(Tissue.LIVER), dtype=torch.uint8)
    first = paint_scan(tissues, MM, 1)
    assert torch.equal(first, paint_scan(tissues, MM, 1))
    assert not torch.equal(first, paint_scan(tissues, MM, 2))


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
    assert volume.array.shape == TINY
    np.testing.assert_allclose(volume.affine, small.affine, atol=1e-4)
