import json
import sys
import time

import pytest
from fake_installer import FakeInstaller
from fake_process import PYTHON, FakeProcesses
from fake_time import FakeTime
from recorder import Recorder

from mambamim.errors import MissingDependencyError
from MambaMIMLib import InstalledPackages, Packages, PythonChoice
from MambaMIMLib.Dependencies import Dependencies

ALL = {package.name: "99.0" for package in Packages.needed()} | {"torch": "2.8.0+cpu"}


class Bench:
    """Dependencies whose packages, installer, processes and time are fake."""

    def __init__(self, monkeypatch, installed=None, choose=lambda: PYTHON, more=()):
        self.installed = dict(ALL if installed is None else installed)
        monkeypatch.setattr(
            InstalledPackages, "versions", lambda names: {n: self.installed.get(n) for n in names}
        )
        self.installer, self.processes, self.time = FakeInstaller(), FakeProcesses(), FakeTime()
        self.dependencies = Dependencies(choose, more, self.installer, self.processes, self.time)
        self.heard = Recorder(self.dependencies, "changed", "pythonChanged", "said")

    def answer(self, versions=None, python=(3, 12, 10), errors=None):
        """Let the Python that was asked tell what it has."""
        versions = ALL if versions is None else versions
        lines = [{"python": python}]
        for package in Packages.needed():
            error = (errors or {}).get(package.name)
            version = versions.get(package.name)
            lines.append({"name": package.name, "version": version, "error": error})
        lines.append({"done": True})
        said = "".join(f"MAMBAMIM {json.dumps(line)}\n" for line in lines)
        self.processes.last.say(said.encode())
        self.processes.last.end()


@pytest.fixture
def bench(app, monkeypatch):
    return Bench(monkeypatch, installed={})


@pytest.fixture(autouse=True)
def settings(app):
    yield
    PythonChoice.setChosenProgram("")


def names(packages):
    return [package.name for package in packages]


def test_all_is_there(app, monkeypatch):
    bench = Bench(monkeypatch)
    assert bench.dependencies.ready
    assert bench.dependencies.missing() == []
    assert bench.processes.made == [], "Slicer's own metadata are enough"


def test_what_is_missing_or_too_old(app, monkeypatch):
    bench = Bench(monkeypatch, {**ALL, "torch": "2.9.1", "monai": None, "einops": "0.6"})
    assert bench.dependencies.state == "missing"
    assert names(bench.dependencies.missing()) == ["torch", "monai", "einops"]


def test_training_needs_more(app, monkeypatch):
    bench = Bench(monkeypatch, more=Packages.forTraining())
    assert names(bench.dependencies.missing()) == ["blosc2"]
    assert "download" in bench.dependencies.explain()


def test_it_asks_nothing_and_installs_nothing_by_itself(bench):
    assert bench.dependencies.state == "missing"
    bench.time.advance(1000)
    assert bench.installer.asked == []


def test_torch_goes_first_and_the_rest_follows_in_the_background(bench):
    dependencies, installer = bench.dependencies, bench.installer
    bench.installed["numpy"] = "2.4.6"
    dependencies.install()
    assert dependencies.state == "installing"
    assert installer.asked == [], "the panel is drawn before torch's installer blocks it"
    bench.installed["torch"] = "2.8.0+cu128"
    bench.time.advance(1)
    torch, rest = installer.asked
    assert torch == ["torch", Packages.needed()[0].versions]
    assert rest[:2] == ["--only-binary", ":all:"]
    assert rest[2:] == [package.requirement for package in Packages.needed()[1:]]
    assert installer.constraints == ["numpy==2.4.6\ntorch==2.8.0+cu128\n"]
    assert dependencies.state == "installing"
    installer.end()
    assert dependencies.state == "verifying"
    assert '"import": true' in bench.processes.last.arguments[-1]
    bench.installed.update(ALL)
    bench.answer()
    assert dependencies.ready
    assert dependencies.trouble is None
    assert bench.heard.names().count("pythonChanged") == 1
    assert bench.heard.of("said")[-1] == ("Collecting it",)


def test_what_asks_for_too_much_is_installed_alone(app, monkeypatch):
    monkeypatch.setattr(Packages, "hasNvidia", lambda: False)
    monkeypatch.setattr(Packages.platform, "system", lambda: "Linux")
    bench = Bench(monkeypatch, {**ALL, "monai": None})
    wanted = bench.dependencies.missing() + bench.dependencies.faster()
    bench.dependencies.install(wanted)
    bench.time.advance(1)
    bench.installer.end()
    assert bench.installer.asked == [
        ["--only-binary", ":all:", "monai>=1.4"],
        ["--only-binary", ":all:", "--no-deps", "openvino>=2024.4"],
    ]


def test_a_failure_is_explained_and_ends_it(bench):
    bench.installer.lines = ["[Errno 28] No space left on device"]
    bench.installer.code = 1
    bench.installed["torch"] = "2.8.0"
    bench.dependencies.check()
    bench.dependencies.install()
    bench.time.advance(1)
    bench.installer.end()
    assert bench.dependencies.state == "missing"
    assert bench.dependencies.trouble.message == "The disk is full."
    assert bench.processes.made == []
    bench.installer.code = 0
    bench.dependencies.install()
    assert bench.dependencies.trouble is None


def test_a_failure_of_torch_ends_it_before_the_rest(bench):
    bench.installer.code = 1
    bench.dependencies.install()
    bench.time.advance(1)
    assert len(bench.installer.asked) == 1
    assert bench.dependencies.trouble is not None


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"free": 10**8}, "too little room: 1.2 GB"),
        ({"isWritable": False}, "cannot be written to"),
        ({"isBusy": True}, "another extension"),
        ({"pytorch": False}, "extension PyTorch is missing"),
    ],
)
def test_what_is_in_the_way_is_seen_before(bench, change, what, monkeypatch):
    vars(bench.installer).update(change)
    bench.dependencies.install()
    bench.time.advance(10)
    assert what in bench.dependencies.trouble.message
    assert bench.dependencies.trouble.hint
    assert bench.installer.asked == []
    assert bench.dependencies.state == "missing"


def test_packages_that_do_not_work_are_not_ready(bench):
    bench.installed.update({**ALL, "monai": None})
    bench.dependencies.check()
    bench.dependencies.install()
    bench.time.advance(1)
    bench.installed.update(ALL)
    bench.installer.end()
    bench.answer(errors={"torch": "OSError: c10.dll"})
    assert not bench.dependencies.ready
    assert names(bench.dependencies.missing()) == ["torch"]
    assert "torch is installed but does not work" in bench.dependencies.trouble.message


def test_a_folder_of_wheels_needs_no_network_and_no_extension(bench):
    bench.installer.pytorch = False
    bench.installer.lines = ["ERROR: No matching distribution found for sympy"]
    bench.dependencies.installFromFolder("/wheels")
    (asked,) = bench.installer.asked
    assert asked[:5] == ["--only-binary", ":all:", "--no-index", "--find-links", "/wheels"]
    assert asked[5].startswith("torch>=2.8")
    assert len(asked) == 5 + len(Packages.needed())
    bench.installer.code = 1
    bench.installer.end()
    assert "The folder has no wheel of sympy" in bench.dependencies.trouble.message


def test_what_is_replaced_is_not_held_to_its_version(app, monkeypatch):
    bench = Bench(monkeypatch, {**ALL, "torch": "2.7.0", "numpy": "2.4.6"})
    bench.dependencies.installFromFolder("/wheels")
    assert bench.installer.constraints == ["numpy==2.4.6\n"]


def test_two_installations_at_once_are_one(bench):
    bench.dependencies.install()
    bench.dependencies.install()
    bench.dependencies.installFromFolder("/wheels")
    bench.time.advance(1)
    assert len(bench.installer.asked) == 2  # torch, the rest


def test_another_python_is_tried_before_it_is_taken(bench):
    bench.dependencies.usePython("/opt/python")
    assert bench.dependencies.state == "verifying"
    assert bench.processes.last.program == "/opt/python"
    assert PythonChoice.chosenProgram() == ""
    bench.answer()
    assert bench.dependencies.ready
    assert PythonChoice.chosenProgram() == "/opt/python"
    assert bench.heard.names().count("pythonChanged") == 1


def test_another_python_that_lacks_something_is_not_taken(bench):
    bench.dependencies.usePython("/opt/python")
    bench.answer({**ALL, "monai": None})
    assert PythonChoice.chosenProgram() == ""
    assert bench.dependencies.trouble.message == "This Python lacks monai."
    assert bench.dependencies.state == "missing", "Slicer's own is as it was"
    assert bench.heard.of("pythonChanged") == []


def test_another_python_that_is_too_old(bench):
    bench.dependencies.usePython("/opt/python")
    bench.answer(python=(3, 9, 1))
    assert "3.10 or newer" in bench.dependencies.trouble.message


def test_another_python_that_is_chosen_is_looked_at_in_the_background(app, monkeypatch):
    other = PythonChoice.PythonChoice("/opt/python", {}, own=False)
    bench = Bench(monkeypatch, {}, lambda: other)
    assert bench.dependencies.state == "checking"
    assert not bench.dependencies.ready
    assert '"import": false' in bench.processes.last.arguments[-1]
    bench.answer()
    assert bench.dependencies.ready
    bench.dependencies.check()
    bench.processes.last.end(-1, started=False)
    assert bench.dependencies.state == "missing"
    assert bench.dependencies.trouble.message == "This Python could not be started."


def test_back_to_slicers_own(bench):
    PythonChoice.setChosenProgram("/opt/python")
    bench.dependencies.usePython("")
    assert PythonChoice.chosenProgram() == ""
    assert bench.heard.names().count("pythonChanged") == 1


def test_without_any_python_it_says_so(app, monkeypatch):
    def choose():
        raise MissingDependencyError("PythonSlicer was not found.", "Choose another.")

    bench = Bench(monkeypatch, choose=choose)
    assert bench.dependencies.state == "missing"
    assert bench.dependencies.trouble.message == "PythonSlicer was not found."
    assert bench.dependencies.python is None


def test_metadata_are_read_without_an_import(app):
    loaded = "einops" in sys.modules
    versions = InstalledPackages.versions(["numpy", "einops", "no-such-package"])
    assert versions["numpy"].count(".") == 2
    assert versions["no-such-package"] is None
    assert ("einops" in sys.modules) is loaded


def test_constraints_hold_what_is_installed(app):
    path = InstalledPackages.constraints(["numpy", "no-such-package"])
    numpy = InstalledPackages.versions(["numpy"])["numpy"]
    assert path.read_text(encoding="utf-8") == f"numpy=={numpy}\n"


def test_a_real_python_is_tried_by_real_imports(app):
    """This one, which has them all; Slicer itself does not come to load any."""
    before = set(sys.modules)
    dependencies = Dependencies()
    dependencies.usePython(sys.executable)
    assert dependencies.state == "verifying"
    end = time.monotonic() + 120
    while dependencies.state == "verifying":
        assert time.monotonic() < end
        app.processEvents()
        time.sleep(0.01)
    assert dependencies.trouble is None
    assert dependencies.ready
    assert PythonChoice.chosenProgram() == sys.executable
    assert not {"torch", "monai", "nibabel"} & (set(sys.modules) - before)
