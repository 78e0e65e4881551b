"""The worker as a process: its lines, its end, its manners under junk, cancel and SIGKILL."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mambamim.jobs import JobError, WorkerClient, read_events

HERE = Path(__file__).parent
# A worker that knows the jobs of helper_jobs.py besides the real ones.
START = (
    f"import sys; sys.path.insert(0, {str(HERE)!r});"
    "from mambamim.jobs import worker; worker.JOBS['help'] = 'helper_jobs'; worker.main()"
)
COMMAND = (sys.executable, "-c", START)


@pytest.fixture
def client():
    with WorkerClient(COMMAND) as client:
        yield client


def ask(lines: list[str], timeout: float = 60) -> tuple[list[dict], str, int]:
    done = subprocess.run(
        COMMAND, input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=timeout
    )
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr, done.returncode


def test_a_job_tells_its_events_in_order_and_keeps_them(client, tmp_path):
    job = client.submit("help", {"steps": 3, "preview": "first.npy", "text": "ü"}, tmp_path / "run")
    events = list(job.events(30))
    names = [event["event"] for event in events]
    assert names[0] == "started"
    assert names[-3:] == ["preview", "metric", "result"]
    assert events[-1]["result"]["text"] == "ü"
    kept, _ = read_events(tmp_path / "run")
    assert [event["event"] for event in kept] == names


def test_what_is_warm_stays_warm(client):
    counts = [client.submit("help", {}).result(30)["count"] for _ in range(3)]
    assert counts == [1, 2, 3]


def test_prints_of_libraries_do_not_reach_the_protocol():
    events, errors, code = ask(['{"id": "a", "job": "help"}'])
    assert code == 0
    assert [e["event"] for e in events] == ["ready", "started", "metric", "result"]
    assert "a library's print" in errors


def test_at_the_end_of_the_input_the_jobs_taken_are_done():
    events, _, _ = ask([json.dumps({"id": str(n), "job": "help"}) for n in range(4)])
    assert [e["id"] for e in events if e["event"] == "result"] == ["0", "1", "2", "3"]


def test_shutdown_stops_the_running_job_and_those_that_wait():
    started = time.monotonic()
    lines = [
        '{"id": "a", "job": "help", "parameters": {"steps": 3000}}',
        '{"id": "b", "job": "help"}',
        '{"shutdown": true}',
    ]
    events, _, code = ask(lines)
    assert code == 0
    assert time.monotonic() - started < 20
    assert {e["id"]: e["kind"] for e in events if e["event"] == "error"} == {
        "a": "cancelled",
        "b": "cancelled",
    }


def test_junk_is_answered_and_the_next_job_done():
    events, _, code = ask(
        ["junk", "[]", '{"id": "x", "job": "no such"}', '{"id": "y", "cancel": true}',
         '{"id": "a", "job": "help"}']
    )  # fmt: skip
    errors = [e for e in events if e["event"] == "error"]
    assert [e["id"] for e in errors] == [None, None, "x", "y"]
    assert all(e["kind"] == "bad_request" for e in errors)
    assert events[-1]["event"] == "result"
    assert code == 0


def test_an_id_that_is_taken_is_refused():
    line = '{"id": "a", "job": "help", "parameters": {"steps": 20}}'
    events, _, _ = ask([line, line])
    assert sum(e["event"] == "result" for e in events) == 1
    assert sum(e["event"] == "error" for e in events) == 1


def test_a_cancelled_job_ends_within_a_second_and_the_next_one_runs(client):
    client.submit("help", {}).result(30)
    job = client.submit("help", {"steps": 3000})
    next(job.events(10))
    started = time.monotonic()
    job.cancel()
    with pytest.raises(JobError) as stopped:
        job.result(10)
    assert stopped.value.kind == "cancelled"
    assert time.monotonic() - started < 1
    assert client.submit("help", {}).result(10)["count"] == 3


def test_a_step_that_cannot_be_stopped_keeps_nobody_waiting(client):
    client.submit("help", {}).result(30)
    job = client.submit("help", {"deaf": 2.5})
    next(job.events(10))
    started = time.monotonic()
    job.cancel()
    with pytest.raises(JobError) as stopped:
        job.result(10)
    assert stopped.value.kind == "cancelled"
    assert time.monotonic() - started < 1
    later = client.submit("help", {"text": "next"})
    assert [e["event"] for e in later.events(10)][-1] == "result"


def test_a_fault_says_where_and_never_what_was_in_it(client, tmp_path):
    job = client.submit("help", {"fault": "bug", "file": "jane_doe.nii"}, tmp_path)
    event = list(job.events(30))[-1]
    assert event["kind"] == "error"
    assert "helper_jobs.py" in event["detail"]
    assert "jane_doe" not in json.dumps(event)
    with pytest.raises(JobError) as failed:
        client.submit("help", {"fault": "memory"}).result(30)
    assert failed.value.kind == "out_of_memory"


def leave_behind(job: dict, errors=None) -> subprocess.Popen:
    """Start a worker and a job, hear of its progress, and be gone."""
    process = subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
    )
    process.stdin.write(json.dumps(job).encode() + b"\n")
    process.stdin.flush()
    while b"progress" not in process.stdout.readline():
        pass
    process.stdin.close()
    process.stdout.close()
    return process


def test_a_client_that_is_gone_stops_its_job(tmp_path):
    log = tmp_path / "errors"
    with log.open("w") as errors:
        process = leave_behind({"id": "a", "job": "help", "parameters": {"steps": 3000}}, errors)
        assert process.wait(10) == 0
    assert "Traceback" not in log.read_text()


def test_a_job_with_a_run_folder_outlives_its_client(tmp_path):
    line = {"id": "a", "job": "help", "parameters": {"steps": 60}, "run": str(tmp_path)}
    assert leave_behind(line).wait(20) == 0
    assert read_events(tmp_path)[0][-1]["event"] == "result"


def test_sigterm_cancels_and_ends(client):
    job = client.submit("help", {"steps": 3000})
    next(job.events(30))
    os.kill(client.pid, signal.SIGTERM)
    with pytest.raises(JobError) as stopped:
        job.result(10)
    assert stopped.value.kind == "cancelled"


def test_two_workers_do_not_disturb_each_other(client):
    with WorkerClient(COMMAND) as other:
        jobs = [
            who.submit("help", {"steps": 20, "text": n}) for n, who in enumerate([client, other])
        ]
        other.kill()
        assert jobs[0].result(30)["text"] == 0
        with pytest.raises(JobError) as died:
            jobs[1].result(30)
        assert died.value.kind == "worker_died"
        with pytest.raises(JobError):
            other.submit("help", {}).result(10)


def test_the_client_needs_no_torch():
    code = "import sys; sys.modules['torch'] = None; import mambamim.jobs, mambamim.catalogue"
    subprocess.run([sys.executable, "-c", code], check=True)
