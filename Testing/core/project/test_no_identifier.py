"""Nothing in a project tells who the patient is."""

import zlib

import numpy as np
from project_blobs import VALUES, blob_arrays
from scan_files import write_dicom

from mambamim.data.volume import read_volume

# Of `write_dicom`: the name, the patient's id, the series; and the folder that it lay in.
IDENTIFIERS = (b"Doe", b"Jane", b"4711", b"1.2.3", b"jane_doe", b"17760704")


def contents(path):
    """A file's bytes as they are and, of a packed one, unpacked."""
    raw = path.read_bytes()
    yield raw
    if path.suffix == ".gz":
        yield zlib.decompress(raw, 31)


def test_a_dicom_series_leaves_no_identifier(project, tmp_path):
    ct, labels = blob_arrays(0)
    folder = write_dicom(tmp_path / "jane_doe" / "17760704", ct, 3.0)
    assert any(b"Doe^Jane" in path.read_bytes() for path in folder.iterdir())
    volume = read_volume(folder)
    case = project.add_case(volume.array, labels, volume.affine, VALUES)
    assert np.array_equal(read_volume(case.image).array, volume.array)
    files = [path for path in project.folder.rglob("*") if path.is_file()]
    assert len(files) == 4
    for path in files:
        place = path.relative_to(project.folder).as_posix().encode()
        for content in (place, *contents(path)):
            for word in (*IDENTIFIERS, str(tmp_path).encode()):
                assert word not in content, (path.name, word)


def test_a_header_has_a_grid_and_no_text(filled):
    header = zlib.decompress(filled.cases[0].image.read_bytes(), 31)[:352]
    texts = (header[4:40], header[148:252], header[328:344])  # of the NIfTI-1 standard
    assert not any(any(text) for text in texts)


def test_a_packed_file_has_no_time_and_no_name(filled):
    start = filled.cases[0].image.read_bytes()[:10]
    assert start[3] == 0  # flags: no name, no comment
    assert start[4:8] == bytes(4)
