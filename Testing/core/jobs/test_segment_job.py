"""The job "segment" in a worker of its own."""

import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from cancelled_job import cancel_when

from mambamim.jobs import JobError, WorkerClient


def parameters(work: Path, folder: Path, **more) -> dict:
    return {
        "input": str(work / "ct.nii.gz"),
        "output": str(folder / "organs.nii.gz"),
        "model": str(work / "m.safetensors"),
        "device": "cpu",
        "runtime": "torch",
        **more,
    }


def test_a_scan_is_segmented_and_an_array_gives_the_same(real, work, tmp_path):
    result = real.submit("segment", parameters(work, tmp_path)).result(120)
    assert result["labels"] == {"1": "liver", "2": "spleen"}
    assert {row["name"] for row in result["statistics"]} == {"liver", "spleen"}
    assert result["runtime"]["runtime"] == "torch"
    array = parameters(
        work, tmp_path, input=str(work / "ct.npy"), output=str(tmp_path / "organs.npy"),
        affine=np.diag([-1.5, 1.5, 1.5, 1.0]).tolist(), preview=str(tmp_path / "first.npy"),
    )  # fmt: skip
    job = real.submit("segment", array, tmp_path / "run")
    events = list(job.events(120))
    assert str(tmp_path / "first.npy") in [e.get("path") for e in events]
    fractions = [e["fraction"] for e in events if e["event"] == "progress"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    labels = np.load(tmp_path / "organs.npy")
    assert np.array_equal(labels, np.asarray(nib.load(tmp_path / "organs.nii.gz").dataobj))


def test_bad_parameters_are_told_by_name(real, work, tmp_path):
    for wrong, said in (
        ({"input": str(tmp_path / "absent.nii.gz")}, "absent.nii.gz"),
        ({"colour": "red"}, "colour"),
        ({"affine": [[1]]}, "affine"),
        ({"quality": "best"}, "best"),
        ({"organs": ["brain"]}, "brain"),
    ):
        with pytest.raises(JobError, match=said) as refused:
            real.submit("segment", parameters(work, tmp_path, **wrong)).result(120)
        assert refused.value.kind == "bad_input"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.0, 0.05, 0.15, 0.3, 0.6])
def test_a_killed_worker_leaves_the_output_whole_or_absent(real, work, tmp_path, after):
    """Killed at several moments counted from where the work shows; a second run is unharmed."""
    asked = parameters(work, tmp_path, statistics=str(tmp_path / "organs.csv"))
    job = real.submit("segment", asked)
    for event in job.events(120):
        if event["event"] == "progress" and event["message"] != "reading":
            break
    time.sleep(after)
    real.kill()
    output = Path(asked["output"])
    if output.exists():
        assert np.asarray(nib.load(output).dataobj).shape == (60, 50, 70)
    with WorkerClient() as second:
        second.submit("segment", {**asked, "overwrite": True}).result(120)
    assert np.asarray(nib.load(output).dataobj).shape == (60, 50, 70)


@pytest.mark.slow
def test_cancel_leaves_nothing_behind(real, work, tmp_path):
    real.submit("segment", parameters(work, tmp_path / "warm")).result(120)
    big = nib.load(work / "ct.nii.gz")
    scan = np.tile(np.asarray(big.dataobj), (4, 4, 3))
    nib.save(nib.Nifti1Image(scan, big.affine), tmp_path / "big.nii.gz")
    asked = parameters(work, tmp_path / "out", input=str(tmp_path / "big.nii.gz"))
    job = real.submit("segment", asked)
    cancel_when(job, "finding organs")
    real.submit("segment", parameters(work, tmp_path / "warm2")).result(120)
    assert not (tmp_path / "out").exists()
