"""Nothing in a project tells who the patient is."""

import os
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from project_blobs import AFFINE, VALUES, blob_arrays
from scan_files import write_dicom

from mambamim.data.volume import read_volume
from mambamim.jobs.detached import attach, start_detached

# Of `write_dicom`: the name, the patient's id, the series, the days of the scan and of birth; and
# the folder that it lay in. None is so short that numbers may spell it by chance.
IDENTIFIERS = (b"Doe^", b"Jane", b"4711", b"1.2.3", b"jane_doe", b"17760704", b"17430413")
_TESTS = Path(__file__).parents[2]
_TINY = ["-c", "import sys; sys.argv = sys.argv[2:]; import helper_tiny_run"]
_PRESET = {
    "steps": 4, "batch": 1, "validate_every": 2, "save_every": 2, "spacing": [3, 3, 3],
    "image_size": [16, 16, 16], "augmentation": "none",
}  # fmt: skip


def contents(path):
    """A file's bytes as they are and, of a packed one, unpacked."""
    raw = path.read_bytes()
    yield raw
    if path.suffix == ".gz":
        yield zlib.decompress(raw, 31)


def add_dicom(project, tmp_path):
    """Read a patient's series and put it into the project."""
    ct, labels = blob_arrays(0)
    folder = write_dicom(tmp_path / "jane_doe" / "17760704", ct, 3.0)
    written = b"".join(path.read_bytes() for path in folder.iterdir())
    assert all(word in written for word in (b"Doe^Jane", b"4711", b"17760704", b"17430413"))
    volume = read_volume(folder)
    return volume, project.add_case(volume.array, labels, volume.affine, VALUES)


def check(files, folder, *words):
    """That no file, and no name of one, has an identifier."""
    for path in files:
        place = path.relative_to(folder).as_posix().encode()
        for content in (place, *contents(path)):
            for word in (*IDENTIFIERS, *(str(word).encode() for word in words)):
                assert word not in content, (path.name, word)


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_dicom_series_leaves_no_identifier(project, tmp_path):
    volume, case = add_dicom(project, tmp_path)
    assert np.array_equal(read_volume(case.image).array, volume.array)
    files = files_in(project.folder)
    assert len(files) == 4
    check(files, project.folder, tmp_path)


@pytest.mark.slow
def test_neither_does_a_training_on_it(project, tmp_path):
    add_dicom(project, tmp_path)
    for number in (1, 2):
        project.add_case(*blob_arrays(number), AFFINE, VALUES)
    run, home = project.runs / "run", tmp_path / "home"
    environment = {
        "MAMBAMIM_HOME": str(home),
        "PYTHONPATH": os.pathsep.join([str(_TESTS / "core" / "jobs"), str(_TESTS / "support")]),
    }
    asked = {
        "project": str(project.folder), "out": str(run), "name": "new", "device": "cpu",
        "preset": _PRESET,
    }  # fmt: skip
    start_detached(sys.executable, environment, "finetune", asked, run, _TINY)
    watched, end = attach(run), time.monotonic() + 120
    while watched.alive and time.monotonic() < end:
        time.sleep(0.05)
    assert watched.state().state == "finished", watched.state().error
    files = files_in(project.folder)
    names = {path.name for path in files}
    assert names >= {"run.json", "events.jsonl", "stderr.txt", "metrics.csv", "new.safetensors"}
    check(files, project.folder, tmp_path / "jane_doe", project.folder)
    check(files_in(home), home, project.folder, tmp_path / "jane_doe")
    assert watched.state().parameters == asked
    (preview,) = {event["path"] for event in watched.poll() if event["event"] == "preview"}
    assert Path(preview).is_file()
    moved = project.folder.rename(tmp_path / "elsewhere")
    there = attach(moved / "runs" / "run")
    assert there.state().parameters["project"] == str(moved)
    assert there.state().parameters["out"] == str(moved / "runs" / "run")


def test_a_header_has_a_grid_and_no_text(filled):
    header = zlib.decompress(filled.cases[0].image.read_bytes(), 31)[:352]
    texts = (header[4:40], header[148:252], header[328:344])  # of the NIfTI-1 standard
    assert not any(any(text) for text in texts)


def test_a_packed_file_has_no_time_and_no_name(filled):
    start = filled.cases[0].image.read_bytes()[:10]
    assert start[3] == 0  # flags: no name, no comment
    assert start[4:8] == bytes(4)
