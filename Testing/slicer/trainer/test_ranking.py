"""The section "Next case to label" with a worker that a test tells what to answer."""

import shutil

import pytest
import slicer


@pytest.fixture
def ready(opened, tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    opened.ui.rankPathEdit.currentPath = str(folder)
    return opened


def part(panel, name):
    return slicer.util.findChild(panel.ui.rankPlace, name)


def answer(panel, **result):
    part(panel, "jobButton").click()
    panel.worker.say(panel.worker.jobs[-1], "result", result=result)


def test_what_is_missing_is_said(ready, tmp_path):
    ready.ui.scratchBox.checked = True
    assert not part(ready, "jobButton").enabled
    assert "segmentation model" in part(ready, "jobButton").toolTip
    ready.ui.scratchBox.checked = False
    assert part(ready, "jobButton").enabled
    ready.ui.rankPathEdit.currentPath = ""
    assert "folder of scans" in part(ready, "jobButton").toolTip


def test_the_least_certain_scan_comes_first_and_is_loaded(ready, tmp_path):
    case = ready.trainingSet.project.cases[0]
    scan = shutil.copyfile(case.image, tmp_path / "scans" / "b.nii.gz")
    rows = [{"file": str(scan), "entropy": 0.5}, {"file": str(tmp_path / "a"), "entropy": 0.25}]
    answer(ready, rows=rows, skipped=[])
    job, parameters = ready.worker.asked[-1]
    assert job == "rank"
    assert parameters["folder"] == str(tmp_path / "scans")
    assert parameters["model"].endswith("abdomen-test.safetensors")
    table = part(ready, "rankTable")
    told = [[table.item(row, column).text() for column in (0, 1)] for row in range(2)]
    assert told == [["b.nii.gz", "0.500"], ["a", "0.250"]]
    assert part(ready, "loadRankedButton").enabled
    part(ready, "loadRankedButton").click()
    (volume,) = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    assert slicer.util.arrayFromVolume(volume).shape == case.shape[::-1]


def test_a_scan_that_is_gone_is_said(ready, tmp_path):
    answer(ready, rows=[{"file": str(tmp_path / "gone.nii.gz"), "entropy": 1}], skipped=["x: y"])
    assert "could not be read: 1" in part(ready, "message").text
    part(ready, "loadRankedButton").click()
    assert "gone.nii.gz could not be loaded" in part(ready, "message").text
