import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from MambaMIMLib import ProcessTree
from MambaMIMLib.ProcessTree import commandOf

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows ends trees by taskkill")

SLEEPER = "import time; time.sleep(60)"
# A process with two children, one of which has a child of its own.
TREE = f"""
import subprocess, sys
SLEEPER = {SLEEPER!r}
inner = "import subprocess, sys; subprocess.run([sys.executable, '-c', " + repr(SLEEPER) + "])"
children = [subprocess.Popen([sys.executable, "-c", code]) for code in (SLEEPER, inner)]
for child in children:
    child.wait()
"""
# A process that starts others as fast as it can.
BREEDER = """
import subprocess, sys, time
while True:
    subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(61)"])
    time.sleep(0.01)
"""


def alive(pid):
    return commandOf(pid) != ""


def wait(until, seconds=10):
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def start():
    started = []

    def begin(code, *arguments):
        started.append(subprocess.Popen([sys.executable, "-c", code, *arguments]))
        return started[-1]

    yield begin
    for process in started:
        for pid in (*ProcessTree.descendants(process.pid), process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def test_the_whole_tree_ends(start):
    root = start(TREE)
    wait(lambda: len(ProcessTree.descendants(root.pid)) == 3)
    tree = ProcessTree.descendants(root.pid)
    ProcessTree.endTree(root.pid)
    assert root.wait(5) < 0
    wait(lambda: not any(alive(pid) for pid in tree))


def test_parents_come_before_their_children(start):
    root = start(TREE)
    wait(lambda: len(ProcessTree.descendants(root.pid)) == 3)
    parents = ProcessTree._parents()
    order = [root.pid, *ProcessTree.descendants(root.pid)]
    assert all(order.index(parents[pid]) < order.index(pid) for pid in order[1:])


def test_nothing_is_born_while_the_tree_is_being_ended(start):
    root = start(BREEDER)
    wait(lambda: len(ProcessTree.descendants(root.pid)) > 5)
    ProcessTree.endTree(root.pid)
    root.wait(5)
    wait(lambda: not [p for p in ProcessTree._parents() if "sleep(61)" in commandOf(p)])


def test_other_processes_are_left_alone(start):
    root, other = start(TREE), start(SLEEPER)
    ProcessTree.endTree(root.pid)
    root.wait(5)
    assert other.poll() is None


def test_one_that_is_gone_is_no_error(start):
    gone = start("pass")
    gone.wait()
    ProcessTree.endTree(gone.pid)
    ProcessTree.endTree(0)
    ProcessTree.endTree(-1)


def test_an_orphan_ends_only_if_it_is_the_one(start):
    process = start(SLEEPER, "mambamim.jobs.worker")
    wait(lambda: alive(process.pid))
    ProcessTree.endOrphan(process.pid, "another.module")
    assert process.poll() is None
    ProcessTree.endOrphan(process.pid, "mambamim.jobs.worker")
    assert process.wait(5) < 0


@pytest.mark.skipif(sys.platform != "linux", reason="compares /proc with ps")
def test_systems_without_proc_are_asked_by_ps(start, monkeypatch):
    root = start(TREE)
    wait(lambda: len(ProcessTree.descendants(root.pid)) == 3)
    from_proc = ProcessTree.descendants(root.pid)
    try:
        from_ps = ProcessTree._parentsFromPs()
    except FileNotFoundError:
        pytest.skip("ps is not installed")
    assert from_ps[root.pid] == os.getpid()
    assert set(from_proc) <= set(from_ps)
