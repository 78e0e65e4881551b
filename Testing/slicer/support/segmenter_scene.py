"""Small volumes for the tests, and the event loop run until something holds."""

import time

import numpy as np
import qt
import slicer

from mambamim.catalogue import ModelEntry

SHAPE = (12, 10, 8)  # I, J, K


def wait(condition, seconds=10.0):
    """Run the event loop until `condition()` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        slicer.app.processEvents()
        time.sleep(0.001)


def settle(seconds=0.1):
    """Run the event loop for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        slicer.app.processEvents()


def addVolume(name="Scan", shape=SHAPE, display=True):
    array = np.arange(np.prod(shape), dtype=np.int16).reshape(shape[::-1])
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.util.updateVolumeFromArray(node, array)
    node.SetSpacing(2.0, 2.0, 3.0)
    node.SetOrigin(-10.0, -20.0, -30.0)
    if display:
        node.CreateDefaultDisplayNodes()
    return node


def labels(**boxes):
    """A label map: value -> slice along I."""
    array = np.zeros(SHAPE, np.uint8)
    for value, where in boxes.items():
        array[where, 2:6, 2:6] = int(value[1:])
    return array


LABELS = {1: "liver", 2: "spleen", 3: "pancreas"}


def model(folder, **more):
    path = folder / "abdomen-test.safetensors"
    path.write_bytes(b"weights")
    facts = {
        "name": "abdomen-test",
        "title": "Abdomen, for tests",
        "path": path,
        "modality": "CT",
        "labels": LABELS,
    }
    return ModelEntry(**{**facts, **more})


def rows():
    return [
        {"name": "liver", "voxels": 48, "volume_ml": 0.6, "mean_hu": 60.0, "sd_hu": 12.0},
        {"name": "spleen", "voxels": 32, "volume_ml": 0.4, "mean_hu": 50.0, "sd_hu": 9.0},
        {"name": "pancreas", "voxels": 0, "volume_ml": 0.0, "mean_hu": None, "sd_hu": None},
    ]


def result(path):
    return {
        "output": str(path),
        "seconds": 1.5,
        "labels": {str(value): name for value, name in LABELS.items()},
        "statistics": rows(),
        "runtime": {"device": "cpu", "runtime": "torch", "sha256": "a" * 64},
    }


def timerTicks():
    """A timer of 5 ms that counts; its longest pause in seconds is kept."""
    return _Ticks()


class _Ticks:
    def __init__(self):
        self.count, self.longest, self._last = 0, 0.0, None
        self._timer = qt.QTimer()
        self._timer.setInterval(5)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self):
        now = time.perf_counter()
        if self._last is not None:
            self.longest = max(self.longest, now - self._last)
        self._last = now
        self.count += 1

    def stop(self):
        self._timer.stop()
