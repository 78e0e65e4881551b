"""Jobs that are cancelled, workers that crash, and what is left after that."""

import pytest
from worker_bench import failure


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
