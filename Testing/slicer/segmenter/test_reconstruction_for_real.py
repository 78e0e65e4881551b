"""Reconstruction and sample CT with the real worker, on small volumes."""

import numpy as np
import pytest
import slicer
from recorder import Recorder
from segmenter_scene import wait

from mambamim.catalogue import find_model
from MambaMIMLib.PythonChoice import choosePython
from MambaMIMLib.WorkerProcess import WorkerProcess
from MambaMIMSegmenterLib import SampleCT
from MambaMIMSegmenterLib.ReconstructionRun import ReconstructionOptions, ReconstructionRun
from MambaMIMSegmenterLib.SampleRun import SampleRun

pytestmark = pytest.mark.slow
SHAPE = (40, 44, 36)  # I, J, K


@pytest.fixture
def worker(scene):
    made = WorkerProcess(choosePython)
    yield made
    made.stop()


def body():
    """A ball of soft tissue in air, on an oblique grid of 3 mm."""
    k, j, i = np.mgrid[: SHAPE[2], : SHAPE[1], : SHAPE[0]]
    inside = (i - 20) ** 2 + (j - 22) ** 2 + (k - 18) ** 2 < 16**2
    voxels = np.where(inside, 40 + 5 * (i % 7), -1000).astype(np.int16)
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = 3 * turn, (-20, 15, 40)
    node = slicer.util.addVolumeFromArray(voxels, ijkToRAS=matrix, name="Ball")
    return node, voxels


def test_an_oblique_volume_is_reconstructed_on_its_own_voxels(worker):
    volume, voxels = body()
    options = ReconstructionOptions(find_model("ct-mim-small"), 50, 1, "cpu", (-175.0, 250.0))
    run = ReconstructionRun(worker, volume, options)
    told = Recorder(run, "progressed", "succeeded", "failed")
    wait(lambda: not run.active, 300)
    assert told.of("failed") == []
    shown = told.of("succeeded")[0][0]
    masked, made, error, mask = (slicer.util.arrayFromVolume(node) for node in shown.nodes.values())
    given, visible = voxels.clip(-175, 250), mask == 0
    assert 0.3 < visible[voxels > 0].mean() < 0.7
    assert (masked[~visible] == -175).all()
    assert np.array_equal(masked[visible], given[visible])
    assert np.array_equal(made[visible], given[visible])
    assert np.abs(np.abs(made.astype(int) - given) - error)[error > 0].max() <= 1
    inside = ~visible & (voxels > 0)
    assert error[inside].mean() < np.abs(given[inside] + 175).mean() / 2, "no better than nothing"
    assert 5 < shown.facts["PSNR"] < 60
    assert shown.facts["SHA256"] == "" or len(shown.facts["SHA256"]) == 64
    assert told.of("progressed")[-1][0] > 0.9


def test_cancelled_in_the_middle_of_the_work(worker):
    volume, _voxels = body()
    options = ReconstructionOptions(find_model("ct-mim-small"), 50, 1, "cpu")
    run = ReconstructionRun(worker, volume, options)
    told = Recorder(run, "progressed", "failed")
    count = slicer.mrmlScene.GetNumberOfNodes()
    wait(lambda: any("econstruct" in message for _, message, _ in told.of("progressed")), 300)
    run.cancel()
    wait(lambda: not run.active, 10)
    assert told.of("failed")[0][0].kind == "cancelled"
    assert slicer.mrmlScene.GetNumberOfNodes() == count


def test_a_model_that_was_deleted_is_told(worker, tmp_path):
    volume, _voxels = body()
    entry = find_model("ct-mim-small")
    gone = type(entry)("gone", path=tmp_path / "gone.safetensors", modality="CT")
    run = ReconstructionRun(worker, volume, ReconstructionOptions(gone, 50, 1, "cpu"))
    told = Recorder(run, "failed")
    wait(lambda: not run.active, 120)
    failure = told.of("failed")[0][0]
    assert "gone.safetensors" in failure.message
    assert str(tmp_path) not in failure.message


def test_the_sample_ct_is_painted_and_loaded(worker):
    path = SampleCT.samplePath()
    path.unlink(missing_ok=True)
    run = SampleRun(worker)
    told = Recorder(run, "progressed", "succeeded", "failed")
    wait(lambda: not run.active, 300)
    assert told.of("failed") == []
    node = told.of("succeeded")[0][0]
    assert node.GetImageData().GetDimensions() == (272, 224, 232)
    assert len(told.of("progressed")) >= 4
    assert path.stat().st_size < 12e6
    path.unlink()
