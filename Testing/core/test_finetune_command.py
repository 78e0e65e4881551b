"""`mambamim finetune` from labelled cases to a checkpoint: what it takes, refuses, goes on from."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from blobs import MM, blob_scan
from tiny_networks import TINY

from mambamim.checkpoint_header import read_header
from mambamim.checkpoints import save_checkpoint
from mambamim.cli import main
from mambamim.commands.finetune import make_parser, preset_of
from mambamim.finetuning.augmentation import AugmentedCrops
from mambamim.finetuning.finetune_settings import PRESETS
from mambamim.jobs import read_events
from mambamim.models import build_model
from mambamim.training.resume import load_state

CLASSES = ("--classes", "dim", "bright")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.delenv("MAMBAMIM_DEBUG", raising=False)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # what is this small gains nothing from a second one
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def tiny(monkeypatch):
    """The network that was asked for, with few channels."""

    def build(name, num_classes):
        return build_model(name, num_classes=num_classes, **TINY[name])

    monkeypatch.setattr("mambamim.finetuning.network.build_model", build)


@pytest.fixture
def cases(tmp_path):
    for number in range(3):
        blob_scan(tmp_path / "set", number)
    return tmp_path / "set"


def words(run, *arguments, steps=2, save_every=2, spacing=True) -> list[str]:
    given = ["--out", run, "--network", "hymamba_small", "--image-size", 16, 16, 16]
    given += ["--spacing", *MM] if spacing else []
    given += ["--steps", steps, "--batch", 1, "--log-every", 1, "--save-every", save_every]
    given += ["--device", "cpu", "--workers", 0, *arguments]
    return ["finetune", *map(str, given)]


def finetune(run, *arguments, **how) -> int:
    return main(words(run, *arguments, **how))


def weights(run) -> dict[str, torch.Tensor]:
    return load_state(run).tensors


def same(one, other) -> bool:
    assert one.keys() == other.keys()
    return all(torch.equal(one[name], other[name]) for name in one)


def decathlon(folder, labels):
    pairs = [
        {"image": f"images/{path.name}", "label": f"labels/{path.name}"}
        for path in sorted((folder / "images").iterdir())
    ]
    content = {"labels": labels, "modality": {"0": "CT"}, "training": pairs}
    (folder / "dataset.json").write_text(json.dumps(content))


def asked(*arguments):
    given = ["--data", "x", "--out", "run", *arguments]
    return make_parser(preset_of(given)).parse_args(given)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("form", ["{} {}", "{}={}"])
def test_a_preset_sets_the_defaults(preset, form):
    found = asked(*form.format("--preset", preset).split())
    for name in PRESETS[preset].keys() - {"spacing"}:
        assert found[name] == PRESETS[preset][name], name
    assert found.preset == preset


def test_what_is_given_wins_over_a_preset():
    found = asked("--steps", "7", "--preset", "quick", "--augmentation", "none")
    assert (found.steps, found.augmentation) == (7, "none")
    assert found.validate_every == PRESETS["quick"]["validate_every"]
    assert asked().steps == PRESETS["paper"]["steps"]
    twice = asked("--preset", "quick", "--preset=standard")
    assert (twice.preset, twice.steps) == ("standard", PRESETS["standard"]["steps"])


def test_from_cases_to_a_checkpoint_and_again_from_its_settings(tiny, cases, tmp_path, capsys):
    run, other = tmp_path / "run", tmp_path / "other"
    assert finetune(run, "--data", cases, *CLASSES, "--preset=quick", "--validate-every", 1) == 0
    assert f"-> {run / 'finetuned.safetensors'}" in capsys.readouterr().out
    there = {path.name for path in run.iterdir()} - {"settings.yaml", "events.jsonl", ".lock"}
    assert there == {"metrics.csv", "validation.csv", "state", "prepared",
                     "finetuned.safetensors", "finetuned-last.safetensors"}  # fmt: skip
    told, _ = read_events(run)
    assert [told[0]["event"], told[-1]["event"]] == ["started", "result"]
    assert {"loss", "dice", "dice.dim", "dice.bright"} >= {
        event["name"] for event in told if event["event"] == "metric"
    } >= {"loss", "dice"}  # fmt: skip
    for file in run.rglob("*"):
        if file.is_file() and file.name != "settings.yaml":
            assert b"case_" not in file.read_bytes(), file
    before = weights(run)
    assert main(["finetune", "--config", str(run / "settings.yaml")]) == 0
    assert main(["finetune", "--config", str(run / "settings.yaml"), "--out", str(other)]) == 0
    assert same(weights(other), before)
    assert finetune(run, "--data", cases, *CLASSES, "--preset", "quick", "--seed", 1) == 2
    assert "begun with" in capsys.readouterr().err


@pytest.mark.parametrize("how", ["decathlon folder", "decathlon file", "labels"])
def test_what_labels_are_may_be_in_a_file(tiny, cases, tmp_path, how):
    labels, more = {"0": "background", "1": "dim", "2": "bright"}, ()
    if how == "labels":
        path = tmp_path / "mine.json"
        path.write_text(json.dumps({"labels": labels, "classes": ["bright"]}))
        more = "--labels", path
    else:
        decathlon(cases, labels)
    data = cases / "dataset.json" if how == "decathlon file" else cases
    assert finetune(tmp_path / "run", "--data", data, *more, steps=1) == 0
    found = read_header(tmp_path / "run" / "finetuned.safetensors").labels
    assert found == ({1: "bright"} if how == "labels" else {1: "dim", 2: "bright"})


def test_lists_that_disagree_are_refused(tiny, cases, tmp_path, capsys):
    decathlon(cases, {"1": "dim", "2": "bright"})
    blob_scan(tmp_path / "more", 7)
    decathlon(tmp_path / "more", {"1": "bright", "2": "dim"})
    assert finetune(tmp_path / "run", "--data", cases, tmp_path / "more") == 2
    assert "say different things" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no cases to learn from"),
        (("--data", "SET"), "Nothing says what the label values are"),
        (("--data", "absent", *CLASSES), "absent"),
        (("--data", "SET", "--labels", "absent.json"), "absent.json cannot be read"),
        (("--data", "SET", "--classes", "dim"), "holds the value 2, of which nothing is said"),
        (("--data", "SET", *CLASSES, "more"), "No case to learn from shows more"),
        (("--data", "SET", "--classes", "background", "unknown"), "no class besides"),
        (("--data", "SET", *CLASSES, "--validation", "SET"), "are both to be learnt from"),
        (("--data", "SET", *CLASSES, "--validation-share", "1.5"), "cannot be kept apart"),
        (("--data", "SET", *CLASSES, "--image-size", "64", "64", "64"), "twice as large"),
        (("--data", "SET", *CLASSES, "--image-size", "20", "20", "20"), "image_size"),
        (("--data", "SET", *CLASSES, "--start-from", "absent"), "no model 'absent'"),
        (("--data", "SET", *CLASSES, "--network", "resnet"), "network"),
        (("--data", "SET", *CLASSES, "--name", "my model"), "name"),
    ],
)
def test_what_cannot_be_ends_with_2(tiny, cases, tmp_path, capsys, arguments, said):
    given = [str(cases) if word == "SET" else word for word in arguments]
    assert finetune(tmp_path / "run", *given) == 2
    error = capsys.readouterr().err
    assert said in error
    assert not [word for word in ("Traceback", "unforeseen") if word in error]
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_segmentation_to_start_from_gives_its_spacing(cases, tmp_path):
    start = tmp_path / "start.safetensors"
    network = build_model("hymamba_small", num_classes=2, **TINY["hymamba_small"])
    save_checkpoint(start, network, {1: "bright"}, name="start", spacing_mm=(4.0, 3.0, 3.5))
    given = ["--data", cases, *CLASSES, "--start-from", start, "--validation-share", 0]
    run, own = tmp_path / "run", tmp_path / "own"

    assert finetune(run, *given, steps=1, spacing=False) == 0
    assert finetune(own, *given, steps=1) == 0
    header = read_header(run / "finetuned.safetensors")
    assert header.spacing_mm == (4.0, 3.0, 3.5)
    assert header.training["started_from"] == "start"
    assert read_header(own / "finetuned.safetensors").spacing_mm == MM, "unless it is told"
    assert "4.0" in (run / "settings.yaml").read_text(encoding="utf-8")


def test_a_stop_file_ends_with_3_and_it_goes_on(tiny, cases, tmp_path, monkeypatch, capsys):
    run, read = tmp_path / "run", AugmentedCrops.__getitem__
    given = ["--data", cases, *CLASSES, "--augmentation", "strong", "--average", 0.9]

    def stopping(crops, number):
        if number == 1:
            (run / "STOP").touch()
        return read(crops, number)

    monkeypatch.setattr(AugmentedCrops, "__getitem__", stopping)
    assert finetune(run, *given, steps=4) == 3
    assert "Stopped at step 2. The same command goes on from there." in capsys.readouterr().err
    monkeypatch.setattr(AugmentedCrops, "__getitem__", read)
    assert finetune(run, *given, steps=4) == 0
    assert finetune(tmp_path / "straight", *given, steps=4) == 0
    assert same(weights(run), weights(tmp_path / "straight"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
def test_killed_and_gone_on(cases, tmp_path):
    given = ["--data", cases, *CLASSES, "--preset", "quick", "--validation-share", 0]
    run = tmp_path / "run"
    command = [sys.executable, "-m", "mambamim", *words(run, *given, steps=20)]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"},
                               stdout=subprocess.DEVNULL)  # fmt: skip
    try:
        end = time.monotonic() + 60
        while not list(run.glob("state/step-*.safetensors")):
            assert time.monotonic() < end
            time.sleep(0.02)
    finally:
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert 2 <= load_state(run).step < 20
    for folder in (run, tmp_path / "straight"):
        assert finetune(folder, *given, steps=20, save_every=20) == 0
    assert same(weights(run), weights(tmp_path / "straight"))


@pytest.mark.slow
def test_two_processes_share_a_run(cases, tmp_path):
    run = tmp_path / "run"
    given = ["--data", cases, *CLASSES, "--batch", 2, "--validate-every", 1]
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *("-m", "mambamim", *words(run, *given)),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    assert load_state(run).step == 2
    assert read_header(run / "finetuned-last.safetensors").training["steps"] == 2
    assert [event["event"] for event in read_events(run)[0]].count("result") == 1
