"""The job "reconstruct" in a worker of its own."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from cancelled_job import cancel_when

from mambamim.jobs import JobError


def reconstruct(work: Path, folder: Path, **more) -> dict:
    return {
        "input": str(work / "ct.nii.gz"),
        "output": str(folder / "out"),
        "model": str(work / "mim.safetensors"),
        "device": "cpu",
        "picture": False,
        **more,
    }


def test_a_scan_is_reconstructed_and_an_array_gives_the_same(real, work, tmp_path):
    result = real.submit("reconstruct", reconstruct(work, tmp_path, ratios=[0.75, 0.5])).result(120)
    assert [row["ratio"] for row in result["scores"]] == [0.75, 0.5]
    assert all(Path(file).is_file() for file in result["files"])
    assert len(result["files"]) == 9
    assert result["runtime"]["device"] == "cpu"
    array = reconstruct(
        work, tmp_path, input=str(work / "ct.npy"), output=str(tmp_path / "arrays"),
        affine=np.diag([-1.5, 1.5, 1.5, 1.0]).tolist(), ratios=[0.5],
    )  # fmt: skip
    events = list(real.submit("reconstruct", array, tmp_path / "run").events(120))
    assert events[-1]["result"]["scores"][0]["mse"] == result["scores"][1]["mse"]
    fractions = [event["fraction"] for event in events if event["event"] == "progress"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    for what in ("reconstruction", "visible"):
        image = nib.load(tmp_path / "out" / f"{what}_50.nii.gz")
        bare = np.load(tmp_path / "arrays" / f"{what}_50.npy")
        assert np.array_equal(bare, np.asarray(image.dataobj))


def test_a_reconstruction_that_cannot_be_is_told_and_leaves_nothing(real, work, tmp_path):
    for wrong, kind, said in (
        ({"ratios": [1.0]}, "bad_input", "between 0 and 1"),
        ({"model": str(work / "m.safetensors")}, "bad_input", "cannot reconstruct"),
        ({"seed": "x"}, "bad_input", "seed"),
    ):
        with pytest.raises(JobError, match=said) as refused:
            real.submit("reconstruct", reconstruct(work, tmp_path, **wrong)).result(120)
        assert refused.value.kind == kind
    assert list(tmp_path.iterdir()) == []


def test_a_cancelled_reconstruction_leaves_nothing(real, work, tmp_path):
    job = real.submit(
        "reconstruct", reconstruct(work, tmp_path, ratios=[n / 100 for n in range(5, 95)])
    )
    # The three follow one another so fast that always the same one may be told.
    cancel_when(job, "preparing", "reconstructing", "writing", after=0.2)
    real.submit("reconstruct", reconstruct(work, tmp_path / "next")).result(120)
    assert not (tmp_path / "out").exists()
