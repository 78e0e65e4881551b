import json
import sys
import time

import pytest
from fake_process import PYTHON, FakeProcesses
from fake_time import FakeTime

from MambaMIMLib.PackageProbe import Found, PackageProbe
from MambaMIMLib.Packages import Package
from MambaMIMLib.PythonChoice import PythonChoice, slicerPython


def package(name, module=None):
    return Package(name, module or name, "", "", 1, 1)


def ask(app, python, packages, byImport, seconds=30):
    answers = []
    probe = PackageProbe()
    probe.start(python, packages, byImport, answers.append)
    end = time.monotonic() + seconds
    while not answers:
        assert time.monotonic() < end
        app.processEvents()
        time.sleep(0.002)
    return answers[0]


def test_a_real_python_tells_what_it_has(app):
    found = ask(app, slicerPython(), [package("numpy"), package("no-such-package")], False)
    assert found.python == sys.version_info[:3]
    assert found.versions["numpy"].count(".") == 2
    assert found.versions["no-such-package"] is None
    assert found.errors == {}
    assert found.complete


@pytest.fixture
def faulty(app, tmp_path):
    """A Python with packages of which one fails, one prints, and one ends the process."""
    for name, code in {
        "broken": "raise OSError('c10.dll not found\\nsecond line')",
        "chatty": "print('MAMBAMIM is nice'); print('hello', end='')",
        "deadly": "import os; os._exit(7)",
    }.items():
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        (folder / "METADATA").write_text(text, encoding="utf-8")
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
    python = slicerPython()
    path = f"{tmp_path}:{python.environment['PYTHONPATH']}"
    return PythonChoice(python.program, {**python.environment, "PYTHONPATH": path})


def test_a_real_import_tells_more(app, faulty):
    found = ask(app, faulty, [package("broken"), package("chatty"), package("einops")], True)
    assert found.errors == {"broken": "OSError: c10.dll not found"}
    assert found.versions["chatty"] == "1.0"
    assert found.complete


def test_without_an_import_nothing_is_run(app, faulty):
    found = ask(app, faulty, [package("broken"), package("deadly")], False)
    assert found.errors == {}
    assert found.versions == {"broken": "1.0", "deadly": "1.0"}


def test_an_import_that_ends_the_process_is_named(app, faulty):
    found = ask(app, faulty, [package("einops"), package("deadly"), package("numpy")], True)
    assert list(found.errors) == ["deadly"]
    assert not found.complete


def test_a_program_that_is_no_python(app):
    for program in ("/nowhere/python", "/bin/echo"):
        found = ask(app, PythonChoice(program, {}, own=False), [package("numpy")], True)
        assert found.python == ()
        assert not found.complete


def test_it_does_not_wait_for_ever():
    processes, clock, answers = FakeProcesses(), FakeTime(), []
    probe = PackageProbe(processes, clock)
    probe.start(PYTHON, [package("torch")], True, answers.append)
    processes.last.say(b'MAMBAMIM {"python": [3, 12, 1]}\nMAMBAMIM {"importing": "torch"}\n')
    clock.advance(239)
    assert answers == []
    clock.advance(2)
    assert processes.last.killed
    assert answers == [Found((3, 12, 1), {}, {"torch": "no answer in 240 s"})]


def test_stopped_it_says_nothing():
    processes, clock, answers = FakeProcesses(), FakeTime(), []
    probe = PackageProbe(processes, clock)
    probe.start(PYTHON, [], True, answers.append)
    probe.stop()
    assert processes.last.killed
    clock.advance(1000)
    assert answers == []


def test_what_it_asks_for_is_one_argument():
    processes = FakeProcesses()
    PackageProbe(processes, FakeTime()).start(PYTHON, [package("a", "b")], True, print)
    option, _, asked = processes.last.arguments
    assert option == "-c"
    assert json.loads(asked) == {
        "packages": [["a", "b"], ["mambamim", "mambamim.jobs.worker"]], "import": True
    }  # fmt: skip
