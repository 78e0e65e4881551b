"""The sample CT: painted on demand, kept, loaded without a trace of where from."""

import nibabel as nib
import numpy as np
import pytest
import qt
import SampleData
import slicer
from fake_worker import FakeWorker
from recorder import Recorder
from segmenter_scene import settle, wait

from MambaMIMLib.WorkerJob import JobFailure
from MambaMIMSegmenterLib import SampleCT
from MambaMIMSegmenterLib.SampleRun import SampleRun

SIGNALS = ("progressed", "succeeded", "failed", "ended")


@pytest.fixture
def place(scene):
    path = SampleCT.samplePath()
    path.unlink(missing_ok=True)
    yield path
    path.unlink(missing_ok=True)


def paint(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    voxels = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    nib.save(nib.Nifti1Image(voxels, np.diag([1.5, 1.5, 1.5, 1.0])), path)


def begun():
    worker = FakeWorker()
    run = SampleRun(worker)
    return run, worker, Recorder(run, *SIGNALS)


def test_it_is_painted_the_first_time_and_kept(place):
    run, worker, told = begun()
    wait(lambda: worker.jobs)
    assert worker.asked == [("sample_ct", {"output": str(place)})]
    worker.say(worker.jobs[0], "progress", fraction=0.4, message="painting", seconds_left=3.0)
    paint(place)
    worker.say(worker.jobs[0], "result", result={"output": str(place)})
    assert told.names() == ["progressed", "succeeded", "ended"]
    node = told.of("succeeded")[0][0]
    assert node.GetName() == "Synthetic CT"
    assert slicer.util.arrayFromVolume(node).shape == (6, 5, 4)
    assert node.GetSpacing() == pytest.approx((1.5, 1.5, 1.5))
    display = node.GetDisplayNode()
    assert (display.GetWindow(), display.GetLevel(), display.GetAutoWindowLevel()) == (400, 40, 0)

    run, worker, told = begun()
    wait(lambda: not run.active)
    assert worker.jobs == []
    assert told.names() == ["succeeded", "ended"]
    assert told.of("succeeded")[0][0] is not node


def test_a_saved_scene_does_not_lean_on_the_cache(place):
    paint(place)
    run, _worker, told = begun()
    wait(lambda: not run.active)
    assert told.of("succeeded")[0][0].GetStorageNode() is None


def test_it_lies_among_the_downloads_that_slicer_deletes(place):
    cache = slicer.mrmlScene.GetCacheManager().GetRemoteCacheDirectory()
    assert str(place.parent) == cache
    assert place.name.endswith(".nii.gz")


def test_cancelled_before_and_while_it_is_painted(place):
    run, worker, told = begun()
    run.cancel()
    settle()
    assert worker.jobs == []
    assert told.of("failed")[0][0].isStop
    run, worker, told = begun()
    wait(lambda: worker.jobs)
    run.cancel()
    assert told.names() == ["failed", "ended"]
    assert told.of("failed")[0][0].isStop
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []


def test_a_failure_is_told(place):
    run, worker, told = begun()
    wait(lambda: worker.jobs)
    worker.say(worker.jobs[0], "error", kind="missing_dependency", message="No torch.", hint="Get.")
    assert told.of("failed") == [(JobFailure("missing_dependency", "No torch.", "Get."),)]
    assert not run.active


def test_a_damaged_file_is_deleted_so_that_the_next_try_paints_it(place):
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"cut")
    run, _worker, told = begun()
    wait(lambda: not run.active)
    failure = told.of("failed")[0][0]
    assert "could not be read" in failure.message
    assert failure.hint
    assert not place.exists()


def test_a_cache_that_cannot_be_made_is_told(place, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setattr(SampleCT, "samplePath", lambda: tmp_path / "file" / "ct.nii.gz")
    run, worker, told = begun()
    wait(lambda: not run.active)
    assert told.of("failed")[0][0].hint
    assert worker.jobs == []


@pytest.fixture
def registered(place):
    slicer.modules.sampleDataSources = {}
    SampleCT.register("/icons/ct.png")
    return SampleData.SampleDataLogic().sourceForSampleName(SampleCT.SAMPLE)


def test_slicer_lists_it(registered, place):
    assert [*slicer.modules.sampleDataSources] == ["MambaMIM"]
    assert registered.thumbnailFileName == "/icons/ct.png"
    # Slicer's own class wants these of every source, and takes the file from there once it is kept.
    assert registered.uris == [place.as_uri()]
    assert registered.fileNames == [place.name]
    assert registered.nodeNames == ["Synthetic CT"]


def test_from_slicers_list_it_comes_while_the_application_lives(registered, place, monkeypatch):
    class Painter(FakeWorker):
        def __init__(self, _choosePython):
            super().__init__()
            self.stopped = False
            workers.append(self)

        def submit(self, job, parameters, run=""):
            made = super().submit(job, parameters, run)
            later(50, lambda: (paint(place), self.say(made, "result", result={})))
            return made

    workers, ticks = [], []
    monkeypatch.setattr("MambaMIMLib.WorkerProcess.WorkerProcess", Painter)
    beat = every(5, lambda: ticks.append(1))
    node = registered.customDownloader(registered)
    beat.stop()
    assert node.GetName() == "Synthetic CT"
    assert len(workers) == 1
    assert len(ticks) >= 3


def test_from_slicers_list_a_failure_is_in_the_status_bar(registered, monkeypatch):
    class Broken(FakeWorker):
        def __init__(self, _choosePython):
            super().__init__()

        def submit(self, job, parameters, run=""):
            made = super().submit(job, parameters, run)
            later(1, lambda: self.say(made, "error", kind="x", message="No.", hint="Try."))
            return made

    said = []
    monkeypatch.setattr("MambaMIMLib.WorkerProcess.WorkerProcess", Broken)
    monkeypatch.setattr(slicer.util, "showStatusMessage", lambda text, *_: said.append(text))
    assert registered.customDownloader(registered) is None
    assert said[-1] == "No. Try."


def later(milliseconds, call):
    qt.QTimer.singleShot(milliseconds, call)


def every(milliseconds, call):
    made = qt.QTimer()
    made.setInterval(milliseconds)
    made.connect("timeout()", call)
    made.start()
    return made
