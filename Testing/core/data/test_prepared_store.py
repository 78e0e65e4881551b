"""Scans prepared once: right values, whole or not at all, nothing about a patient on the disk."""

import json
import logging
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
from scan_files import labelled, save, smooth, write_dicom
from scipy import ndimage

import mambamim.data.prepared_store as module
from mambamim.data.prepared_store import PreparedStore, prepare
from mambamim.data.scan_lists import find_scans
from mambamim.data.scan_source import ScanSource
from mambamim.errors import BadInputError, Cancelled, MissingDependencyError

RNG = np.random.default_rng(0)
ALL = (slice(None),) * 3


def test_values_are_those_of_linear_interpolation_and_the_window(tmp_path):
    hu = smooth((9, 8, 7))
    image = save(tmp_path / "a.nii", hu, (3.0, 2.0, 4.5))
    (case,) = prepare([ScanSource(image)], tmp_path / "store", (1.5, 2.0, 1.5)).cases
    assert (case.shape, case.spacing_mm, case.modality) == ((18, 8, 21), (1.5, 2.0, 1.5), "CT")
    lines = [(np.arange(n) - (n - 1) / 2) * step + (m - 1) / 2
             for n, step, m in zip(case.shape, (0.5, 1, 1 / 3), hu.shape, strict=True)]  # fmt: skip
    places = np.meshgrid(*lines, indexing="ij")
    direct = ndimage.map_coordinates(hu.astype(float), places, order=1, mode="nearest")
    expected = np.clip((direct + 175) / 425, 0, 1)
    np.testing.assert_allclose(case.image(ALL), expected, atol=1e-3)
    assert 0.2 < expected.mean() < 0.8
    box = (slice(3, 9), slice(0, 8), slice(20, 21))
    np.testing.assert_array_equal(case.image(box), case.image(ALL)[box])
    assert case.image(box).dtype == np.float32


def test_mr_and_the_scans_own_spacing(tmp_path):
    scan = np.maximum(smooth((10, 11, 12)), 0)
    image = save(tmp_path / "mr.nii", scan, (1.0, 1.1, 2.0))
    (case,) = prepare([ScanSource(image)], tmp_path / "store", None).cases
    assert (case.shape, case.spacing_mm, case.modality) == (scan.shape, (1.0, 1.1, 2.0), "MR")
    low, high = np.percentile(scan[scan > 0], (0.5, 99.5))
    expected = np.clip((scan - low) / (high - low), 0, 1)
    np.testing.assert_allclose(case.image(ALL), expected, atol=1e-3)


def test_labels_lie_on_the_images_grid_and_their_places_on_them(tmp_path):
    source = labelled(tmp_path)
    (case,) = prepare([source], tmp_path / "store").cases
    stored, labels = case.label(ALL), np.asarray(nib.load(source.label).dataobj)
    np.testing.assert_array_equal(stored, labels.repeat(2, 0).repeat(2, 1).repeat(2, 2))
    assert stored.dtype == np.uint8
    assert case.labels == {1: 8 * 72, 7: 8 * 54}
    for value, count in case.labels.items():
        places = case.label_places(value)
        assert len(np.unique(places, axis=0)) == len(places) == min(count, 1024)
        assert (stored[tuple(places.T)] == value).all()
    body = case.foreground
    assert 0 < len(body) <= 4096
    assert (case.image(ALL)[tuple(body.T)] > 0.09).all()
    with pytest.raises(BadInputError, match="has no label 2"):
        case.label_places(2)


def test_a_turned_scan_gives_the_same_store(tmp_path):
    source = labelled(tmp_path / "a")
    turned = []
    for path in (source.image, source.label):
        image = nib.as_closest_canonical(nib.load(path))
        code = nib.orientations.axcodes2ornt(("P", "S", "L"))
        other = image.as_reoriented(
            nib.orientations.ornt_transform(nib.io_orientation(image.affine), code)
        )
        assert other.shape == (14, 10, 12)
        place = tmp_path / "b" / path.name
        place.parent.mkdir(exist_ok=True)
        nib.save(other, place)
        turned.append(place)
    one, other = prepare([source, ScanSource(*turned, "CT")], tmp_path / "store", (2, 1.5, 4)).cases
    assert one.key != other.key
    assert one.shape == other.shape
    np.testing.assert_array_equal(one.image(ALL), other.image(ALL))
    np.testing.assert_array_equal(one.label(ALL), other.label(ALL))
    np.testing.assert_array_equal(one.foreground, other.foreground)


def test_a_label_map_that_does_not_fit_is_told_by_how_much(tmp_path):
    source = labelled(tmp_path)
    labels = np.ones((12, 14, 10), np.uint8)
    moved = nib.Nifti1Image(labels, nib.load(source.image).affine + np.eye(4)[[3, 3, 3, 3]] * 1.25)
    moved.affine[3] = (0, 0, 0, 1)
    nib.save(nib.Nifti1Image(labels, moved.affine), tmp_path / "moved.nii")
    for label, message in (
        (tmp_path / "moved.nii", r"moved\.nii lies up to 2\.17 mm beside ct\.nii\.gz"),
        (save(tmp_path / "short.nii", labels[:, :, :9]), "12 x 14 x 9 voxels and .* 12 x 14 x 10"),
        (save(tmp_path / "half.nii", labels * np.float32(0.5)), "must be whole numbers"),
        (save(tmp_path / "high.nii", labels * np.int16(300)), "values from 300 to 300"),
    ):
        with pytest.raises(BadInputError, match=message):
            prepare([ScanSource(source.image, label)], tmp_path / "store")


def test_a_crop_reads_its_own_chunks_only(tmp_path):
    noise = RNG.integers(-175, 250, (200, 64, 64)).astype(np.int16)
    image = save(tmp_path / "a.nii", noise)
    (case,) = prepare([ScanSource(image, modality="CT")], tmp_path / "store", None).cases
    file = case.folder / "image.b2nd"
    content = bytearray(file.read_bytes())
    near = (slice(0, 60), slice(2, 64), slice(0, 64))
    far = (slice(140, 200), slice(2, 64), slice(0, 64))
    before = case.image(near)
    case.image(far)
    start, end = int(len(content) * 0.6), int(len(content) * 0.9)
    content[start:end] = b"\xff" * (end - start)
    file.write_bytes(content)
    np.testing.assert_array_equal(case.image(near), before)
    with pytest.raises(BadInputError, match=f"{case.key} is damaged. Delete the folder store"):
        case.image(far)


def test_damaged_files_are_told_and_prepared_again(tmp_path):
    source = labelled(tmp_path)
    (case,) = prepare([source], tmp_path / "store").cases
    good = case.image(ALL)
    for name, read in (
        ("image.b2nd", lambda: case.image(ALL)),
        ("label.b2nd", lambda: case.label(ALL)),
        ("places.npz", lambda: case.foreground),
    ):
        file = case.folder / name
        whole = file.read_bytes()
        for spoil in (lambda f=file, w=whole: f.write_bytes(w[:-200]), file.unlink):
            spoil()
            with pytest.raises(BadInputError, match=f"{case.key} is damaged"):
                read()
    (again,) = prepare([source], tmp_path / "store").cases
    np.testing.assert_array_equal(again.image(ALL), good)
    for text in ("", "[]", '{"version": 1, "cases": [{}]}', '{"version": 1, "cases": 3}'):
        (tmp_path / "store" / "index.json").write_text(text)
        with pytest.raises(BadInputError, match="list of prepared scans in store is damaged"):
            prepare([source], tmp_path / "store")
    (tmp_path / "store" / "index.json").write_text('{"version": 2, "cases": []}')
    with pytest.raises(BadInputError, match="of version 2, not 1"):
        PreparedStore.open(tmp_path / "store")
    with pytest.raises(BadInputError, match="holds no prepared scans"):
        PreparedStore.open(tmp_path / "nowhere")


def test_scans_that_cannot_be_used_are_told_and_left_out(tmp_path, caplog):
    secret = tmp_path / "ward_12"
    good = ScanSource(save(secret / "good.nii", smooth((8, 8, 8))))
    constant = ScanSource(save(secret / "air.nii", np.full((8, 8, 8), -1000, np.int16)))
    cut = ScanSource(save(secret / "cut.nii.gz", smooth((20, 20, 20))))
    cut.image.write_bytes(cut.image.read_bytes()[:3000])
    gone = ScanSource(secret / "gone.nii")
    with caplog.at_level(logging.WARNING):
        store = prepare([cut, good, constant, gone], tmp_path / "store")
    assert [case.shape for case in store.cases] == [(16, 16, 16)]
    assert [text.split(":")[0] for text in store.skipped] == ["cut.nii.gz", "air.nii", "gone.nii"]
    assert "air.nii is left out: air.nii holds one value only" in caplog.text
    assert "ward_12" not in "".join(record.getMessage() for record in caplog.records)
    with pytest.raises(BadInputError, match=r"None of the 2 scans .* cut\.nii\.gz is damaged"):
        prepare([cut, constant], tmp_path / "store")
    with pytest.raises(BadInputError, match="None of the 0 scans"):
        prepare([], tmp_path / "store")


def test_labels_beside_their_scans_are_not_learnt_from(tmp_path, caplog):
    both = labelled(tmp_path / "scans")
    store = prepare(find_scans([tmp_path / "scans"]), tmp_path / "store")
    assert len(store.cases) == 1
    assert "label.nii.gz is a label map" in caplog.text
    assert store.skipped[0].startswith("label.nii.gz")
    said = prepare([ScanSource(both.label, None, "MR")], tmp_path / "other")
    assert said.cases[0].modality == "MR", "whoever says what it is, is believed"


def test_nothing_about_a_patient_is_written(tmp_path):
    ct = smooth((24, 20, 8))
    nifti = save(tmp_path / "ward" / "Doe_Jane.nii.gz", ct)
    label = save(tmp_path / "ward" / "Doe_Jane_label.nii.gz", (ct > 0).astype(np.uint8))
    series = write_dicom(tmp_path / "ward" / "4711_Jane", ct, 2.5)
    store = prepare([ScanSource(nifti, label), ScanSource(series)], tmp_path / "store")
    assert store.skipped == []
    files = [path for path in store.folder.rglob("*") if path.is_file()]
    assert len(files) == 1 + 3 + 2
    for path in files:
        text = (str(path.relative_to(tmp_path)).encode() + path.read_bytes()).lower()
        for word in (b"doe", b"jane", b"4711", b"ward", b".nii", b".dcm", str(tmp_path).encode()):
            assert word not in text, (path, word)
    entry = json.loads((store.folder / "index.json").read_text())["cases"][0]
    assert set(entry) == {"key", "shape", "spacing_mm", "modality", "rule", "labels", "bytes",
                          "recipe", "places"}  # fmt: skip


def test_what_is_prepared_is_not_done_again(tmp_path, monkeypatch):
    sources = [ScanSource(save(tmp_path / f"{n}.nii", smooth((8, 9, 10), n))) for n in range(3)]
    first = prepare(sources[:2], tmp_path / "store")
    read: list[str] = []
    reader = module.read_volume
    monkeypatch.setattr(
        module, "read_volume", lambda path: (read.append(path.name), reader(path))[1]
    )
    told: list[float] = []
    store = prepare(sources, tmp_path / "store", progress=lambda part, text: told.append(part))
    assert read == ["2.nii"]
    assert store.cases[:2] == first.cases
    assert told == sorted(told)
    assert told[-1] == 1
    assert PreparedStore.open(tmp_path / "store").cases == store.cases
    assert prepare(sources[1:2], tmp_path / "store").cases == first.cases[1:]
    assert read == ["2.nii"]
    as_mr = ScanSource(sources[0].image, None, "MR")
    for source, spacing in ((sources[0], (3, 3, 3)), (as_mr, (3, 3, 3)), (sources[0], None)):
        read.clear()
        prepare([source], tmp_path / "store", spacing)
        assert read == ["0.nii"]
    save(sources[0].image, smooth((9, 9, 9)))
    prepare(sources, tmp_path / "store")
    assert read == ["0.nii", "0.nii"]


def test_a_killed_prepare_leaves_nothing_that_is_taken_for_good(tmp_path):
    sources = [ScanSource(save(tmp_path / f"{n}.nii", smooth((20, 9, 10), n))) for n in range(2)]
    (first,) = prepare(sources[:1], tmp_path / "store").cases
    stamp = (first.folder / "image.b2nd").stat().st_mtime_ns
    script = f"""
import os, numpy
from pathlib import Path
from mambamim.data.prepared_store import prepare
from mambamim.data.scan_lists import find_scans
numpy.savez = lambda *a, **k: os._exit(9)  # in the middle of the second case
here = Path({str(tmp_path)!r})
prepare(find_scans([here / "0.nii", here / "1.nii"]), here / "store")
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    left = [p for p in (tmp_path / "store").rglob("*") if p.name.endswith("image.b2nd")]
    assert len(left) == 2  # it had begun
    assert PreparedStore.open(tmp_path / "store").cases == (first,)
    cases = prepare(sources, tmp_path / "store").cases
    assert [case.is_whole() for case in cases] == [True, True]
    assert (first.folder / "image.b2nd").stat().st_mtime_ns == stamp
    fresh = prepare(sources, tmp_path / "other").cases
    np.testing.assert_array_equal(cases[1].image(ALL), fresh[1].image(ALL))


def test_stopping_keeps_what_is_done(tmp_path):
    sources = [ScanSource(save(tmp_path / f"{n}.nii", smooth((8, 9, 10), n))) for n in range(2)]
    asked: list[int] = []
    with pytest.raises(Cancelled, match="prepared so far stay"):
        prepare(sources, tmp_path / "store", cancel=lambda: (asked.append(1), len(asked) > 2)[1])
    assert len(PreparedStore.open(tmp_path / "store").cases) == 1


def test_what_cannot_work_is_told_before_it_starts(tmp_path, monkeypatch):
    source = ScanSource(save(tmp_path / "a.nii", smooth((40, 40, 40))))
    for spacing in ((1.5, 1.5), (0.0, 1.0, 1.0), (1.0, float("nan"), 1.0)):
        with pytest.raises(BadInputError, match="mm is none"):
            prepare([source], tmp_path / "store", spacing)
    usage = module.shutil.disk_usage(tmp_path)._replace(free=900_000)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda place: usage)
    with pytest.raises(
        BadInputError, match=r"may need 1\.09 MB in store, where 0\.9 MB are free\. Free"
    ):
        prepare([source], tmp_path / "store")
    monkeypatch.setitem(sys.modules, "blosc2", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "mambamim\[train\]"'):
        prepare([source], tmp_path / "store")
    assert not (tmp_path / "store").exists()
