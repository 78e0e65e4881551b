import sys
import time

import pytest
from recorder import Recorder

from MambaMIMLib.ChildProcess import ChildProcess, ProcessEnd

ECHO = "import sys\nfor line in sys.stdin: print(line.upper(), end='', flush=True)"


def run(app, until, seconds=15):
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it never came"
        app.processEvents()
        time.sleep(0.002)


@pytest.fixture
def start(app):
    started = []

    def begin(code, environment=None, program=sys.executable):
        process = ChildProcess()
        heard = Recorder(process, "said", "complained", "ended")
        process.start(program, ["-c", code], environment)
        started.append(process)
        return process, heard

    yield begin
    for process in started:
        process.kill()


def text(heard, name):
    return b"".join(data for (data,) in heard.of(name)).decode("utf-8")


def test_it_is_written_to_and_heard(app, start):
    process, heard = start(ECHO)
    process.write("größe\n".encode())
    run(app, lambda: "GRÖSSE" in text(heard, "said"))
    process.closeInput()
    run(app, lambda: heard.of("ended"))
    assert heard.of("ended") == [(ProcessEnd(0),)]
    process.write(b"into the void")
    process.closeInput()
    assert process.wait(1)


def test_the_two_outputs_come_apart_and_before_the_end(app, start):
    _, heard = start("import sys; print('out' * 50000); print('err', file=sys.stderr); sys.exit(3)")
    run(app, lambda: heard.of("ended"))
    assert text(heard, "said").strip() == "out" * 50000
    assert text(heard, "complained").strip() == "err"
    assert heard.told[-1] == ("ended", ProcessEnd(3))


def test_its_environment_is_the_given_one(app, start):
    _, heard = start("import os; print(os.environ.get('A'), 'HOME' in os.environ)", {"A": "ü"})
    run(app, lambda: heard.of("ended"))
    assert text(heard, "said").split() == ["ü", "False"]


def test_a_program_that_is_not_there(app, start):
    process, heard = start("", program="/nowhere/python")
    run(app, lambda: heard.of("ended"))
    assert heard.told == [("ended", ProcessEnd(-1, started=False))]
    assert process.wait(1)
    assert process.pid == 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_crash_is_told_as_one(app, start):
    _, heard = start("import os; os.kill(os.getpid(), 11)")
    run(app, lambda: heard.of("ended"))
    assert heard.of("ended") == [(ProcessEnd(11, crashed=True),)]


def test_nothing_is_heard_of_one_that_was_killed(app, start):
    process, heard = start("import time\nwhile True: print('x', flush=True); time.sleep(0.001)")
    run(app, lambda: heard.of("said"))
    process.kill()
    heard.told.clear()
    assert process.wait(5)
    run(app, lambda: process not in ChildProcess._alive)
    assert heard.told == []


@pytest.mark.parametrize(
    ("end", "killed"),
    [
        (ProcessEnd(9, crashed=True), True),
        (ProcessEnd(137), True),
        (ProcessEnd(-1073741801), True),  # STATUS_NO_MEMORY as a signed number
        (ProcessEnd(0xC000012D), True),
        (ProcessEnd(11, crashed=True), False),
        (ProcessEnd(1), False),
        (ProcessEnd(-1, started=False), False),
        (ProcessEnd(0), False),
    ],
)
def test_what_the_system_ended_by_force(end, killed):
    assert end.killed is killed
