"""Several scans, one after another."""

import numpy as np
import pytest
import slicer
from fake_worker import FakeWorker
from segmenter_scene import SHAPE, addVolume, labels, model, result, wait

from MambaMIMSegmenterLib.Scans import Scan, frameShownBy, scansOfScene
from MambaMIMSegmenterLib.SegmentLogic import SegmentLogic
from MambaMIMSegmenterLib.SegmentOptions import SegmentOptions


@pytest.fixture
def worker():
    return FakeWorker()


@pytest.fixture
def begin(scene, worker, tmp_path):
    def start(scans):
        batch = SegmentLogic(worker).startBatch(scans, SegmentOptions(model(tmp_path)))
        batch.told = []
        batch.stateChanged.connect(lambda *told: batch.told.append(told))
        batch.succeeded.connect(lambda states: batch.told.append(("all", states)))
        batch.failed.connect(lambda failure: batch.told.append(("stop", failure.kind)))
        batch.begin()
        return batch

    return start


def finish(worker, tmp_path, number, value="v1"):
    """The worker's answer to its job with this number."""
    wait(lambda: len(worker.jobs) > number)
    path = tmp_path / f"labels{number}.npy"
    np.save(path, labels(**{value: slice(0, 4)}))
    worker.say(worker.jobs[number], "result", result=result(path))


def addSequence(frames=3, browser=True):
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "Beating")
    sequence.SetIndexName("time")
    sequence.SetIndexUnit("s")
    for frame in range(frames):
        volume = addVolume("frame", display=False)
        slicer.util.updateVolumeFromArray(volume, np.full(SHAPE[::-1], 10 * frame, np.int16))
        sequence.SetDataNodeAtValue(volume, str(frame))
        slicer.mrmlScene.RemoveNode(volume)
    if browser:
        player = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "Player")
        player.AddSynchronizedSequenceNodeID(sequence.GetID())
        slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(player)
        return sequence, player
    return sequence, None


def test_a_failure_does_not_keep_the_others_from_their_turn(begin, worker, tmp_path):
    volumes = [addVolume("A"), addVolume("B", shape=(12, 10, 1)), addVolume("C"), addVolume("D")]
    batch = begin([Scan(v.GetName(), v) for v in volumes])
    finish(worker, tmp_path, 0)
    wait(lambda: len(worker.jobs) > 1)
    worker.say(worker.jobs[1], "error", kind="worker_died", message="It died.", hint="", detail="")
    finish(worker, tmp_path, 2)
    wait(lambda: not batch.active)
    assert batch.states == ["done", "failed", "failed", "done"]
    assert ("all", batch.states) == batch.told[-1]
    texts = {index: text for index, state, text in batch.told[:-1] if state == "failed"}
    assert "single slice" in texts[1]
    assert texts[2] == "It died."
    names = [n.GetName() for n in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")]
    assert names == ["A segmentation", "D segmentation"]


def test_a_stop_leaves_the_rest(begin, worker, tmp_path):
    volumes = [addVolume("A"), addVolume("B"), addVolume("C")]
    batch = begin([Scan(v.GetName(), v) for v in volumes])
    finish(worker, tmp_path, 0)
    wait(lambda: len(worker.jobs) > 1)
    batch.cancel()
    assert batch.states == ["done", "stopped", "waiting"]
    assert batch.told[-1] == ("stop", "cancelled")
    assert len(worker.jobs) == 2
    assert not batch.active


def test_a_scan_that_is_gone_is_told_and_passed_over(begin, worker, tmp_path):
    first, second = addVolume("A"), addVolume("B")
    batch = begin([Scan("A", first), Scan("B", second)])
    slicer.mrmlScene.RemoveNode(second)
    finish(worker, tmp_path, 0)
    wait(lambda: not batch.active)
    assert batch.states == ["done", "failed"]


def test_progress_is_that_of_all(begin, worker):
    volumes = [addVolume("A"), addVolume("B")]
    batch = begin([Scan(v.GetName(), v) for v in volumes])
    heard = []
    batch.progressed.connect(lambda *told: heard.append(told))
    wait(lambda: worker.jobs)
    worker.say(worker.jobs[0], "progress", fraction=0.5, message="thinking", seconds_left=10)
    fraction, message, left = heard[-1]
    assert 0.2 < fraction < 0.3
    assert message == "1 of 2: thinking"
    assert 25 < left < 35


def test_scans_of_a_scene(scene):
    addVolume("A")
    hidden = addVolume("Hidden")
    hidden.SetHideFromEditors(True)
    own = addVolume("Error map")
    own.SetAttribute("MambaMIM.Role", "error")
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Labels")
    addSequence()
    titles = [scan.title for scan in scansOfScene()]
    assert titles == ["A", "Beating, frame 1", "Beating, frame 2", "Beating, frame 3"]


def test_frames_become_a_sequence_that_plays_along(begin, worker, tmp_path):
    sequence, player = addSequence()
    batch = begin(scansOfScene())
    for number, value in enumerate(("v1", "v2", "v1")):
        wait(lambda number=number: len(worker.asked) > number)
        array = np.load(worker.asked[number][1]["input"])
        assert array.max() == 10 * number
        finish(worker, tmp_path, number, value)
    wait(lambda: not batch.active)
    assert batch.states == ["done"] * 3
    made = [
        node
        for node in slicer.util.getNodesByClass("vtkMRMLSequenceNode")
        if node.GetDataNodeClassName() == "vtkMRMLSegmentationNode"
    ]
    assert len(made) == 1
    assert made[0].GetNumberOfDataNodes() == 3
    assert made[0].GetIndexUnit() == "s"
    shown = player.GetProxyNode(made[0])
    for frame, title in enumerate(("Liver", "Spleen", "Liver")):
        player.SetSelectedItemNumber(frame)
        slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(player)
        assert shown.GetSegmentation().GetNthSegment(0).GetName() == title
    # Only what plays along is left in the scene.
    assert len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) == 1
    assert [v.GetName() for v in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")] == [
        frameShownBy(sequence).GetName()
    ]


def test_frames_without_a_player(begin, worker, tmp_path):
    addSequence(frames=2, browser=False)
    batch = begin(scansOfScene())
    finish(worker, tmp_path, 0)
    finish(worker, tmp_path, 1)
    wait(lambda: not batch.active)
    made = slicer.util.getNodesByClass("vtkMRMLSequenceNode")[-1]
    assert made.GetNumberOfDataNodes() == 2
