import pytest
import qt
from fake_installer import FakeInstaller
from fake_process import PYTHON, FakeProcesses
from fake_time import FakeTime
from recorder import Recorder

from MambaMIMLib import InstalledPackages, Packages, PythonChoice
from MambaMIMLib.Dependencies import Dependencies
from MambaMIMLib.DependenciesPanel import DependenciesPanel

ALL = {package.name: "99.0" for package in Packages.needed()} | {"torch": "2.8.0"}


class Bench:
    def __init__(self, installed, choose=lambda: PYTHON):
        self.installed = installed
        self.installer, self.processes, self.time = FakeInstaller(), FakeProcesses(), FakeTime()
        self.dependencies = Dependencies(choose, (), self.installer, self.processes, self.time)
        self.panel = DependenciesPanel(self.dependencies)
        self.heard = Recorder(self.panel, "changed")
        self.host = qt.QWidget()
        qt.QVBoxLayout(self.host).addWidget(self.panel.widget)

    @property
    def visible(self):
        return self.panel.widget.isVisibleTo(self.host)

    def part(self, name):
        return next(w for w in self.panel.widget.findChildren("QWidget") if w.objectName == name)

    def shown(self, name):
        """Whether it would be seen if the panel were."""
        return self.part(name).isVisibleTo(self.panel.widget)

    def text(self):
        from slicer.util import findChildren

        labels = findChildren(self.panel.widget, className="QLabel")
        return "\n".join(label.text for label in labels if label.isVisibleTo(self.panel.widget))


@pytest.fixture
def make(app, monkeypatch):
    monkeypatch.setattr(Packages, "hasNvidia", lambda: False)
    monkeypatch.setattr(Packages.platform, "system", lambda: "Linux")

    def bench(installed, **options):
        known = dict(installed)
        monkeypatch.setattr(
            InstalledPackages, "versions", lambda names: {name: known.get(name) for name in names}
        )
        return Bench(known, **options)

    yield bench
    PythonChoice.setChosenProgram("")


def test_it_is_not_there_while_all_is_there(make):
    bench = make(ALL)
    assert bench.panel.ready
    assert not bench.visible


def test_it_says_what_is_missing_and_how_large_it_is(make):
    bench = make({})
    assert not bench.panel.ready
    assert bench.visible
    assert "9 Python packages are missing" in bench.text()
    assert "About 224 MB to download, 946 MB on the disk." in bench.text()
    assert all(bench.shown(n) for n in ("installButton", "installFromFolderButton"))
    assert not bench.shown("ownPythonButton")
    assert not bench.shown("dependenciesList")
    assert "monai" in bench.part("dependenciesList").text


def test_it_is_no_window_before_it_has_a_place(make):
    bench = make({})
    panel = DependenciesPanel(bench.dependencies)
    bench.dependencies.check()
    assert not panel.widget.visible


def test_nothing_is_installed_without_consent(make, dialogs):
    bench = make({})
    dialogs.answer(False)
    bench.part("installButton").click()
    bench.time.advance(10)
    assert bench.installer.asked == []
    (dialog,) = dialogs.shown
    assert "Install 10 packages into Slicer's Python?" in dialog.text
    assert "MB to download" in dialog.text
    assert "monai>=1.4" in dialog.details
    assert bench.dependencies.state == "missing"


def test_a_click_and_consent_install_and_the_panel_goes(make, dialogs):
    bench = make({})
    dialogs.answer(True)
    bench.part("installButton").click()
    assert not bench.shown("installButton")
    assert bench.shown("dependenciesWhat")
    bench.time.advance(1)
    assert bench.part("dependenciesWhat").text == "Collecting it"
    assert "Collecting it" in bench.part("dependenciesLog").toPlainText()
    bench.installer.end()
    assert any("openvino>=2024.4" in asked for asked in bench.installer.asked)
    bench.installer.end()
    assert "Trying" in bench.part("dependenciesWhat").text
    told = "".join(
        f'MAMBAMIM {{"name": "{n}", "version": "{v}", "error": null}}\n' for n, v in ALL.items()
    )
    bench.processes.last.say(
        f'MAMBAMIM {{"python": [3, 12, 1]}}\n{told}MAMBAMIM {{"done": true}}\n'.encode()
    )
    bench.processes.last.end()
    assert bench.panel.ready
    assert not bench.visible
    assert len(bench.heard.told) >= 1


def test_what_is_not_needed_can_be_left_out(make, dialogs):
    bench = make({**ALL, "monai": None})
    assert "openvino" in bench.part("fasterCheckBox").text
    bench.part("fasterCheckBox").checked = False
    dialogs.answer(True)
    bench.part("installButton").click()
    bench.time.advance(1)
    assert bench.installer.asked == [["--only-binary", ":all:", "monai>=1.4"]]


def test_a_failure_stays_until_it_is_tried_again(make, dialogs):
    bench = make({**ALL, "monai": None})
    bench.installer.code, bench.installer.lines = 1, ["ProxyError('Cannot connect to proxy.')"]
    dialogs.answer(True, True)
    bench.part("installButton").click()
    bench.time.advance(1)
    bench.installer.end()
    assert "The proxy of this network refused the download." in bench.text()
    assert "HTTPS_PROXY" in bench.text()
    assert bench.shown("installButton")
    bench.part("installButton").click()
    assert "proxy" not in bench.text()


def test_a_folder_of_wheels(make, dialogs):
    bench = make({**ALL, "monai": None})
    dialogs.answer("/wheels", True)
    bench.part("installFromFolderButton").click()
    assert bench.installer.asked[0][2:] == ["--no-index", "--find-links", "/wheels", "monai>=1.4"]


def test_a_folder_that_has_what_makes_it_faster(make, dialogs, tmp_path):
    bench = make({**ALL, "monai": None})
    (tmp_path / "openvino-2026.4.1-cp312-cp312-win_amd64.whl").touch()
    dialogs.answer(str(tmp_path), True)
    bench.part("installFromFolderButton").click()
    bench.installer.end()
    assert bench.installer.asked[1] == [
        "--only-binary", ":all:", "--no-deps", "--no-index", "--find-links", str(tmp_path),
        "openvino>=2024.4",
    ]  # fmt: skip


def test_a_folder_that_was_not_chosen(make, dialogs):
    bench = make({**ALL, "monai": None})
    bench.part("installFromFolderButton").click()
    assert len(dialogs.shown) == 1
    assert bench.installer.asked == []


def test_another_python_is_chosen_and_tried(make, dialogs):
    bench = make({})
    dialogs.answer("/opt/python")
    bench.part("anotherPythonButton").click()
    assert bench.processes.last.program == "/opt/python"
    assert bench.dependencies.state == "verifying"
    bench.processes.last.end(-1, started=False)
    assert "This Python could not be started." in bench.text()
    assert bench.shown("anotherPythonButton")


def test_a_chosen_python_that_lacks_something_can_be_given_up(make):
    other = PythonChoice.PythonChoice("/opt/python", {}, own=False)
    bench = make({}, choose=lambda: other)
    bench.processes.last.say(b'MAMBAMIM {"python": [3, 12, 1]}\nMAMBAMIM {"done": true}\n')
    bench.processes.last.end()
    assert "/opt/python" in bench.text()
    assert not bench.shown("installButton"), "only Slicer's Python is installed into"
    assert bench.shown("ownPythonButton")


def test_the_row_tells_which_python_works(make):
    bench = make(ALL)
    row = bench.panel.pythonWidget
    name, change, back = row.findChildren("QLineEdit") + row.findChildren("QPushButton")
    assert name.text == "Slicer's Python"
    assert change.enabled
    assert not back.isVisibleTo(row)
    bench.dependencies.usePython("/opt/python")
    assert not change.enabled


def test_a_worker_is_restarted_only_where_that_is_of_use(make):
    bench = make(ALL)
    bench.dependencies.check()
    assert bench.heard.told == []
    bench.dependencies.usePython("")
    assert len(bench.heard.told) == 1
