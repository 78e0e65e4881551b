"""A reconstruction from the scene to the scene, with a worker that a test plays."""

import numpy as np
import pytest
import slicer
import vtk
from fake_worker import FakeWorker
from reconstruction_files import result, write_volumes
from recorder import Recorder
from segmenter_scene import addVolume, settle, wait

from mambamim.catalogue import ModelEntry
from mambamim.errors import BadInputError
from MambaMIMSegmenterLib.ReconstructionRun import ReconstructionOptions, ReconstructionRun

SIGNALS = ("progressed", "logged", "succeeded", "failed", "ended")


@pytest.fixture
def begun(scene, tmp_path):
    """A run whose job has reached the worker: (run, worker, told, folder)."""

    def begin(volume=None, **more):
        model = ModelEntry("mim", path=tmp_path / "mim.safetensors", modality="CT")
        options = ReconstructionOptions(model, **{"percent": 75, "seed": 3, **more})
        folder = tmp_path / "run"
        worker = FakeWorker()
        made = ReconstructionRun(worker, volume or addVolume("CT"), options, lambda: new(folder))
        told = Recorder(made, *SIGNALS)
        return made, worker, told, folder

    return begin


def new(folder):
    folder.mkdir()
    return folder


def finish(worker, folder, **more):
    wait(lambda: worker.jobs)
    worker.say(worker.jobs[-1], "result", result=result(write_volumes(folder / "volumes"), **more))


def test_the_job_is_asked_for_what_was_chosen(begun, tmp_path):
    run, worker, _told, _folder = begun(percent=40, seed=7, device="cpu")
    wait(lambda: worker.jobs)
    job, asked = worker.asked[0]
    assert job == "reconstruct"
    assert asked["ratios"] == [0.4]
    assert (asked["seed"], asked["device"], asked["picture"]) == (7, "cpu", False)
    assert asked["model"] == str(tmp_path / "mim.safetensors")
    assert np.load(asked["input"]).shape == (12, 10, 8)
    assert np.allclose(np.array(asked["affine"])[:3, 3], [-10, -20, -30])
    run.cancel()


def test_a_result_becomes_volumes_and_the_files_go(begun):
    run, worker, told, folder = begun(window=(-175.0, 250.0))
    wait(lambda: worker.jobs)
    worker.say(worker.jobs[0], "progress", fraction=0.5, message="reconstructing", seconds_left=4.0)
    finish(worker, folder)
    wait(lambda: not run.active)
    assert told.names()[-2:] == ["succeeded", "ended"]
    shown = told.of("succeeded")[0][0]
    assert shown.complete
    assert shown.facts == {
        "Model": "mim", "SHA256": "b" * 64, "Device": "cpu", "Ratio": 0.75, "Seed": 3,
        "PSNR": 20.0, "OwnMoments": True, "Window": [-175.0, 250.0], "Seconds": 1.5,
    }  # fmt: skip
    fractions = [values[0] for values in told.of("progressed")]
    assert fractions == sorted(fractions)
    assert not folder.exists()


def test_cancelled_before_the_worker_has_it(begun):
    run, worker, told, folder = begun()
    assert not told.told, "told before the owner could connect"
    run.cancel()
    assert [f.kind for (f,) in told.of("failed")] == ["cancelled"]
    settle()
    assert worker.jobs == []
    assert not folder.exists()


@pytest.mark.parametrize("how", ["cancel", "stop"])
def test_stopped_while_the_worker_works(begun, how):
    run, worker, told, folder = begun()
    wait(lambda: worker.jobs)
    count = slicer.mrmlScene.GetNumberOfNodes()
    run.cancel() if how == "cancel" else worker.stop()
    assert told.names()[-2:] == ["failed", "ended"]
    assert told.of("failed")[0][0].isStop
    assert slicer.mrmlScene.GetNumberOfNodes() == count
    assert not folder.exists()


def test_cancelled_while_the_volumes_are_read(begun):
    run, worker, told, folder = begun()
    finish(worker, folder)
    count = slicer.mrmlScene.GetNumberOfNodes()
    run.cancel()
    settle()
    assert [f.kind for (f,) in told.of("failed")] == ["cancelled"]
    assert slicer.mrmlScene.GetNumberOfNodes() == count


def test_a_crash_is_told_once(begun):
    run, worker, told, folder = begun()
    wait(lambda: worker.jobs)
    worker.say(worker.jobs[0], "error", kind="worker_died", message="It ended.", hint="Again.")
    assert [f.message for (f,) in told.of("failed")] == ["It ended."]
    assert told.names().count("ended") == 1
    assert not run.active
    assert not folder.exists()


def test_a_result_that_makes_no_sense_ends_the_run(begun):
    run, worker, told, _folder = begun()
    wait(lambda: worker.jobs)
    worker.say(worker.jobs[0], "result", result={"files": []})
    wait(lambda: not run.active)
    assert told.names()[-2:] == ["failed", "ended"]


def test_a_volume_that_was_removed_meanwhile_is_told(begun, scene):
    volume = addVolume("CT")
    run, worker, told, folder = begun(volume)
    wait(lambda: worker.jobs)
    scene.RemoveNode(volume)
    finish(worker, folder)
    wait(lambda: not run.active)
    assert "was removed" in told.of("failed")[0][0].message
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []


def test_a_volume_that_is_removed_while_the_result_is_read(begun, scene, tmp_path):
    volume = addVolume("CT")
    run, _worker, _told, _folder = begun(volume)
    steps = run._shown(result(write_volumes(tmp_path / "volumes")))
    next(steps)
    scene.RemoveNode(volume)
    with pytest.raises(BadInputError, match="was removed"):
        list(steps)
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []
    run.cancel()


def test_a_full_disk_is_told(begun, monkeypatch):
    import shutil

    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: usage._replace(free=10))
    run, worker, told, _folder = begun()
    wait(lambda: not run.active)
    failure = told.of("failed")[0][0]
    assert "disk is full" in failure.message
    assert failure.hint
    assert worker.jobs == []


def test_a_volume_under_a_transform_that_bends_is_refused(begun, scene):
    volume = addVolume("CT")
    bend = scene.AddNewNodeByClass("vtkMRMLTransformNode")
    bend.SetAndObserveTransformToParent(vtk.vtkThinPlateSplineTransform())
    volume.SetAndObserveTransformNodeID(bend.GetID())
    run, worker, told, _folder = begun(volume)
    wait(lambda: not run.active)
    assert "transform" in told.of("failed")[0][0].message
    assert worker.jobs == []
