import os

import pytest
import slicer

from mambamim.errors import MissingDependencyError
from MambaMIMLib import PythonChoice


@pytest.fixture(autouse=True)
def settings(app):
    yield
    PythonChoice.setChosenProgram("")


def test_slicers_own_python_is_the_default(app):
    choice = PythonChoice.choosePython()
    assert choice.own
    assert os.path.basename(choice.program) == "PythonSlicer"  # noqa: PTH119
    assert "Slicer" in choice.describe()


def test_slicers_python_keeps_slicers_environment_and_finds_mambamim(app, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/slicer/modules")
    monkeypatch.setenv("PYTHONHOME", "/slicer/python")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    environment = PythonChoice.slicerPython().environment
    folder = str(PythonChoice.coreFolder())
    assert environment["PYTHONPATH"] == os.pathsep.join([folder, "/slicer/modules"])
    assert environment["PYTHONHOME"] == "/slicer/python"
    assert environment["HTTPS_PROXY"] == "http://proxy:3128"
    assert environment["PYTHONIOENCODING"] == "utf-8"


def test_another_python_gets_nothing_of_slicers(app, monkeypatch):
    before = {
        "PATH": "/usr/bin", "PYTHONHOME": "/slicer", "PYTHONPATH": "/slicer/lib",
        "PYTHONNOUSERSITE": "1", "http_proxy": "http://proxy:3128",
    }  # fmt: skip
    monkeypatch.setattr(slicer.util, "startupEnvironment", lambda: dict(before))
    monkeypatch.setenv("LD_LIBRARY_PATH", "/slicer/lib")
    choice = PythonChoice.otherPython("/opt/conda/bin/python")
    assert not choice.own
    assert choice.describe() == "/opt/conda/bin/python"
    assert dict(choice.environment) == {
        "PATH": "/usr/bin",
        "http_proxy": "http://proxy:3128",
        "PYTHONPATH": str(PythonChoice.coreFolder()),
        "PYTHONIOENCODING": "utf-8",
        "PYTHONSAFEPATH": "1",
    }


def test_packages_installed_for_slicer_are_not_shown_to_another_python(app, monkeypatch, tmp_path):
    installed = tmp_path / "lib" / "site-packages"
    monkeypatch.setattr(PythonChoice, "coreFolder", lambda: installed)
    assert "PYTHONPATH" not in PythonChoice.otherPython("/opt/python").environment


def test_the_choice_is_kept_in_the_settings(app):
    PythonChoice.setChosenProgram("/opt/python")
    assert slicer.app.settings().value("MambaMIM/Python") == "/opt/python"
    assert PythonChoice.choosePython().program == "/opt/python"
    assert not PythonChoice.choosePython().own


def test_without_pythonslicer_it_says_what_to_do(app, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingDependencyError, match=r"PythonSlicer.*choose another Python"):
        PythonChoice.choosePython()


def test_the_environment_is_not_told_by_its_text(app):
    assert "PATH" not in repr(PythonChoice.slicerPython())
