"""One volume from the scene to a segmentation, with a worker that does what the test says."""

import numpy as np
import slicer
from segment_runs import full, reachWorker, saved
from segmenter_scene import SHAPE, addVolume, labels, wait


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
