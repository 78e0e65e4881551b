"""The Segmenter's panel with fakes behind it."""

from pathlib import Path

import numpy as np
import slicer
from fake_dependencies import FakeDependencies
from fake_worker import FakeWorker
from segmenter_scene import labels, result, wait

MODULE = Path(__file__).parents[3] / "MambaMIMSegmenter"


def make_panel(ready=True):
    """The panel bound to parameters as the module binds it: (panel, widget, parameters, tag)."""
    from MambaMIMSegmenter import MambaMIMSegmenterParameterNode
    from MambaMIMSegmenterLib.SegmenterPanel import SegmenterPanel

    widget = slicer.util.loadUI(str(MODULE / "Resources/UI/MambaMIMSegmenter.ui"))
    widget.setMRMLScene(slicer.mrmlScene)
    ui = slicer.util.childWidgetVariables(widget)
    panel = SegmenterPanel(ui, FakeWorker(), FakeDependencies(ready))
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    parameters = MambaMIMSegmenterParameterNode(node)
    tag = parameters.connectGui(panel.ui)
    panel.setParameters(parameters)
    panel.parameters = parameters
    return panel, widget, parameters, tag


def button(panel):
    return slicer.util.findChild(panel.job.widget, "jobButton")


def message(panel):
    return slicer.util.findChild(panel.job.widget, "message").text


def child(panel, part, name):
    return slicer.util.findChild(getattr(panel, part).widget, name)


def load(panel, volume):
    panel.parameters.inputVolume = volume
    panel.update()


def run(panel, tmp_path, array=None, coarse=False):
    """Click, and let the worker answer."""
    number = len(panel.worker.jobs)
    button(panel).click()
    wait(lambda: len(panel.worker.jobs) > number)
    job = panel.worker.jobs[number]
    if coarse:
        np.save(tmp_path / "coarse.npy", labels(v1=slice(0, 3)))
        panel.worker.say(job, "preview", path=str(tmp_path / "coarse.npy"))
        wait(lambda: panel.result.node is not None)
    path = tmp_path / "full.npy"
    np.save(path, labels(v1=slice(0, 4), v2=slice(5, 8)) if array is None else array)
    panel.worker.say(job, "result", result=result(path))
    wait(lambda: not panel.job.busy)
    return panel.worker.asked[number][1]
