"""`mambamim pretrain` from scans to a checkpoint: what it writes, refuses, and goes on from."""

import json
import os
import signal

import nibabel as nib
import numpy as np
import pytest
import torch
from tiny_networks import TINY

from mambamim.checkpoints import load_checkpoint
from mambamim.cli import main
from mambamim.jobs import read_events
from mambamim.jobs.protocol import EVENTS
from mambamim.models import build_model
from mambamim.pretraining import MambaMIM
from mambamim.pretraining.masked_crops import MaskedCrops
from mambamim.training.resume import load_state

NAMES = ("Doe_Jane_19700101", "Roe_Richard_4711")


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """The network that was asked for, with few channels."""

    def build(network, *arguments, scan, **options):
        backbone = build_model(network, scan=scan, **TINY["hymamba_small"])
        return MambaMIM(backbone, *arguments, width=32, **options)

    monkeypatch.setattr("mambamim.pretraining.pretrain_task.MambaMIM", build)
    monkeypatch.setattr("mambamim.pretraining.pretrain_task._VALIDATION_CROPS", 2)
    monkeypatch.delenv("MAMBAMIM_DEBUG", raising=False)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # what is this small gains nothing from a second one
    yield
    torch.set_num_threads(threads)


def save(path, seed):
    hu = np.full((40, 36, 34), -1000, np.int16)
    hu[3:37, 3:33] = np.random.default_rng(seed).integers(-150, 240, (34, 30, 34))
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(hu, np.diag([-3.0, 3.0, 3.0, 1.0])), path)
    return path


@pytest.fixture
def scans(tmp_path):
    for number, name in enumerate(NAMES):
        save(tmp_path / "scans" / f"{name}.nii.gz", number)
    return tmp_path / "scans"


@pytest.fixture
def kept_apart(tmp_path):
    return save(tmp_path / "others" / "Poe_Edgar.nii.gz", 9)


def pretrain(run, *arguments, steps=3, save_every=2) -> int:
    given = ["--out", run, "--network", "hymamba_small", "--image-size", 32, "--spacing", 3]
    given += ["--steps", steps, "--batch", 1, "--log-every", 1, "--save-every", save_every]
    given += ["--device", "cpu", "--workers", 0, *arguments]
    return main(["pretrain", *map(str, given)])


def events(run) -> list[dict]:
    """All events, each of the protocol."""
    found, _ = read_events(run)
    assert len(found) == len((run / "events.jsonl").read_text().splitlines())
    for event in found:
        assert set(event) == {"event", "id", "time", *EVENTS[event["event"]]}
    return found


def weights(run) -> dict[str, torch.Tensor]:
    return load_state(run).tensors


def same(one, other) -> bool:
    assert one.keys() == other.keys()
    return all(torch.equal(one[name], other[name]) for name in one)


def assert_nameless(run) -> None:
    words = ["Doe_Jane", "19700101", "Roe_Richard", "Poe_Edgar"]
    for file in run.rglob("*"):
        assert not any(word in file.name for word in words)
        if file.is_file() and file.name != "settings.yaml":
            content = file.read_bytes()
            assert not any(word.encode() in content for word in words), file


def test_from_scans_to_a_checkpoint(scans, kept_apart, tmp_path, capsys):
    run = tmp_path / "run"
    assert pretrain(run, "--data", scans, "--validation", kept_apart, "--name", "mine") == 0
    said = capsys.readouterr().out
    assert f"-> {run / 'mine.safetensors'}" in said
    assert "3 steps" in said
    there = {path.name for path in run.iterdir()}
    assert there == {"settings.yaml", "events.jsonl", "metrics.csv", "validation.csv", "state",
                     "prepared", "mine.safetensors", ".lock"}  # fmt: skip
    assert {path.name for path in (run / "state").iterdir()} == {
        "step-00000002.safetensors", "step-00000003.safetensors"}  # fmt: skip
    assert len((run / "metrics.csv").read_text().splitlines()) == 4
    assert isinstance(load_checkpoint(run / "mine.safetensors").model, MambaMIM)
    told = events(run)
    assert [told[0]["event"], told[-1]["event"]] == ["started", "result"]
    result = told[-1]["result"]
    assert (result["step"], result["finished"]) == (3, True)
    assert result["output"] == str(run / "mine.safetensors")
    assert result["scores"]["validation_loss"] > 0
    measured = {event["name"] for event in told if event["event"] == "metric"}
    assert measured == {"loss", "validation_loss"}
    assert_nameless(run)

    before = weights(run)
    assert main(["pretrain", "--config", str(run / "settings.yaml")]) == 0
    assert "3 steps" in (again := capsys.readouterr().out)
    assert "loss nan" not in again
    assert same(weights(run), before)
    assert [event["event"] for event in events(run)].count("result") == 2

    other = tmp_path / "other"
    config = ["--config", str(run / "settings.yaml"), "--out", str(other)]
    assert main(["pretrain", *config]) == 0
    assert same(weights(other), before)


def test_it_goes_on_and_is_refused_with_other_settings(scans, tmp_path, capsys):
    run, straight = tmp_path / "run", tmp_path / "straight"
    prepared = "--prepared", tmp_path / "prepared"
    assert pretrain(run, "--data", scans, *prepared, steps=2) == 0
    settings = (run / "settings.yaml").read_text()
    assert pretrain(run, "--data", scans, *prepared, "--seed", 1, steps=4) == 2
    assert "begun with" in (said := capsys.readouterr().err)
    assert "seed = 0, not 1" in said
    assert (run / "settings.yaml").read_text() == settings, "those of the run stay"
    assert pretrain(run, *prepared, steps=4) == 0  # the prepared scans are enough
    lines = (run / "metrics.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["step", "1", "2", "3", "4"]
    assert pretrain(straight, *prepared, steps=4) == 0
    assert weights(run).keys() == weights(straight).keys()
    assert load_state(run).step == 4


def test_ctrl_c_ends_with_3_and_goes_on(scans, tmp_path, monkeypatch, capsys):
    run, read = tmp_path / "run", MaskedCrops.__getitem__

    def pressed(crops, number):
        if number == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return read(crops, number)

    monkeypatch.setattr(MaskedCrops, "__getitem__", pressed)
    assert pretrain(run, "--data", scans, save_every=100) == 3
    said = capsys.readouterr().err
    assert "Stopped at step 2. The same command goes on from there." in said
    assert "Traceback" not in said
    last = events(run)[-1]
    assert (last["event"], last["kind"], last["detail"]) == ("error", "cancelled", "")
    assert load_state(run).step == 2
    monkeypatch.setattr(MaskedCrops, "__getitem__", read)
    assert pretrain(run, "--data", scans, save_every=100) == 0
    prepared = "--prepared", run / "prepared"
    assert pretrain(tmp_path / "straight", *prepared, save_every=100) == 0
    assert same(weights(run), weights(tmp_path / "straight"))


def test_ctrl_c_twice_ends_with_3_at_once(scans, tmp_path, monkeypatch, capsys):
    def pressed(crops, number):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(MaskedCrops, "__getitem__", pressed)
    assert pretrain(tmp_path / "run", "--data", scans) == 3
    assert "nothing was written" not in capsys.readouterr().err
    assert (tmp_path / "run" / "settings.yaml").is_file(), "to go on with, whatever happened"
    assert events(tmp_path / "run")[-1]["kind"] == "cancelled"


def test_a_damaged_scan_is_told_and_left_out(scans, tmp_path, capsys, caplog):
    (scans / f"{NAMES[1]}.nii.gz").write_bytes(b"junk")
    run = tmp_path / "run"
    assert pretrain(run, "--data", scans, steps=1) == 0
    assert f"{NAMES[1]}.nii.gz is left out" in caplog.text
    assert "1 of 2 train scans cannot be used" in capsys.readouterr().out
    warnings = [event for event in events(run) if event.get("level") == "warning"]
    assert [event["message"] for event in warnings] == ["1 of 2 train scans cannot be used."]
    assert_nameless(run)


def test_without_a_scan_that_can_be_used_it_ends_with_2(scans, tmp_path, capsys):
    for name in NAMES:
        (scans / f"{name}.nii.gz").write_bytes(b"junk")
    assert pretrain(tmp_path / "run", "--data", scans) == 2
    assert "None of the 2 scans can be used" in capsys.readouterr().err
    last = events(tmp_path / "run")[-1]
    assert (last["event"], last["kind"]) == ("error", "bad_input")
    assert not (tmp_path / "run" / "state").exists()


def test_what_is_learnt_from_is_not_validated_with(scans, tmp_path, capsys):
    shared = scans / f"{NAMES[0]}.nii.gz"
    assert pretrain(tmp_path / "run", "--data", scans, "--validation", shared) == 2
    assert "1 of the scans are both" in capsys.readouterr().err
    assert not (tmp_path / "run" / "state").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no scans to learn from"),
        (("--data", "absent.nii.gz"), "absent.nii.gz"),
        (("--prepared", "empty"), "no prepared scans"),
        (("--data", "x.nii", "--steps", "-5"), "steps"),
        (("--data", "x.nii", "--batch", "0"), "batch"),
        (("--data", "x.nii", "--image-size", "40"), "image_size"),
        (("--data", "x.nii", "--name", "../mine"), "name"),
        (("--data", "x.nii", "--network", "resnet"), "network"),
    ],
)
def test_what_cannot_be_ends_with_2(tmp_path, capsys, arguments, said):
    assert pretrain(tmp_path / "run", *arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert not list(tmp_path.rglob("*.safetensors"))


def test_events_are_json_lines(scans, tmp_path):
    assert pretrain(tmp_path / "run", "--data", scans, steps=1) == 0
    for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines():
        assert json.loads(line)["id"] == "pretrain"


def test_a_start_may_be_a_name_of_the_catalogue(scans, tmp_path, monkeypatch, capsys):
    assert pretrain(tmp_path / "first", "--data", scans, "--name", "mine") == 0
    assert pretrain(tmp_path / "second", "--data", scans, "--start-from", "mine") == 2
    assert "no model 'mine'" in capsys.readouterr().err
    monkeypatch.setenv("MAMBAMIM_MODELS", str(tmp_path / "first"))
    assert pretrain(tmp_path / "second", "--data", scans, "--start-from", "mine") == 0
