"""A run that is cancelled, fails, or loses its scene or scan, at each of its stages."""

import pytest
import slicer
from segment_runs import full, reachWorker, saved
from segmenter_scene import addVolume, labels, result, settle, wait


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
