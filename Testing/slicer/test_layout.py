"""The extension as Slicer installs it: every module opens from there, and finds what it needs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from extension_files import ROOT
from lay_out_extension import lay_out

_HERE = Path(__file__).resolve().parent
_OPENS = _HERE / "support" / "open_laid_out.py"
_PACKAGES = ("mambamim", "MambaMIMLib", "MambaMIMSegmenterLib", "MambaMIMTrainerLib")


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return tmp_path_factory.mktemp("desk")


@pytest.fixture(scope="module")
def installed(desk):
    """The laid out extension, with a model that is nowhere else."""
    folder = lay_out(desk / "qt-scripted-modules")
    models = folder / "Resources" / "Models"
    shutil.copyfile(models / "abdomen-small.safetensors", models / "only-here.safetensors")
    return folder


@pytest.fixture(scope="module")
def found(desk, installed):
    """What a process that has nothing of the source tree found, with the stand-in beside it."""
    shutil.copytree(ROOT / "Testing" / "slicer_stand_in", desk / "stand_in" / "slicer_stand_in")
    shutil.copyfile(_OPENS, desk / _OPENS.name)
    environment = {
        **os.environ,
        "PYTHONPATH": str(desk / "stand_in"),
        "MAMBAMIM_HOME": str(desk / "home"),
    }
    command = [sys.executable, _OPENS.name, str(installed), "only-here", str(desk / "found.json")]
    done = subprocess.run(
        command, cwd=desk, env=environment, capture_output=True, encoding="utf-8", timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((desk / "found.json").read_text(encoding="utf-8"))


def test_nothing_comes_from_the_source_tree(found, installed):
    for name in _PACKAGES:
        assert Path(found["modules"][name]).is_relative_to(installed)
    virtual = Path(sys.prefix)
    others = {file for file in found["modules"].values() if Path(file).is_relative_to(ROOT)}
    assert {file for file in others if not Path(file).is_relative_to(virtual)} == set()


def test_the_modules_load_no_torch(found):
    assert {"torch", "monai", "nibabel"} & set(found["modules"]) == set()
    assert found["uncaught"] == []


def test_the_shipped_models_are_found(found, installed):
    shipped = {path.stem: str(path) for path in (installed / "Resources" / "Models").iterdir()}
    assert found["models"] == shipped
    assert {"abdomen-small", "only-here"} <= set(shipped)


def test_a_worker_finds_them_as_well(found, desk):
    assert found["failure"] == ""
    assert not np.load(desk / "labels.npy").any(), "organs in air"


def test_a_folder_with_something_in_it_is_left_alone(installed):
    before = sorted(installed.iterdir())
    with pytest.raises(FileExistsError, match="not empty"):
        lay_out(installed)
    assert sorted(installed.iterdir()) == before
