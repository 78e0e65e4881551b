import pytest
from fake_process import PYTHON, FakeProcesses
from fake_time import FakeTime
from recorder import JOB_SIGNALS, Recorder

from mambamim.errors import BadInputError, MissingDependencyError
from MambaMIMLib.WorkerProcess import WorkerProcess


class Bench:
    """A worker process, all around it being fake."""

    def __init__(self, choosePython=lambda: PYTHON):
        self.processes, self.time = FakeProcesses(), FakeTime()
        self.worker = WorkerProcess(choosePython, self.processes, self.time)
        self.states = []
        self.worker.stateChanged.connect(self.states.append)

    def submit(self, name="segment", **parameters):
        job = self.worker.submit(name, parameters)
        return job, Recorder(job, *JOB_SIGNALS)

    def running(self):
        """A job that the worker is doing."""
        job, heard = self.submit()
        self.time.advance()
        self.process.ready()
        self.time.advance()
        return job, heard

    @property
    def process(self):
        return self.processes.last


@pytest.fixture
def bench():
    return Bench()


def failure(heard):
    ((told,),) = heard.of("failed")
    assert heard.names()[-1] == "ended"
    return told


def test_a_job_goes_to_a_worker_and_its_events_come_back(bench):
    job, heard = bench.submit(input="ct.npy", organs=["liver"])
    assert bench.processes.made == [], "nothing happens before its owner could connect"
    assert bench.worker.state == "starting"
    bench.time.advance()
    process = bench.process
    assert (process.program, process.arguments) == ("/opt/python", ["-m", "mambamim.jobs.worker"])
    assert process.environment == {"LANG": "C"}
    assert process.requests == []
    process.ready()
    bench.time.advance()
    assert bench.worker.state == "running"
    (request,) = process.requests
    assert request == {
        "id": job.id, "job": "segment", "parameters": {"input": "ct.npy", "organs": ["liver"]}
    }  # fmt: skip
    process.event("started")
    process.event("progress", fraction=0.25, message="half a liver", seconds_left=12.5)
    process.event("progress", fraction=1.7, message=None, seconds_left=None)
    process.event("preview", path="/run/coarse.npy")
    process.event("metric", step=3, name="loss", value=0.5)
    process.event("log", level="warning", message="old driver")
    process.result(output="/run/full.npy")
    assert heard.told == [
        ("progressed", 0.25, "half a liver", 12.5),
        ("progressed", 1.0, "", None),
        ("previewed", "/run/coarse.npy"),
        ("metric", 3, "loss", 0.5),
        ("logged", "warning", "old driver"),
        ("succeeded", {"output": "/run/full.npy"}),
        ("ended",),
    ]
    assert not job.active
    assert bench.states == ["starting", "running", "idle"]


def test_a_run_folder_is_passed_on(bench):
    bench.worker.submit("segment", {}, run="/run/7")
    bench.time.advance()
    bench.process.ready()
    bench.time.advance()
    assert bench.process.requests[0]["run"] == "/run/7"


def test_jobs_wait_in_order_and_the_worker_stays_warm(bench):
    bench.running()
    first = bench.process.job
    second, heard = bench.submit("reconstruct")
    third, _ = bench.submit("segment")
    bench.time.advance()
    assert [r["id"] for r in bench.process.requests] == [first], "one at a time"
    bench.process.result()
    bench.time.advance()
    assert bench.process.job == second.id
    bench.process.error("bad_input", "This volume is flat.", "Take another.")
    assert failure(heard).message == "This volume is flat."
    bench.time.advance()
    assert bench.process.job == third.id
    bench.process.result()
    assert len(bench.processes.made) == 1
    assert bench.worker.state == "idle"


def test_a_job_submitted_when_another_ends_comes_next(bench):
    job, _ = bench.running()
    following = []
    job.succeeded.connect(lambda result: following.append(bench.worker.submit("segment", result)))
    bench.process.result(again=1)
    bench.time.advance()
    assert bench.process.job == following[0].id
    assert bench.worker.state == "running"


def test_pieces_of_lines_and_letters_are_put_together_and_junk_is_ignored(bench):
    _, heard = bench.running()
    line = (
        f'{{"event": "log", "id": "{bench.process.job}", "level": "info", "message": "Łódź ✓"}}\r\n'
    ).encode()
    bench.process.say(b"Downloading... 37%\n[1, 2]\n{}\n\n\xff\xfe\n")
    for i in range(len(line)):
        bench.process.say(line[i : i + 1])
    bench.process.say(b'{"event": "log", "id": "somebody else", "message": "x"}\n')
    assert heard.told == [("logged", "info", "Łódź ✓")]


def test_several_events_in_one_piece(bench):
    _, heard = bench.running()
    told = f'{{"event": "log", "id": "{bench.process.job}", "message": "a"}}\n'.encode()
    bench.process.say(told * 3)
    assert heard.names() == ["logged"] * 3


def test_events_with_odd_contents_do_no_harm(bench):
    _, heard = bench.running()
    bench.process.event("progress", fraction="much", message=7, seconds_left=True)
    bench.process.event("metric", step=None, name=None, value="x")
    bench.process.event("result", result=[1])
    assert heard.told == [
        ("progressed", 0.0, "7", None), ("metric", None, "", None), ("succeeded", {}), ("ended",)
    ]  # fmt: skip


def test_cancel_is_asked_of_the_worker(bench):
    job, heard = bench.running()
    job.cancel()
    job.cancel()
    assert bench.worker.state == "cancelling"
    assert bench.process.requests[1:] == [{"id": job.id, "cancel": True}]
    bench.process.error("cancelled", "Cancelled; nothing was written.")
    assert failure(heard).isStop
    assert bench.worker.state == "idle"
    bench.time.advance(10)
    assert not bench.process.killed, "it has answered"


def test_a_worker_that_does_not_answer_a_cancel_is_killed_and_the_next_job_gets_another(bench):
    job, heard = bench.running()
    _, waiting = bench.submit()
    stuck = bench.process
    job.cancel()
    bench.time.advance(2.9)
    assert not stuck.killed
    bench.time.advance(0.2)
    assert stuck.killed
    assert failure(heard).kind == "cancelled"
    assert bench.worker.state == "starting"
    bench.process.ready()
    bench.time.advance()
    bench.process.result()
    assert waiting.names() == ["succeeded", "ended"]


def test_a_job_that_waits_is_cancelled_at_once(bench):
    first, heard = bench.submit()
    second, waiting = bench.submit()
    second.cancel()
    assert failure(waiting).kind == "cancelled"
    first.cancel()
    assert failure(heard).kind == "cancelled"
    bench.time.advance()
    assert bench.worker.state == "idle"
    assert bench.processes.made == []


def test_cancelled_while_the_worker_starts(bench):
    job, heard = bench.submit()
    bench.time.advance()
    job.cancel()
    assert failure(heard).kind == "cancelled"
    assert bench.worker.state == "starting"
    bench.process.ready()
    bench.time.advance()
    assert bench.worker.state == "idle"
    assert bench.process.requests == []


def test_a_crash_fails_the_job_and_the_next_one_gets_a_new_worker(bench):
    _, heard = bench.running()
    bench.process.complain("frame 1\nSegmentation fault in /home/ann/scans/Ann Smith.nii.gz\n")
    bench.process.end(11, crashed=True)
    told = failure(heard)
    assert told.kind == "worker_died"
    assert "ended unexpectedly" in told.message
    assert told.hint
    assert "Segmentation fault" in told.detail
    assert "ann" not in told.detail.lower().replace("segmentation", "")
    assert bench.worker.state == "failed"
    _, again = bench.submit()
    assert bench.worker.state == "starting"
    bench.time.advance()
    bench.process.ready()
    bench.time.advance()
    bench.process.result()
    assert again.names() == ["succeeded", "ended"]
    assert bench.worker.state == "idle"
    assert len(bench.processes.made) == 2


def test_a_crash_leaves_the_jobs_that_wait(bench):
    bench.running()
    _, waiting = bench.submit()
    bench.process.end(11, crashed=True)
    bench.time.advance()
    assert len(bench.processes.made) == 2
    bench.process.ready()
    bench.time.advance()
    bench.process.result()
    assert waiting.names() == ["succeeded", "ended"]


@pytest.mark.parametrize(("code", "crashed"), [(9, True), (137, False), (9, False)])
def test_a_worker_that_the_system_killed_ran_out_of_memory(bench, code, crashed):
    _, heard = bench.running()
    bench.process.end(code, crashed)
    told = failure(heard)
    assert told.kind == "out_of_memory"
    assert "memory" in told.message
    assert "coarse" in told.hint


def test_a_crash_after_a_cancel_is_the_cancel(bench):
    job, heard = bench.running()
    job.cancel()
    bench.process.end(1)
    assert failure(heard).kind == "cancelled"
    assert bench.worker.state == "idle"


def test_an_idle_worker_that_goes_is_no_failure(bench):
    bench.running()
    bench.process.result()
    bench.process.end(11, crashed=True)
    assert bench.worker.state == "idle"


def test_only_the_last_lines_of_standard_error_are_kept(bench):
    _, heard = bench.running()
    bench.process.complain("\n".join(f"line {i}" for i in range(200)))
    bench.process.end(1)
    lines = failure(heard).detail.splitlines()
    assert (len(lines), lines[0], lines[-1]) == (50, "line 150", "line 199")


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


def test_stop_ends_the_worker_and_all_jobs(bench):
    _, heard = bench.running()
    _, waiting = bench.submit()
    bench.worker.stop()
    assert bench.process.killed
    assert failure(heard).kind == failure(waiting).kind == "stopped"
    assert bench.worker.state == "idle"
    bench.time.advance(1000)
    assert len(bench.processes.made) == 1
    bench.worker.stop()


def test_stop_while_it_cancels(bench):
    job, heard = bench.running()
    job.cancel()
    bench.worker.stop()
    assert failure(heard).kind == "stopped"
    assert bench.worker.state == "idle"
    bench.running()
    assert bench.worker.state == "running"


def test_nothing_is_heard_of_a_worker_that_was_given_up(bench):
    _, heard = bench.running()
    job = bench.process.job
    line = f'{{"event": "log", "id": "{job}", "message": "a"}}\n'.encode()
    heard.told.clear()
    bench.worker._job.logged.connect(lambda level, message: bench.worker.stop())
    bench.process.say(line * 2)
    assert heard.names() == ["logged", "failed", "ended"]


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


def test_an_idle_worker_gives_its_memory_back(bench):
    bench.running()
    bench.time.advance(3600)
    assert not bench.process.killed, "it works"
    bench.process.result()
    bench.time.advance(599)
    assert not bench.process.killed
    bench.time.advance(2)
    assert bench.process.killed
    assert bench.worker.state == "idle"


def test_parameters_that_cannot_be_sent(bench):
    with pytest.raises(BadInputError, match="The job segment cannot be sent"):
        bench.worker.submit("segment", {"affine": object()})
    with pytest.raises(BadInputError):
        bench.worker.submit("segment", {"hu": float("nan")})
    assert bench.worker.state == "idle"
