import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import mambamim.inference.reconstruct as module
from mambamim.errors import BadInputError, Cancelled
from mambamim.inference.reconstruct import reconstruct_file
from mambamim.inference.reconstruct_task import ReconstructTask
from mambamim.pretraining.reconstruction import Reconstruction

AFFINE = np.diag([-2.0, -2.0, 3.0, 1.0])
RATIOS = (0.75, 0.125)


class FakeReconstructor:
    """Shows the left half and calls the rest fat."""

    def __init__(self):
        self.asked = []

    def describe(self):
        return {"model": "fake", "sha256": "0" * 64, "device": "cpu"}

    def reconstruct(self, volume, affine, ratio, seed=0, progress=None, cancel=None):
        self.asked.append((ratio, seed))
        progress(0.0, "looking")
        given = np.clip(volume, -175, 250).astype(np.float32)
        visible = np.zeros(volume.shape, np.uint8)
        visible[: len(volume) // 2] = 1
        back = np.where(visible, given, np.float32(-99.6))
        if cancel():
            raise Cancelled
        progress(1.0, "found")
        masked = np.where(visible, given, np.float32(-175))
        error = np.abs(back - given)
        return Reconstruction(
            masked, back, error, visible, 0.01, 20.0, 0.5, ratio, seed, (-175.0, 250.0), "HU", True
        )


@pytest.fixture
def ct():
    ct = np.full((12, 14, 10), -1000, np.int16)
    ct[3:9, 4:10, 2:8] = 150
    return ct


@pytest.fixture
def scan(ct, tmp_path):
    path = tmp_path / "in" / "ct.nii.gz"
    path.parent.mkdir()
    nib.save(nib.Nifti1Image(ct, AFFINE), path)
    return path


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_everything_is_written_on_the_grid_of_the_scan(scan, ct, tmp_path):
    fake = FakeReconstructor()
    task = ReconstructTask(scan, tmp_path / "out" / "deep", ratios=RATIOS, seed=5)
    seen = []
    outcome = reconstruct_file(task, fake, lambda f, m: seen.append(f))
    assert fake.asked == [(0.75, 5), (0.125, 5)]
    assert set(outcome.files) == set(task.places())
    assert outcome.files[-1] == task.scores
    assert files(tmp_path / "out") == {path.name for path in task.places()}
    assert {"masked_75.nii.gz", "error_12.5.nii.gz", "reconstruction_75.png", "ratios.png"} <= (
        files(tmp_path / "out")
    )
    for path in task.places():
        if path.suffix == ".gz":
            image = nib.load(path)
            assert np.array_equal(image.affine, AFFINE)
            assert image.header.get_intent()[0] == "none"
    found = {
        what: np.asarray(nib.load(task.volume(what, 0.75)).dataobj)
        for what in ("masked", "reconstruction", "error", "visible")
    }
    assert [found[what].dtype for what in found] == [np.int16, np.int16, np.int16, np.uint8]
    assert np.array_equal(found["reconstruction"][:6], np.clip(ct, -175, 250)[:6])
    assert (found["reconstruction"][6:] == -100).all()
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)


def test_scores_say_what_was_done_and_not_to_whom(scan, tmp_path):
    task = ReconstructTask(scan, tmp_path / "out", ratios=RATIOS, seed=5)
    reconstruct_file(task, FakeReconstructor())
    scores = json.loads(task.scores.read_text())
    assert (scores["model"], scores["sha256"], scores["seed"]) == ("fake", "0" * 64, 5)
    assert [row["ratio"] for row in scores["ratios"]] == list(RATIOS)
    assert scores["ratios"][0]["psnr"] == 20.0
    assert scores["ratios"][0]["share"] == 0.5
    assert "ct.nii" not in task.scores.read_text()


def test_an_array_gives_arrays(ct, tmp_path):
    np.save(tmp_path / "ct.npy", ct.astype(np.float32))
    rows = tuple(map(tuple, AFFINE.tolist()))
    task = ReconstructTask(tmp_path / "ct.npy", tmp_path / "out", affine=rows, picture=False)
    reconstruct_file(task, FakeReconstructor())
    assert files(tmp_path / "out") == {
        "masked_75.npy", "reconstruction_75.npy", "error_75.npy", "visible_75.npy", "scores.json",
    }  # fmt: skip
    back = np.load(tmp_path / "out" / "reconstruction_75.npy")
    assert back.dtype == np.float32
    assert back[-1, 0, 0] == np.float32(-99.6), "scans in float are not rounded"


@pytest.mark.parametrize("after", range(1, 8))
def test_cancel_leaves_nothing(scan, tmp_path, after):
    asked = []

    def cancel() -> bool:
        asked.append(1)
        return len(asked) > after

    with pytest.raises(Cancelled):
        reconstruct_file(ReconstructTask(scan, tmp_path / "out"), FakeReconstructor(), None, cancel)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "step", ["write_volume", "write_reconstruction", "write_ratios", "_write_scores"]
)
@pytest.mark.parametrize("error", [BadInputError("the disk is full"), KeyboardInterrupt()])
def test_a_failure_while_writing_leaves_nothing(scan, tmp_path, monkeypatch, step, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(module, step, fail)
    task = ReconstructTask(scan, tmp_path / "out", ratios=RATIOS)
    with pytest.raises(type(error)):
        reconstruct_file(task, FakeReconstructor())
    assert not (tmp_path / "out").exists()


def test_bad_input_is_told_before_a_network_is_loaded(scan, tmp_path):
    def load():
        raise AssertionError("a network was loaded")

    with pytest.raises(BadInputError, match=r"absent\.nii\.gz"):
        reconstruct_file(ReconstructTask(tmp_path / "absent.nii.gz", tmp_path / "out"), load)
    with pytest.raises(BadInputError, match="cannot be written"):
        reconstruct_file(ReconstructTask(scan, scan / "out"), load)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"ratios": (0.0,)}, "between 0 and 1"),
        ({"ratios": (0.5, 1.0)}, "between 0 and 1"),
        ({"ratios": (0.5, 0.5)}, "none twice"),
        ({"ratios": ()}, "one or more"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"input": Path("out/masked_75.nii.gz")}, "written over"),
        ({"input": Path("ct.npy")}, "affine"),
        ({"affine": ((1.0, 0.0),)}, "affine"),
    ],
)
def test_a_task_that_makes_no_sense_is_refused(fields, said):
    with pytest.raises(BadInputError, match=said):
        ReconstructTask(**{"input": Path("ct.nii.gz"), "output": Path("out"), **fields})


def test_a_task_is_made_of_a_jobs_parameters():
    parameters = {"input": "ct.nii.gz", "output": "out", "ratios": [0.5, 0.75], "seed": 3}
    assert ReconstructTask.from_parameters(parameters) == ReconstructTask(
        Path("ct.nii.gz"), Path("out"), ratios=(0.5, 0.75), seed=3
    )
    for name, value in (
        ("output", None), ("ratios", 0.5), ("ratios", ["much"]), ("seed", 1.5), ("seed", True),
        ("picture", "no"), ("model", None), ("unheard_of", 1),
    ):  # fmt: skip
        with pytest.raises(BadInputError, match=f"'{name}'"):
            ReconstructTask.from_parameters({**parameters, name: value})
