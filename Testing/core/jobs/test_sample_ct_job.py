"""The job "sample_ct": the demo's CT, written where it is asked for."""

from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
from cancelled_job import cancel_when

from mambamim.commands import demo
from mambamim.data import phantom
from mambamim.errors import BadInputError, Cancelled
from mambamim.jobs import sample_ct_job

SMALL, SMALL_MM = (34, 28, 22), 12.0


class Heard:
    """A job's context that keeps what it is told, and says stop at one message."""

    def __init__(self, stop_at=None):
        self.told, self._stop_at = [], stop_at

    def progress(self, fraction, message):
        self.told.append((fraction, message))

    def cancelled(self):
        return bool(self.told) and self.told[-1][1] == self._stop_at


@pytest.fixture
def small(monkeypatch):
    """Small scans instead of whole ones."""
    whole = phantom.make_phantom
    made = lambda seed, report: whole(seed, SMALL, SMALL_MM, report=report)  # noqa: E731
    monkeypatch.setattr(phantom, "make_phantom", made)
    return lambda seed: whole(seed, SMALL, SMALL_MM)


def test_the_ct_is_written_with_progress(tmp_path, small):
    heard, place = Heard(), tmp_path / "samples" / "ct.nii.gz"
    result = sample_ct_job.run({"output": str(place)}, heard)
    image, made = nib.load(place), small(demo.DEFAULT_SEED)
    assert np.array_equal(np.asarray(image.dataobj), made.ct)
    assert np.array_equal(image.affine, made.affine)
    assert image.header.get_xyzt_units()[0] == "mm"
    fractions = [fraction for fraction, _ in heard.told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert len({message for _, message in heard.told}) >= 6
    assert result["files"] == [str(place)]
    assert (result["seed"], result["phase"]) == (demo.DEFAULT_SEED, made.phase.value)


def test_seeds_decide(tmp_path, small):
    for seed in (5, 6):
        sample_ct_job.run({"output": str(tmp_path / f"{seed}.nii.gz"), "seed": seed}, Heard())
    five, six = (np.asarray(nib.load(tmp_path / f"{n}.nii.gz").dataobj) for n in (5, 6))
    assert np.array_equal(five, small(5).ct)
    assert five.shape != six.shape or (five != six).any()


@pytest.mark.parametrize("moment", ["loading", "painting tissues", "writing"])
def test_cancelled_at_any_moment_nothing_is_left(tmp_path, small, moment):
    with pytest.raises(Cancelled):
        sample_ct_job.run({"output": str(tmp_path / "new" / "ct.nii.gz")}, Heard(moment))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "output"),
        ({"output": "ct.nrrd"}, "does not end in .nii.gz"),
        ({"output": "ct.nii.gz", "seed": -1}, "seed must be 0 or more"),
        ({"output": "ct.nii.gz", "seed": True}, "seed"),
    ],
)
def test_what_cannot_be_is_told_before_the_work(parameters, said):
    heard = SimpleNamespace()  # is asked and told nothing
    with pytest.raises(BadInputError, match=said):
        sample_ct_job.run(parameters, heard)


def test_a_full_disk_is_told_and_nothing_is_left(tmp_path, small, monkeypatch):
    def full(image, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(phantom.nib, "save", full)
    with pytest.raises(BadInputError, match=r"No space left.*Free some space"):
        sample_ct_job.run({"output": str(tmp_path / "ct.nii.gz")}, Heard())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_worker_writes_it_and_can_be_stopped(real, tmp_path):
    cancel_when(real.submit("sample_ct", {"output": str(tmp_path / "a.nii.gz")}), "loading")
    result = real.submit("sample_ct", {"output": str(tmp_path / "b.nii.gz")}).result(120)
    assert nib.load(result["output"]).shape == (272, 224, 232)
    assert [path.name for path in tmp_path.iterdir()] == ["b.nii.gz"]
