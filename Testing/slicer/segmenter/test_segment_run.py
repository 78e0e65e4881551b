"""One volume from the scene to a segmentation, with a worker that does what the test says."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import slicer
import vtk
from fake_worker import FakeWorker
from segmenter_scene import SHAPE, addVolume, labels, model, result, settle, wait

from MambaMIMSegmenterLib.SegmentOptions import SegmentOptions
from MambaMIMSegmenterLib.SegmentRun import SegmentRun


class Heard:
    """What a run has told."""

    def __init__(self, run):
        self.shown, self.outcome, self.failure, self.ended, self.log = [], None, None, 0, []
        run.shown.connect(lambda node, coarse: self.shown.append((node, coarse)))
        run.succeeded.connect(lambda outcome: setattr(self, "outcome", outcome))
        run.failed.connect(lambda failure: setattr(self, "failure", failure))
        run.logged.connect(lambda level, text: self.log.append((level, text)))
        run.ended.connect(lambda: setattr(self, "ended", self.ended + 1))


@pytest.fixture
def worker():
    return FakeWorker()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def start(scene, worker, folder, tmp_path):
    def run(volume, **options):
        def make():
            folder.mkdir()
            return folder

        made = SegmentRun(
            worker, volume, SegmentOptions(model(tmp_path), **options), makeFolder=make
        )
        return made, Heard(made)

    return run


def saved(folder, name, array):
    np.save(folder / name, array)
    return folder / name


def reachWorker(run, worker):
    wait(lambda: worker.jobs or not run.active)
    return worker.jobs[-1]


def full(run, heard, worker, folder, **boxes):
    job = reachWorker(run, worker)
    path = saved(folder, "labels.npy", labels(**(boxes or {"v1": slice(0, 4), "v2": slice(5, 8)})))
    worker.say(job, "result", result=result(path))
    wait(lambda: heard.ended)


def test_the_volume_is_handed_over_as_it_lies(start, worker):
    volume = addVolume()
    run, _ = start(volume)
    reachWorker(run, worker)
    kind, asked = worker.asked[0]
    assert kind == "segment"
    array = np.load(asked["input"])
    assert array.shape == SHAPE
    assert np.array_equal(array, slicer.util.arrayFromVolume(volume).T)
    assert asked["affine"][2] == [0, 0, 3, -30]
    assert asked["model"] == "abdomen-test"
    assert "preview" in asked
    assert "roi" not in asked


def test_coarse_first_then_full_in_the_same_node(start, worker, folder):
    volume = addVolume()
    run, heard = start(volume, statistics=True)
    job = reachWorker(run, worker)
    worker.say(job, "progress", fraction=0.3, message="thinking", seconds_left=7)
    worker.say(job, "preview", path=str(saved(folder, "preview.npy", labels(v1=slice(0, 3)))))
    wait(lambda: heard.shown)
    coarse = heard.shown[0][0]
    assert heard.shown[0][1] is True
    assert "coarse" in coarse.GetName()
    assert coarse.GetAttribute("MambaMIM.Quality") == "coarse"
    full(run, heard, worker, folder)
    node = heard.outcome.node
    assert node is coarse
    assert heard.shown[-1] == (node, False)
    assert "coarse" not in node.GetName()
    names = [node.GetSegmentation().GetNthSegment(i).GetName() for i in range(2)]
    assert names == ["Liver", "Spleen"]
    assert heard.outcome.missing == ("pancreas",)
    assert heard.outcome.tableNode.GetNumberOfRows() == 2
    assert not folder.exists()


def test_the_node_tells_how_it_came_to_be(start, worker, folder):
    run, heard = start(
        addVolume(), roi=((0, 0, 0), (50, 50, 50)), organs=("liver", "spleen"), device="cpu"
    )
    full(run, heard, worker, folder)
    attributes = {
        name: heard.outcome.node.GetAttribute(f"MambaMIM.{name}")
        for name in ("Model", "SHA256", "Quality", "Device", "RegionOfInterest", "Structures")
    }
    assert attributes == {
        "Model": "abdomen-test",
        "SHA256": "a" * 64,
        "Quality": "full",
        "Device": "cpu",
        "RegionOfInterest": "[[0, 0, 0], [50, 50, 50]]",
        "Structures": '["liver", "spleen"]',
    }
    assert heard.outcome.missing == ()
    assert worker.asked[0][1]["organs"] == ["liver", "spleen"]


def test_full_result_that_comes_while_the_coarse_one_is_read(start, worker, folder):
    run, heard = start(addVolume())
    job = reachWorker(run, worker)
    worker.say(job, "preview", path=str(saved(folder, "preview.npy", labels(v1=slice(0, 3)))))
    full(run, heard, worker, folder)
    assert [coarse for _, coarse in heard.shown] == [False]


def test_a_coarse_result_that_cannot_be_read_does_not_stop_the_run(start, worker, folder):
    run, heard = start(addVolume())
    job = reachWorker(run, worker)
    worker.say(job, "preview", path=str(folder / "nothing.npy"))
    wait(lambda: heard.log)
    assert heard.log[0][0] == "warning"
    full(run, heard, worker, folder)
    assert heard.outcome.node is not None


def test_coarse_quality_asks_for_no_preview(start, worker, folder):
    run, heard = start(addVolume(), quality="coarse")
    full(run, heard, worker, folder)
    assert "preview" not in worker.asked[0][1]
    assert "coarse" in heard.outcome.node.GetName()


def test_nothing_found_leaves_no_node(start, worker, folder):
    run, heard = start(addVolume(), statistics=True)
    full(run, heard, worker, folder, v1=slice(0, 0))
    assert heard.outcome.node is None
    assert heard.outcome.tableNode is None
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []


def test_two_runs_make_two_nodes(start, worker, folder):
    volume = addVolume()
    first, heard = start(volume)
    full(first, heard, worker, folder)
    second, again = start(volume)
    worker.jobs.clear()
    full(second, again, worker, folder)
    assert heard.outcome.node is not again.outcome.node
    assert len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) == 2


@pytest.mark.parametrize("kind", ["worker_died", "out_of_memory", "error"])
def test_what_the_worker_says_ends_the_run(start, worker, folder, kind):
    run, heard = start(addVolume())
    job = reachWorker(run, worker)
    worker.say(job, "error", kind=kind, message="It broke.", hint="Try again.", detail="")
    assert heard.failure.kind == kind
    assert heard.failure.message == "It broke."
    assert heard.ended == 1
    assert not folder.exists()


def test_cancelled_while_it_is_handed_over(start, worker, folder):
    run, heard = start(addVolume())
    run.cancel()
    settle()
    assert heard.failure.kind == "cancelled"
    assert heard.ended == 1
    assert worker.jobs == []
    assert not folder.exists()


def test_cancelled_while_the_worker_works_keeps_the_coarse_result(start, worker, folder):
    run, heard = start(addVolume())
    job = reachWorker(run, worker)
    worker.say(job, "preview", path=str(saved(folder, "preview.npy", labels(v1=slice(0, 3)))))
    wait(lambda: heard.shown)
    run.cancel()
    assert heard.failure.kind == "cancelled"
    assert slicer.mrmlScene.IsNodePresent(heard.shown[0][0])
    assert not folder.exists()


def test_cancelled_while_it_is_shown(start, worker, folder):
    run, heard = start(addVolume())
    job = reachWorker(run, worker)
    path = saved(folder, "labels.npy", labels(v1=slice(0, 4)))
    worker.say(job, "result", result=result(path))
    run.cancel()
    settle()
    assert heard.failure.kind == "cancelled"
    assert heard.outcome is None
    assert not folder.exists()


def test_a_cancel_after_the_end_does_nothing(start, worker, folder):
    run, heard = start(addVolume())
    full(run, heard, worker, folder)
    run.cancel()
    assert heard.failure is None
    assert heard.ended == 1


@pytest.mark.parametrize("when", ["while it is handed over", "while the worker works", "after"])
def test_scene_closed_in_the_middle(start, worker, folder, when):
    run, heard = start(addVolume())
    if when != "while it is handed over":
        job = reachWorker(run, worker)
    if when == "after":
        path = saved(folder, "labels.npy", labels(v1=slice(0, 4)))
        worker.say(job, "result", result=result(path))
    slicer.mrmlScene.Clear(False)
    assert heard.failure.kind == "stopped"
    settle()
    assert heard.ended == 1
    assert not any(job.active for job in worker.jobs)
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []
    assert not folder.exists()


def test_a_scan_that_is_removed_meanwhile_keeps_its_result(start, worker, folder):
    volume = addVolume()
    run, heard = start(volume, statistics=True)
    reachWorker(run, worker)
    slicer.mrmlScene.RemoveNode(volume)
    full(run, heard, worker, folder)
    assert heard.failure is None
    assert [text for level, text in heard.log if level == "warning" and "removed" in text]
    bounds = [0.0] * 6
    heard.outcome.node.GetRASBounds(bounds)
    assert bounds[:2] == pytest.approx([-11, 5])  # I 0 to 8 at 2 mm from -10, voxels' halves too
    assert heard.outcome.tableNode.GetName() == "Scan statistics"


def test_model_file_deleted(start, worker, tmp_path, folder):
    _, heard = start(addVolume())
    (tmp_path / "abdomen-test.safetensors").unlink()
    wait(lambda: heard.ended)
    assert "not there any more" in heard.failure.message
    assert heard.failure.hint
    assert worker.jobs == []
    assert not folder.exists()


def test_no_structure_selected(start, worker):
    _, heard = start(addVolume(), organs=())
    wait(lambda: heard.ended)
    assert heard.failure.message == "No structure is selected."


def test_no_volume_selected(start):
    _, heard = start(None)
    wait(lambda: heard.ended)
    assert heard.failure.message == "No volume is selected."
    assert "sample CT" in heard.failure.hint


def test_disk_full(start, worker, folder, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda place: SimpleNamespace(free=10))
    _, heard = start(addVolume())
    wait(lambda: heard.ended)
    assert "disk is full" in heard.failure.message
    assert not folder.exists()


def test_no_folder_for_temporary_files(scene, worker, tmp_path, monkeypatch):
    blocked = tmp_path / "a file"
    blocked.write_text("", encoding="utf-8")
    monkeypatch.setattr(
        "MambaMIMSegmenterLib.RunFolder.temporaryPath", lambda: Path(blocked), raising=True
    )
    run = SegmentRun(worker, addVolume(), SegmentOptions(model(tmp_path)))
    heard = Heard(run)
    wait(lambda: heard.ended)
    assert "temporary files" in heard.failure.message


def test_a_flat_and_a_coloured_volume_are_refused(start):
    flat, heard = start(addVolume(shape=(12, 10, 1)))
    wait(lambda: heard.ended)
    assert "single slice" in heard.failure.message
    image = vtk.vtkImageData()
    image.SetDimensions(*SHAPE)
    image.AllocateScalars(vtk.VTK_SHORT, 4)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "Four")
    node.SetAndObserveImageData(image)
    _, heard = start(node)
    wait(lambda: heard.ended)
    assert "4 values" in heard.failure.message
    assert flat.active is False


def test_a_bending_transform_is_refused_and_a_straight_one_is_not(start, worker, folder):
    volume = addVolume()
    bent = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLBSplineTransformNode")
    spline = slicer.vtkOrientedBSplineTransform()
    grid = vtk.vtkImageData()
    grid.SetDimensions(5, 5, 5)
    grid.AllocateScalars(vtk.VTK_DOUBLE, 3)
    spline.SetCoefficientData(grid)
    bent.SetAndObserveTransformToParent(spline)
    volume.SetAndObserveTransformNodeID(bent.GetID())
    _, heard = start(volume)
    wait(lambda: heard.ended)
    assert "bends" in heard.failure.message
    moved = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 100)
    moved.SetMatrixTransformToParent(matrix)
    volume.SetAndObserveTransformNodeID(moved.GetID())
    run, heard = start(volume)
    full(run, heard, worker, folder)
    assert worker.asked[0][1]["affine"][0] == [2, 0, 0, 90]
    assert heard.outcome.node.GetTransformNodeID() == moved.GetID()


def test_oblique_and_without_a_display_node(start, worker, folder):
    volume = addVolume(display=False)
    turn = vtk.vtkMatrix4x4()
    angle = np.radians(20)
    turn.SetElement(0, 0, 2 * np.cos(angle))
    turn.SetElement(0, 1, -2 * np.sin(angle))
    turn.SetElement(1, 0, 2 * np.sin(angle))
    turn.SetElement(1, 1, 2 * np.cos(angle))
    volume.SetIJKToRASMatrix(turn)
    run, heard = start(volume)
    full(run, heard, worker, folder)
    assert worker.asked[0][1]["affine"][0][1] == pytest.approx(-2 * np.sin(angle))
    image = (
        heard.outcome.node.GetSegmentation().GetNthSegment(0).GetRepresentation("Binary labelmap")
    )
    found = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(found)
    assert found.GetElement(1, 0) == pytest.approx(2 * np.sin(angle))
