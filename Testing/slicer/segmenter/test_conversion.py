"""A .pth file becomes a model, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fake_process import FakeProcess
from recorder import Recorder
from segmenter_scene import wait

from mambamim.catalogue import list_models
from MambaMIMLib.ChildProcess import ProcessEnd
from MambaMIMLib.PythonChoice import PythonChoice, choosePython
from MambaMIMSegmenterLib.Conversion import Conversion, ConversionRequest, classesOf

# The stem of an encoder, by the authors' names.
_WRITE = """
import sys
import torch
from mambamim.models import build_model
state = build_model("hymamba").state_dict()
ours = "encoder.stem."
torch.save(
    {f"embeddings.stem.{k[len(ours):]}": v for k, v in state.items() if k.startswith(ours)},
    sys.argv[1],
)
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MAMBAMIM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def begin(**more):
    process = FakeProcess()
    request = ConversionRequest(Path("authors.pth"), **{"name": "authors", **more})
    made = Conversion(request, PythonChoice("python"), lambda: process)
    told = Recorder(made, "logged", "succeeded", "failed")
    made.begin()
    return made, process, told


def test_what_is_known_is_told_to_the_command(app, home):
    made, process, told = begin(licence="MIT", classes=("liver", "spleen"))
    arguments = process.arguments
    assert arguments[:4] == ["-m", "mambamim", "convert", "authors.pth"]
    options = dict(zip(arguments[4::2], arguments[5::2], strict=True))
    assert options["--output"] == str(home / "models" / "authors.safetensors")
    assert options["--licence"] == "MIT"
    labels = Path(options["--labels"])
    assert json.loads(labels.read_text(encoding="utf-8")) == {"1": "liver", "2": "spleen"}
    process.said(b"120 tensors used\n  encoder.weight\n")
    process.ended(ProcessEnd(0))
    assert told.of("succeeded") == [("authors",)]
    assert told.of("logged") == [("info", "120 tensors used")]
    assert not labels.exists()
    assert not made.active


def test_a_model_of_the_same_name_is_not_overwritten(app, home):
    (home / "models").mkdir(parents=True)
    (home / "models" / "authors.safetensors").write_bytes(b"mine")
    _made, process, told = begin()
    process.ended(ProcessEnd(0))
    assert told.of("succeeded") == [("authors-2",)]
    assert (home / "models" / "authors.safetensors").read_bytes() == b"mine"


def test_its_last_words_are_the_message(app):
    _made, process, told = begin()
    process.complained(b"a library's warning\nmambamim convert: The file is empty.\n")
    process.ended(ProcessEnd(2))
    failure = told.of("failed")[0][0]
    assert failure.kind == "bad_input"
    assert failure.message == "The file is empty."


def test_a_python_that_does_not_start(app):
    _made, process, told = begin()
    process.ended(ProcessEnd(-1, started=False))
    assert "could not be started" in told.of("failed")[0][0].message


def test_cancelled(app):
    made, process, told = begin()
    made.cancel()
    assert process.killed
    assert told.of("failed")[0][0].kind == "cancelled"
    made.cancel()
    assert len(told.of("failed")) == 1


def test_names_as_a_person_types_them():
    assert classesOf("Liver, right Kidney;Vena cava (inf.)\n\n") == (
        "liver", "right_kidney", "vena_cava_inf",
    )  # fmt: skip


def convert(path, seconds=200):
    made = Conversion(ConversionRequest(path, "theirs", "MIT"), choosePython())
    told = Recorder(made, "succeeded", "failed")
    made.begin()
    wait(lambda: not made.active, seconds)
    return told


@pytest.mark.slow
def test_weights_of_the_authors_for_real(app, home, tmp_path):
    path = tmp_path / "theirs.pth"
    subprocess.run([sys.executable, "-c", _WRITE, str(path)], check=True)
    assert convert(path).of("succeeded") == [("theirs",)]
    entry = next(model for model in list_models() if model.name == "theirs")
    assert entry.kind == "pretraining"
    assert entry.licence == "MIT"


@pytest.mark.slow
def test_a_file_of_something_else_for_real(app, home, tmp_path):
    path = tmp_path / "letter.pth"
    path.write_text("Dear reader", encoding="utf-8")
    failure = convert(path).of("failed")[0][0]
    assert failure.kind == "bad_input"
    assert failure.message.startswith("letter.pth")
    assert list((home / "models").iterdir()) == []
