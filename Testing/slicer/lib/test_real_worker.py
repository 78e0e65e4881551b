"""The real worker behind PythonSlicer's launcher, with Qt's event loop going on beside it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import qt
from recorder import JOB_SIGNALS, Recorder

from MambaMIMLib import ProcessTree
from MambaMIMLib.PythonChoice import PythonChoice, coreFolder, otherPython, slicerPython
from MambaMIMLib.WorkerProcess import WorkerProcess

TESTING = Path(__file__).parents[2]
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0]).tolist()


class Ticks:
    """A timer of the GUI's; `longest` is the longest time between two ticks, in seconds."""

    def __init__(self):
        self.count, self.longest, self._last = 0, 0.0, time.perf_counter()
        self._timer = qt.QTimer()
        self._timer.setInterval(10)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self):
        now = time.perf_counter()
        self.longest = max(self.longest, now - self._last)
        self.count, self._last = self.count + 1, now

    def stop(self):
        self._timer.stop()


def wait(app, until, seconds=60.0):
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it never came"
        app.processEvents()
        time.sleep(0.002)


def alive(pid):
    # A process that has ended and was not collected by its parent yet is still in the list.
    return ProcessTree.commandOf(pid) != ""


@pytest.fixture
def worker(app):
    made = WorkerProcess(slicerPython)
    yield made
    made.stop()


def noise(folder, side):
    path = folder / f"scan{side}.npy"
    values = np.random.default_rng(0).integers(-200, 200, (side, side, side))
    np.save(path, values.astype(np.int16))
    return path


@pytest.fixture
def scan(tmp_path):
    """Minutes of work, to be interrupted."""
    return noise(tmp_path, 160)


@pytest.fixture
def small(tmp_path):
    """Seconds of work, to be done."""
    return noise(tmp_path, 40)


def submit(worker, scan, **more):
    job = worker.submit(
        "segment",
        {
            "input": str(scan), "output": str(scan.with_name("labels.npy")), "affine": AFFINE,
            "model": "abdomen-small", "device": "cpu", "runtime": "torch", **more,
        },
    )  # fmt: skip
    return job, Recorder(job, *JOB_SIGNALS)


def pid_of(worker):
    return worker._pid


def test_a_real_job_while_the_gui_lives(app, worker, small):
    ticks = Ticks()
    job, heard = submit(worker, small, quality="coarse")
    wait(app, lambda: not job.active)
    ticks.stop()
    assert heard.names()[-2:] == ["succeeded", "ended"], heard.told
    (result,) = heard.of("succeeded")[0]
    assert np.load(result["output"]).shape == (40, 40, 40)
    assert len(heard.of("progressed")) >= 2
    assert ticks.count > 50
    # Waiting for the worker, for its start alone, would take longer on any machine; how fast the
    # GUI is where nothing else runs is for a benchmark.
    assert ticks.longest < 1
    assert worker.state == "idle"


def test_a_crash_in_mid_job(app, worker, scan, small):
    job, heard = submit(worker, scan)
    wait(app, lambda: heard.of("progressed"))
    pid, launcher = pid_of(worker), worker._process.pid
    assert pid != launcher, "PythonSlicer is a launcher"
    os.kill(pid, signal.SIGKILL)
    wait(app, lambda: not job.active, 5)
    ((failure,),) = heard.of("failed")
    assert failure.kind == "out_of_memory"
    assert not scan.with_name("labels.npy").exists()
    again, heard = submit(worker, small, quality="coarse")
    wait(app, lambda: not again.active)
    assert heard.names()[-2] == "succeeded"


def test_a_launcher_that_is_killed_takes_its_worker_along(app, worker, scan):
    job, heard = submit(worker, scan)
    wait(app, lambda: heard.of("progressed"))
    pid = pid_of(worker)
    os.kill(worker._process.pid, signal.SIGKILL)
    wait(app, lambda: not job.active, 5)
    wait(app, lambda: not alive(pid), 5)


def test_a_cancel_takes_a_second(app, worker, scan):
    job, heard = submit(worker, scan)
    wait(app, lambda: any(fraction > 0.02 for fraction, *_ in heard.of("progressed")))
    began = time.monotonic()
    job.cancel()
    assert worker.state == "cancelling"
    wait(app, lambda: not job.active, 5)
    assert time.monotonic() - began < 1.5
    assert heard.of("failed")[0][0].kind == "cancelled"
    assert not scan.with_name("labels.npy").exists()


def test_a_worker_that_hangs_is_killed_on_cancel(app, worker, scan):
    job, heard = submit(worker, scan)
    wait(app, lambda: heard.of("progressed"))
    pid = pid_of(worker)
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    job.cancel()
    wait(app, lambda: not job.active, 6)
    assert 2.5 < time.monotonic() - began < 4.5
    assert heard.of("failed")[0][0].kind == "cancelled"
    wait(app, lambda: not alive(pid), 5)


def test_the_scene_closes_in_mid_job(app, worker, scan, scene):
    tag = scene.AddObserver(scene.StartCloseEvent, lambda *_: worker.stop())
    heard = submit(worker, scan)[1]
    wait(app, lambda: heard.of("progressed"))
    pid, launcher = pid_of(worker), worker._process.pid
    began = time.monotonic()
    scene.Clear(False)
    assert time.monotonic() - began < 0.5
    scene.RemoveObserver(tag)
    assert heard.of("failed")[0][0].kind == "stopped"
    wait(app, lambda: not alive(pid) and not alive(launcher), 5)
    assert not scan.with_name("labels.npy").exists()


def test_a_program_that_is_not_there(app, scan):
    worker = WorkerProcess(lambda: otherPython("/nowhere/python"))
    job, heard = submit(worker, scan)
    wait(app, lambda: not job.active, 5)
    assert "could not be started" in heard.of("failed")[0][0].message
    assert worker.state == "failed"


def test_a_program_that_is_no_python(app, scan):
    worker = WorkerProcess(lambda: otherPython("/bin/echo"))
    job, heard = submit(worker, scan)
    wait(app, lambda: not job.active, 5)
    assert heard.of("failed")[0][0].kind == "worker_not_started"


@pytest.fixture
def bare(tmp_path):
    """A Python without any package that was installed."""
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return otherPython(str(program))


def test_a_python_without_mambamim(app, scan, bare):
    without = PythonChoice(bare.program, {**bare.environment, "PYTHONPATH": ""}, own=False)
    worker = WorkerProcess(lambda: without)
    job, heard = submit(worker, scan)
    wait(app, lambda: not job.active, 10)
    ((failure,),) = heard.of("failed")
    assert failure.kind == "missing_dependency"
    assert " mambamim is missing" in failure.message


def test_a_python_without_the_packages(app, scan, bare):
    worker = WorkerProcess(lambda: bare)
    job, heard = submit(worker, scan)
    wait(app, lambda: not job.active, 10)
    worker.stop()
    ((failure,),) = heard.of("failed")
    assert failure.kind == "missing_dependency"
    assert " numpy is " in failure.message  # said by the worker, or by us where it cannot start


def test_nothing_outlives_the_application():
    """Even where nobody thought of stopping the worker."""
    program = """
import time
from slicer_stand_in import boot, shut_down
app = boot()
from MambaMIMLib.PythonChoice import slicerPython
from MambaMIMLib.WorkerProcess import WorkerProcess
worker = WorkerProcess(slicerPython)
job = worker.submit("segment", {"input": "none.npy", "output": "labels.npy"})
while not worker._pid:
    app.processEvents()
    time.sleep(0.01)
print(worker._pid, flush=True)
shut_down()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, encoding="utf-8", timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(coreFolder()), str(TESTING)])},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    assert not alive(int(ended.stdout.split()[-1]))
