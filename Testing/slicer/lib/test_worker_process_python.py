"""The Python that a worker runs in: missing, without what it needs, of another version."""

import pytest
from worker_bench import Bench, failure

from mambamim.errors import MissingDependencyError


def test_a_python_that_is_not_there(bench):
    _, heard = bench.submit()
    _, second = bench.submit()
    bench.time.advance()
    bench.process.end(-1, started=False)
    told = failure(heard)
    assert told.kind == "worker_not_started"
    assert "could not be started" in told.message
    assert "Choose another Python" in told.hint
    assert failure(second) == told, "the others would meet the same"
    assert bench.worker.state == "failed"


@pytest.mark.parametrize(
    ("said", "name", "todo"),
    [
        ("Error while finding module specification for 'mambamim.jobs.worker' "
         "(ModuleNotFoundError: No module named 'mambamim')", "mambamim", "pip install mambamim"),
        ("python: No module named mambamim.jobs", "mambamim", "pip install mambamim"),
        ("  import numpy\nModuleNotFoundError: No module named 'numpy'", "numpy", "button"),
    ],
)  # fmt: skip
def test_a_python_without_what_it_needs(bench, said, name, todo):
    _, heard = bench.submit()
    bench.time.advance()
    bench.process.complain(said + "\n")
    bench.process.end(1)
    told = failure(heard)
    assert told.kind == "missing_dependency"
    assert f" {name} is missing" in told.message
    assert todo in told.hint


def test_a_job_that_misses_torch_says_so(bench):
    _, heard = bench.running()
    detail = '  File "/a/b/task.py", line 10, in <module>\n    import torch\n'
    bench.process.error("error", "Something unforeseen (ModuleNotFoundError).", "Debug.", detail)
    told = failure(heard)
    assert told.kind == "missing_dependency"
    assert " torch is missing" in told.message


def test_a_worker_of_another_version_is_refused_and_ended(bench):
    _, heard = bench.submit()
    bench.time.advance()
    bench.process.ready(protocol=2, version="3.0")
    told = failure(heard)
    assert bench.process.killed
    assert "MambaMIM 3.0" in told.message
    assert "Update" in told.hint
    assert bench.worker.state == "failed"


def test_what_a_refused_worker_says_further_is_not_heard(bench):
    bench.submit()
    bench.time.advance()
    ready = '{{"event": "ready", "id": null, "protocol": {}, "version": "1", "pid": 7}}\n'
    bench.process.say((ready.format(2) + ready.format(1)).encode())
    assert bench.worker.state == "failed"
    bench.submit()
    assert bench.worker.state == "starting"


def test_a_jobs_detail_names_nobody(bench):
    _, heard = bench.running()
    bench.process.error("error", "It went wrong.", detail="at '/home/ann/Ann Smith.nii.gz'")
    assert failure(heard).detail == "at <file>"


def test_a_worker_that_never_gets_ready(bench):
    _, heard = bench.submit()
    bench.time.advance(119)
    assert heard.told == []
    bench.time.advance(2)
    assert bench.process.killed
    assert "does not answer" in failure(heard).message


def test_no_python_at_all():
    def choose():
        raise MissingDependencyError("PythonSlicer was not found.", "Choose another.")

    bench = Bench(choose)
    _, heard = bench.submit()
    bench.time.advance()
    assert failure(heard).message == "PythonSlicer was not found."
    assert bench.worker.state == "failed"


def test_another_python_is_used_for_the_next_job(bench):
    _, heard = bench.running()
    first = bench.process
    bench.worker.restart()
    assert not first.killed, "the job at work goes on"
    first.result()
    assert first.killed
    assert heard.names() == ["succeeded", "ended"]
    bench.running()
    assert len(bench.processes.made) == 2
    bench.process.result()
    bench.worker.restart()
    assert bench.process.killed
    bench.worker.restart()
