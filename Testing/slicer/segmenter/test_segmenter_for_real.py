"""The module as a person uses it: opened, its button clicked, the real worker behind it."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import slicer
import vtk
from segmenter_scene import addVolume, timerTicks, wait
from slicer_stand_in import close_module, open_module

from mambamim.catalogue.terminology import term
from MambaMIMLib import ProcessTree

MODULE = Path(__file__).parents[3] / "MambaMIMSegmenter" / "MambaMIMSegmenter.py"
# A phantom's liver with what is around it; 6 is its label.
_PAINT = """
import sys
from pathlib import Path
import numpy as np
from mambamim.data.phantom import make_phantom, write_nifti
made = make_phantom(3, (112, 92, 108), 3.6)
where = np.argwhere(made.labels == 6)
low, high = where.min(0), where.max(0)
middle = (low[2] + high[2]) // 2
box = slice(low[0], high[0]), slice(low[1], high[1]), slice(middle - 12, middle + 12)
write_nifti(Path(sys.argv[1]), np.ascontiguousarray(made.ct[box]), made.affine)
"""


@pytest.fixture
def panel(scene):
    opened = open_module(MODULE)
    yield opened.self().panel
    close_module("MambaMIMSegmenter")


def button(panel):
    return slicer.util.findChild(panel.job.widget, "jobButton")


def test_the_panel_opens_fast_and_without_torch(scene):
    code = (
        "import sys, time\n"
        f"sys.path[:0] = [{str(MODULE.parents[1])!r}, {str(MODULE.parents[1] / 'Testing')!r}]\n"
        "from slicer_stand_in import boot, open_module, shut_down\n"
        "app = boot()\n"
        f"sys.path.insert(0, {str(MODULE.parent)!r})\n"
        "began = time.perf_counter()\n"
        f"widget = open_module({str(MODULE)!r}).self()\n"
        "print('seconds', time.perf_counter() - began)\n"
        "print('heavy', sorted({'torch', 'monai', 'nibabel'} & set(sys.modules)))\n"
        "shut_down()\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told = dict(line.split(" ", 1) for line in run.stdout.splitlines() if " " in line)
    print(f"the panel opens in {float(told['seconds']):.2f} s, imports included")
    assert told["heavy"] == "[]"
    assert float(told["seconds"]) < 5  # on a busy machine; what is wanted is 0.5


def test_the_module_takes_a_scan_that_is_loaded_and_forgets_it_with_the_scene(panel):
    assert not button(panel).enabled
    volume = addVolume("Scan")
    wait(lambda: button(panel).enabled)
    assert panel.options().model.name == "abdomen-small"
    slicer.mrmlScene.Clear(False)
    wait(lambda: not button(panel).enabled)
    assert volume is not None
    addVolume("Another")
    wait(lambda: button(panel).enabled)


def test_the_self_test_passes(panel):
    slicer.selfTests["MambaMIMSegmenter"]()


@pytest.mark.slow
def test_a_click_segments_a_phantom(panel, tmp_path):
    path = tmp_path / "ct.nii.gz"
    subprocess.run([sys.executable, "-c", _PAINT, str(path)], check=True)
    volume = slicer.util.loadVolume(str(path))
    wait(lambda: button(panel).enabled)
    seen, ticks = [], timerTicks()
    began = time.monotonic()
    button(panel).click()
    run = panel.desk.run
    run.shown.connect(lambda node, coarse: seen.append((coarse, time.monotonic() - began)))
    worst = own = 0.0
    while panel.job.busy:
        assert time.monotonic() < began + 500
        round_, computed = time.perf_counter(), time.thread_time()
        slicer.app.processEvents()
        worst = max(worst, time.perf_counter() - round_)
        own = max(own, time.thread_time() - computed)
        time.sleep(0.002)
    ticks.stop()
    print(f"coarse and full after {seen}; slowest reaction {worst * 1000:.0f} ms,")
    print(f"of which it computes at most {own * 1000:.0f} ms;")
    print(f"{ticks.count} ticks, longest pause {ticks.longest * 1000:.0f} ms")
    assert [coarse for coarse, _ in seen] == [True, False]
    assert ticks.count > 100
    assert worst < 1  # on a busy machine; what is wanted is 0.1
    node = panel.result.node
    segmentation = node.GetSegmentation()
    segments = [segmentation.GetNthSegment(i) for i in range(segmentation.GetNumberOfSegments())]
    liver = next(s for s in segments if s.GetName() == "Liver")
    assert [round(255 * c) for c in liver.GetColor()] == list(term("liver").colour)
    tag = terminologyOf(liver)
    assert "10200004" in tag
    assert len(segments) >= 3
    assert len(node.GetAttribute("MambaMIM.SHA256")) == 64
    assert node.GetAttribute("MambaMIM.Quality") == "full"
    table = slicer.util.getNodesByClass("vtkMRMLTableNode")[0]
    row = next(r for r in range(table.GetNumberOfRows()) if table.GetCellText(r, 0) == "Liver")
    assert 100 < float(table.GetCellText(row, 1)) < 3000
    assert volume.GetName() == "ct"
    shown = slicer.util.findChild(panel.result.widget, "resultTable")
    assert shown.rowCount == table.GetNumberOfRows()


@pytest.mark.slow
def test_a_worker_that_is_killed_in_the_middle(panel):
    addVolume("Scan", shape=(200, 200, 100))
    wait(lambda: button(panel).enabled)
    button(panel).click()
    bar = slicer.util.findChild(panel.job.widget, "jobProgress")
    wait(lambda: bar.value >= 40, 120)  # thousandths; up to 30 it is Slicer that works
    ProcessTree.endTree(panel.worker._pid)
    wait(lambda: not panel.job.busy, 30)
    text = slicer.util.findChild(panel.job.widget, "message").text
    assert "ended" in text
    assert button(panel).enabled
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")[0].GetName() == "Scan"


def terminologyOf(segment):
    """The segment's terminology."""
    text = vtk.reference("")
    segment.GetTag("TerminologyEntry", text)
    return str(text)
