import subprocess
import sys
import time
import types

import pytest
import slicer
import slicer.packaging

from MambaMIMLib.Installer import SlicerInstaller


@pytest.fixture
def constraints(tmp_path):
    path = tmp_path / "constraints.txt"
    path.write_text("numpy==2.4.6\n", encoding="utf-8")
    return path


def run(app, until, seconds=5):
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        app.processEvents()


def test_pip_goes_through_slicer_and_does_not_block(app, installs, constraints):
    lines, codes = [], []
    SlicerInstaller().pip(["monai>=1.4", "einops"], constraints, lines.append, codes.append)
    assert codes == [], "it goes on in the background"
    assert SlicerInstaller().busy()
    run(app, lambda: codes)
    assert codes == [0]
    assert "Collecting monai>=1.4" in lines
    (done,) = installs.done
    assert done["requirements"] == ["monai>=1.4", "einops"]
    assert done["constraints"] == constraints
    assert done["blocking"] is False
    assert not SlicerInstaller().busy()


def test_a_failure_of_pip_is_its_code(app, installs, constraints):
    installs.return_code = 2
    codes = []
    SlicerInstaller().pip(["monai"], constraints, print, codes.append)
    run(app, lambda: codes)
    assert codes == [2]


def test_where_slicer_waits_for_pip_the_end_is_told_once(app, constraints, monkeypatch):
    """As in Slicer's testing mode."""
    asked, codes = [], []
    monkeypatch.setattr(
        slicer.packaging, "pip_install", lambda arguments, **options: asked.append(arguments)
    )
    SlicerInstaller().pip(["monai"], constraints, print, codes.append)
    assert (asked, codes) == ([["monai"]], [0])

    def fail(arguments, **options):
        raise subprocess.CalledProcessError(3, "pip")

    monkeypatch.setattr(slicer.packaging, "pip_install", fail)
    SlicerInstaller().pip(["monai"], constraints, print, codes.append)
    assert codes == [0, 3]


def test_where_slicer_refuses_to_begin_the_reason_is_told(app, constraints, monkeypatch):
    def refuse(arguments, **options):
        raise RuntimeError("PythonSlicer was not found")

    lines, codes = [], []
    monkeypatch.setattr(slicer.packaging, "pip_install", refuse)
    SlicerInstaller().pip(["monai"], constraints, lines.append, codes.append)
    assert (lines, codes) == (["PythonSlicer was not found"], [1])


def test_an_older_slicer_installs_by_its_util(app, constraints, monkeypatch):
    monkeypatch.setitem(sys.modules, "slicer.packaging", None)
    monkeypatch.delattr(slicer, "packaging")
    asked, lines, codes = [], [], []

    def install(arguments):
        asked.append(arguments)
        print("Collecting monai\nDone")

    monkeypatch.setattr(slicer.util, "pip_install", install)
    SlicerInstaller().pip(["monai"], constraints, lines.append, codes.append)
    assert asked == [["monai", "--constraint", str(constraints)]]
    assert lines == ["Collecting monai", "Done"]
    assert codes == [0]
    assert not SlicerInstaller().busy()


@pytest.fixture
def pytorch(app, monkeypatch):
    """The extension PyTorch, whose installer does what `pytorch.does` does."""
    extension = types.ModuleType("PyTorchUtils")
    extension.asked, extension.does = [], lambda: object()

    class PyTorchUtilsLogic:
        def installTorch(self, **options):
            extension.asked.append(options)
            return extension.does()

    extension.PyTorchUtilsLogic = PyTorchUtilsLogic
    monkeypatch.setitem(sys.modules, "PyTorchUtils", extension)
    return extension


def test_torch_is_installed_by_the_extension_pytorch(pytorch, capsys):
    pytorch.does = lambda: print("Collecting torch") or object()
    lines = []
    assert SlicerInstaller().hasTorch()
    assert SlicerInstaller().torch(">=2.8,!=2.9.*", lines.append) == 0
    assert pytorch.asked == [{"askConfirmation": False, "torchVersionRequirement": ">=2.8,!=2.9.*"}]
    assert lines == ["Collecting torch"]
    assert "Collecting torch" in capsys.readouterr().out, "it is also in Slicer's console"


def test_a_failure_of_the_extension_is_told(pytorch):
    def pip_failed():
        print("ERROR: No space left on device")
        raise subprocess.CalledProcessError(1, "ltt")

    lines = []
    pytorch.does = pip_failed
    assert SlicerInstaller().torch(">=2.8", lines.append) == 1
    assert lines == ["ERROR: No space left on device"]

    def strange():
        raise ValueError("unknown driver")

    pytorch.does = strange
    assert SlicerInstaller().torch(">=2.8", lines.append) == 1
    assert lines[-1] == "ValueError: unknown driver"
    pytorch.does = lambda: None  # it gives None where it has not installed anything
    assert SlicerInstaller().torch(">=2.8", lines.append) == 1


def test_without_the_extension(app, monkeypatch):
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    assert not SlicerInstaller().hasTorch()


def test_it_looks_where_packages_go(app, monkeypatch, tmp_path):
    installer = SlicerInstaller()
    assert installer.room() > 0
    assert installer.writable()
    monkeypatch.setattr("MambaMIMLib.Installer._place", lambda: tmp_path / "none")
    assert not installer.writable()
