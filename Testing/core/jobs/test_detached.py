"""Runs that outlive what began them: found again, watched, paused, stopped, killed, resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from project_blobs import fill

import mambamim.jobs.detached as detached
from mambamim.checkpoint_header import read_header
from mambamim.errors import BadInputError
from mambamim.jobs.detached import DetachedRun, attach, find_runs, start_detached
from mambamim.jobs.life_lock import hold, is_held
from mambamim.project import Project
from mambamim.training.resume import load_state

PRESET = {
    "steps": 12, "batch": 1, "validate_every": 4, "save_every": 4, "spacing": [3, 3, 3],
    "image_size": [16, 16, 16], "augmentation": "none",
}  # fmt: skip
HERE = Path(__file__).parent
SUPPORT = [HERE, HERE.parents[1] / "support"]
TINY = ["-c", "import sys; sys.argv = sys.argv[2:]; import helper_tiny_run"]


@pytest.fixture
def project(tmp_path):
    return fill(Project.create(tmp_path / "project", ["dim", "bright"]), 3)


@pytest.fixture
def start(project, tmp_path):
    """Starts a fine-tuning with a tiny network; what still runs at the end is killed."""
    runs = []

    def begin(run, **more):
        environment = {
            "MAMBAMIM_HOME": str(tmp_path / "home"),
            "PYTHONPATH": os.pathsep.join(map(str, SUPPORT)),
        }
        parameters = {
            "project": str(project.folder), "out": str(run), "name": run.name, "device": "cpu",
            "preset": PRESET, **more,
        }  # fmt: skip
        start_detached(sys.executable, environment, "finetune", parameters, run, TINY)
        runs.append(attach(run))
        return runs[-1]

    yield begin
    for run in runs:
        run.kill()


def until(there, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := there():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come")


def heard(run, wanted):
    """Events till one is wanted."""
    events = []

    def look():
        events.extend(run.poll())
        return next((e for e in events if wanted(e)), None)

    until(look)
    return events


def at_step(step):
    return lambda e: e["event"] == "metric" and e["name"] == "loss" and e["step"] >= step


def over(run):
    until(lambda: not run.alive)
    return run.state()


@pytest.mark.slow
def test_killed_in_mid_training_it_comes_to_the_same_end(start, project):
    whole = start(project.runs / "whole")
    heard(whole, at_step(6))  # after the first state
    run = start(project.runs / "parts")
    heard(run, at_step(6))
    os.kill(run.pid, signal.SIGKILL)
    state = over(run)
    assert (state.state, state.resumable, state.job) == ("crashed", True, "finetune")
    again = start(project.runs / "parts")
    assert again.pid != run.pid
    events = heard(again, lambda e: e["event"] == "result")
    assert [e["event"] for e in events].count("started") == 2
    assert over(again).state == over(whole).state == "finished"
    states = [load_state(project.runs / name) for name in ("whole", "parts")]
    assert states[0].step == states[1].step == 12
    assert states[0].tensors.keys() == states[1].tensors.keys()
    assert all(torch.equal(t, states[1].tensors[name]) for name, t in states[0].tensors.items())
    models = [read_header(run.state().result["model"]).sha256 for run in (whole, again)]
    assert models[0] == models[1]
    steps = (project.runs / "parts" / "metrics.csv").read_text(encoding="utf-8").splitlines()
    assert [row.split(",")[0] for row in steps[1:]] == [str(n) for n in range(1, 13)]


@pytest.mark.slow
def test_stop_keeps_the_best_and_pause_goes_on(start, project):
    run = start(project.runs / "one")
    heard(run, at_step(1))
    with pytest.raises(BadInputError, match="at work already"):
        start(project.runs / "one")
    run.pause()
    state = over(run)
    assert (state.state, state.resumable, state.error["kind"]) == ("paused", True, "cancelled")
    assert "Paused at step" in state.error["message"]
    assert not (project.runs / "one" / "PAUSE").exists()
    run = start(project.runs / "one")
    heard(run, lambda e: e["event"] == "preview")
    run.stop()
    state = over(run)
    assert (state.state, state.resumable, state.result["finished"]) == ("stopped", True, False)
    assert Path(state.result["model"]).is_file()
    run = start(project.runs / "one")
    assert over(run).state == "finished"
    assert [s.run.name for s in find_runs(project.runs)] == ["one"]
    assert find_runs(project.runs)[0].parameters["preset"] == PRESET


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals are not for Windows")
def test_it_outlives_what_began_it_and_sigterm_pauses(project, tmp_path):
    run = project.runs / "run"
    parameters = {
        "project": str(project.folder), "out": str(run), "name": "run", "device": "cpu",
        "preset": PRESET,
    }  # fmt: skip
    environment = {"PYTHONPATH": os.pathsep.join(map(str, SUPPORT)),
                   "MAMBAMIM_HOME": str(tmp_path)}  # fmt: skip
    code = (
        "import sys, json; from mambamim.jobs.detached import start_detached; "
        f"start_detached(sys.executable, {environment}, 'finetune', {parameters}, {str(run)!r}, "
        f"{TINY}); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    watched = attach(run)
    assert watched.alive
    heard(watched, at_step(1))
    os.kill(watched.pid, signal.SIGTERM)
    assert over(watched).state == "paused"


def test_what_is_wrong_is_its_last_event(start, project):
    project.set_classes(["dim", "bright", "third"])
    state = over(start(project.runs / "run"))
    assert (state.state, state.error["kind"]) == ("failed", "bad_input")
    assert "No case to learn from shows third" in state.error["message"]


def test_a_program_that_is_none(project):
    with pytest.raises(BadInputError, match="no-python cannot be started"):
        start_detached("/no-python", {}, "finetune", {}, project.runs / "run")


def test_a_process_that_dies_at_birth_has_crashed(project):
    start_detached(sys.executable, {}, "devices", {}, project.runs / "run", ["-c", "1"])
    run = attach(project.runs / "run")
    state = over(run)
    assert (state.state, state.resumable, state.result) == ("crashed", True, {})


def test_where_scans_lie_is_not_written_down(tmp_path):
    parameters = {"data": ["/patients/Doe^Jane"], "ratio": 0.5}
    start_detached(sys.executable, {}, "devices", parameters, tmp_path / "run", ["-c", "1"])
    over(attach(tmp_path / "run"))
    assert attach(tmp_path / "run").state().parameters == {"ratio": 0.5}
    assert not any(b"Doe" in p.read_bytes() for p in (tmp_path / "run").iterdir())


def test_half_a_line_spoils_no_other(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "events.jsonl").write_bytes(b'{"event": "progress", "fra')
    start_detached(sys.executable, {}, "devices", {}, run)
    state = over(attach(run))
    assert state.state == "finished"
    assert state.result["devices"]


def test_an_earlier_end_is_not_that_of_what_was_started_again(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    told = [{"event": "started"}, {"event": "metric", "step": 1, "name": "loss", "value": 1.0},
            {"event": "error", "kind": "cancelled"}]  # fmt: skip
    (run / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in told), "utf-8")
    start_detached(sys.executable, {}, "devices", {}, run, ["-c", "1"])  # it dies at birth
    watched = attach(run)
    assert [event["event"] for event in watched.poll()] == ["started", "metric"]
    assert over(watched).state == "crashed"


def test_a_number_that_is_anothers_by_now_is_not_alive(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    facts = {"job": "finetune", "parameters": {}, "pid": os.getpid(), "token": "ab",
             "started": time.time() - 1000}  # fmt: skip
    (run / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    watched = DetachedRun(run)
    assert not watched.alive
    watched.kill()  # which would end the tests
    facts["started"] = time.time()  # just begun
    (run / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    assert watched.alive
    (run / ".alive").write_text("ab", encoding="utf-8")  # it has held the lock, and does not
    assert not watched.alive


@pytest.mark.parametrize("content", [None, "{", "[]", '{"job": "finetune"}'])
def test_no_run_or_a_damaged_one_is_a_plain_error(tmp_path, content):
    if content is not None:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "run.json").write_text(content, encoding="utf-8")
    with pytest.raises(BadInputError, match=r"run\.json"):
        attach(tmp_path / "run")
    assert find_runs(tmp_path) == []


def test_a_lock_is_held_while_its_holder_lives(tmp_path):
    path = tmp_path / "lock"
    assert not is_held(path)
    code = (
        "import sys; from pathlib import Path; from mambamim.jobs.life_lock import hold; "
        "held = hold(Path(sys.argv[1]), 'me'); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline().strip() == b"held"
        assert is_held(path)
        with pytest.raises(OSError):  # noqa: PT011  (which one differs among systems)
            hold(path, "me too")
        assert path.read_text(encoding="utf-8") == "me"
        process.kill()
    assert not is_held(path)


def test_it_needs_no_torch():
    code = "import sys; sys.modules['torch'] = sys.modules['filelock'] = None; import "
    subprocess.run([sys.executable, "-c", code + detached.__name__], check=True)
