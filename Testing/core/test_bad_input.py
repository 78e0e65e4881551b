"""`mambamim segment` on bad files, as a process: exit code 2, one plain sentence, no output."""

import gzip
import os
import struct
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

GOOD = np.random.default_rng(0).integers(-1000, 1000, (40, 40, 40)).astype(np.int16)
_SFORM_CODE, _SROW_X = 254, 280  # bytes of a NIfTI header


def save(path: Path, data: np.ndarray) -> None:
    nib.save(nib.Nifti1Image(data, np.eye(4)), path)


def cut(path: Path) -> None:
    save(path, GOOD)
    path.write_bytes(path.read_bytes()[:20_000])


def singular(path: Path) -> None:
    """Written byte by byte: nibabel refuses to make such a header."""
    save(path, GOOD)
    content = bytearray(gzip.decompress(path.read_bytes()))
    struct.pack_into("<h", content, _SFORM_CODE, 1)
    struct.pack_into("<4f", content, _SROW_X, 0, 0, 0, 0)
    path.write_bytes(gzip.compress(bytes(content)))


BAD = {
    "absent": lambda path: None,
    "text": lambda path: path.write_text("hello"),
    "empty": lambda path: path.write_bytes(b""),
    "cut": cut,
    "flat": lambda path: save(path, GOOD[:, :, 0]),
    "series": lambda path: save(path, np.stack([GOOD] * 3, -1)),
    "nan": lambda path: save(path, np.full((40, 40, 40), np.nan, np.float32)),
    "singular": singular,
    "folder": lambda path: path.mkdir(),
}


def segment(scan: Path, out: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "mambamim", "segment", str(scan), "-o", str(out)]
    return subprocess.run(
        [*command, "--device", "cpu"], capture_output=True, text=True, timeout=300, check=False
    )


def plain(run: subprocess.CompletedProcess) -> bool:
    said = run.stderr.strip()
    return bool(said) and "Traceback" not in run.stdout + said and len(said.splitlines()) == 1


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_refused_plainly(kind, tmp_path):
    scan = tmp_path / f"{kind}.nii.gz"
    BAD[kind](scan)
    before = set(tmp_path.iterdir())
    run = segment(scan, tmp_path / "out.nii.gz")
    assert run.returncode == 2, run.stderr
    assert plain(run), run.stderr
    assert kind in run.stderr
    assert set(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_a_full_disk_is_told_and_nothing_is_left(tmp_path):
    """A file system of 64 kB in memory, where this process may mount one."""
    place = tmp_path / "small"
    place.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)],
        capture_output=True, check=False,
    )  # fmt: skip
    if mount.returncode:
        pytest.skip("mounting needs rights that this process has not")
    try:
        save(tmp_path / "ct.nii.gz", GOOD)
        (place / "filler").write_bytes(os.urandom(60 * 1024))
        run = segment(tmp_path / "ct.nii.gz", place / "out.nii.gz")
        assert run.returncode == 2, run.stderr
        assert "No space left" in run.stderr
        assert [path.name for path in place.iterdir()] == ["filler"]
    finally:
        subprocess.run(["umount", str(place)], check=True)
