"""A worker process takes jobs and tells their events."""

import pytest
from worker_bench import failure

from mambamim.errors import BadInputError


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
