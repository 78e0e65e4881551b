import json
import os
import signal
import subprocess
import sys
import time
import types

import nibabel as nib
import numpy as np
import pytest
import torch
from tiny_networks import TINY

from mambamim.checkpoints import save_checkpoint
from mambamim.cli import VERBS, main
from mambamim.errors import BadInputError, Cancelled
from mambamim.models import build_model
from mambamim.pretraining import MambaMIM

LABELS = {1: "liver", 2: "spleen"}


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("MAMBAMIM_HOME", str(home))
    monkeypatch.delenv("MAMBAMIM_DEBUG", raising=False)
    return home


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "mine.safetensors"
    save_checkpoint(
        path,
        build_model("hymamba_small", num_classes=3),
        LABELS,
        licence="CC0-1.0",
        training={"data": [{"name": "phantoms", "licence": "Apache-2.0"}]},
    )
    return path


class FakeSegmenter:
    labels = LABELS
    made = 0
    fault: BaseException | None = None

    def __init__(self, checkpoint, device="auto", runtime="auto"):
        FakeSegmenter.made += 1

    def describe(self):
        return {"device": "cpu", "runtime": "fake"}

    def segment(self, volume, affine, progress=None, cancel=None, **options):
        if FakeSegmenter.fault is not None:
            raise FakeSegmenter.fault
        progress(1.0, "found")
        return (volume > 0).astype(np.uint8)


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr("mambamim.inference.Segmenter", FakeSegmenter, raising=False)
    monkeypatch.setattr(FakeSegmenter, "made", 0)
    monkeypatch.setattr(FakeSegmenter, "fault", None)
    return FakeSegmenter


@pytest.fixture
def scans(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a", "b"):
        ct = np.full((9, 8, 7), -100, np.int16)
        ct[2:5, 2:5, 2:5] = 60
        nib.save(nib.Nifti1Image(ct, np.eye(4)), folder / f"{name}.nii.gz")
    return folder


def segment(checkpoint, *arguments) -> int:
    return main(["segment", *map(str, arguments), "--model", str(checkpoint)])


def test_help_is_light_and_names_every_command():
    code = (
        "import sys; sys.modules['torch'] = None; from mambamim.cli import main; "
        "code = main(['--help']); assert 'jsonargparse' not in sys.modules; sys.exit(code)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(verb in run.stdout for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_helps_without_torch(verb):
    code = (
        "import sys; sys.modules['torch'] = None; from mambamim.cli import main; "
        f"sys.exit(main(['{verb}', '--help']))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"mambamim {verb}" in run.stdout


def test_segment_help_gives_units_and_defaults(capsys):
    assert main(["segment", "--help"]) == 0
    text = capsys.readouterr().out
    for part in ("mm", "HU", "mL", "abdomen-small", "default: auto", "R1 A1 S1 R2 A2 S2"):
        assert part in text


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["sing"],
        ["segment"],
        ["segment", "a.nii.gz"],
        ["segment", "a.nii.gz", "-o", "b.nii.gz", "--quality", "best"],
        ["segment", "a.nii.gz", "-o", "b.nii.gz", "--roi", "1", "2", "3"],
        ["segment", "a.nii.gz", "-o", "b.nii.gz", "--organs", " , "],
        ["reconstruct", "a.nii.gz"],
        ["reconstruct", "a.nii.gz", "-o", "out", "--ratio", "0"],
        ["reconstruct", "a.nii.gz", "-o", "out", "--ratio", "0.5", "1"],
        ["reconstruct", "a.nii.gz", "-o", "out", "--ratio", "much"],
        ["models", "no-such-model"],
        ["models", "--download"],
        ["convert", "absent.pth", "-o", "x.safetensors"],
    ],
)
def test_usage_errors_end_with_2(arguments, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.err or said.out
    assert "Traceback" not in said.err


def test_one_scan_to_one_file(fake, checkpoint, scans, tmp_path, capsys):
    out = tmp_path / "out.nii.gz"
    assert segment(checkpoint, scans / "a.nii.gz", "-o", out, "--statistics", "--picture") == 0
    assert np.asarray(nib.load(out).dataobj).sum() == 27
    assert (tmp_path / "out.csv").exists()
    assert (tmp_path / "out.png").exists()
    assert str(out) in capsys.readouterr().out


def test_a_batch_goes_on_past_a_bad_scan_and_skips_what_is_done(
    fake, checkpoint, scans, tmp_path, capsys
):
    (scans / "0_bad.nii.gz").write_text("hello")
    out = tmp_path / "out"
    assert segment(checkpoint, scans, "-o", out, "--statistics", tmp_path / "tables") == 2
    said = capsys.readouterr()
    assert "2 done, 0 skipped because they exist, 1 failed" in said.out
    assert "0_bad.nii.gz" in said.err
    assert fake.made == 1, "the network is loaded once for all scans"
    assert {path.name for path in out.glob("*.nii.gz")} == {"a.nii.gz", "b.nii.gz"}
    assert {path.name for path in (tmp_path / "tables").iterdir()} == {"a.csv", "b.csv"}
    (scans / "0_bad.nii.gz").unlink()
    (out / "a.nii.gz").unlink()
    assert segment(checkpoint, scans, "-o", out) == 0
    assert "1 done, 1 skipped" in capsys.readouterr().out


def test_a_batch_without_a_model_stops_at_once(fake, scans, tmp_path, capsys):
    assert segment("no-such-model", scans, "-o", tmp_path / "out") == 2
    assert capsys.readouterr().err.count("no-such-model") == 1


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (BadInputError("The scan is odd.", "Take another."), 2, "The scan is odd. Take another."),
        (Cancelled(), 3, "Cancelled"),
        (KeyboardInterrupt(), 3, "Cancelled"),
        (MemoryError(), 4, "memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), 4, "memory"),
        (RuntimeError("surprise\nin two lines"), 1, "unforeseen"),
    ],
)
def test_every_failure_is_one_plain_sentence_and_its_exit_code(
    fake, checkpoint, scans, tmp_path, capsys, fault, code, words
):
    fake.fault = fault
    out = tmp_path / "out.nii.gz"
    assert segment(checkpoint, scans / "a.nii.gz", "-o", out) == code
    said = capsys.readouterr().err.strip()
    assert words in said
    assert "Traceback" not in said
    assert len(said.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [scans]


def test_cancelling_ends_a_batch(fake, checkpoint, scans, tmp_path, capsys):
    fake.fault = KeyboardInterrupt()
    assert segment(checkpoint, scans, "-o", tmp_path / "out") == 3
    assert "0 of 2 scans" in capsys.readouterr().err


def test_debug_shows_where(fake, checkpoint, scans, tmp_path, capsys):
    fake.fault = BadInputError("The scan is odd.")
    assert segment(checkpoint, scans / "a.nii.gz", "-o", tmp_path / "o.nii", "--debug") == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
def test_a_process_that_is_told_to_stop_ends_with_3(tmp_path):
    code = (
        # A shell that runs the tests in the background has it ignored in all its children.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import sys, types, time\n"
        "command = types.ModuleType('mambamim.commands.doctor')\n"
        "def main(arguments):\n    print('ready', flush=True); time.sleep(60)\n"
        "command.main = main; sys.modules['mambamim.commands.doctor'] = command\n"
        "from mambamim.cli import entry; sys.argv = ['mambamim', 'doctor']; entry()\n"
    )
    for sign in (signal.SIGINT, signal.SIGTERM):
        run = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert run.stdout.readline() == "ready\n"
        started = time.monotonic()
        os.kill(run.pid, sign)
        _, error = run.communicate(timeout=30)
        assert run.returncode == 3
        assert "Traceback" not in error
        assert time.monotonic() - started < 5


def test_models_lists_and_shows(checkpoint, home, capsys):
    (home / "models").mkdir()
    installed = home / "models" / "mine.safetensors"
    installed.write_bytes(checkpoint.read_bytes())
    assert main(["models"]) == 0
    table = capsys.readouterr().out
    row = next(line for line in table.splitlines() if line.startswith("mine"))
    for part in ("CT", "2", "MB", "CC0-1.0", "phantoms (Apache-2.0)"):
        assert part in row
    assert main(["models", "mine", "--json"]) == 0
    header = json.loads(capsys.readouterr().out)
    assert header["path"] == str(installed)
    assert header["labels"] == {"1": "liver", "2": "spleen"}
    assert header["architecture"]["name"] == "hymamba_small"
    assert main(["models", "--json"]) == 0
    assert "mine" in [entry["name"] for entry in json.loads(capsys.readouterr().out)]
    assert main(["models", str(checkpoint)]) == 0
    assert "1.5 x 1.5 x 1.5 mm" in capsys.readouterr().out


def test_doctor_speaks_to_people_and_programs(capsys):
    assert main(["doctor"]) == 0
    assert "torch" in capsys.readouterr().out
    assert main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["devices"][0]["device"] == "cpu"


def test_demo_writes_everything_and_says_how_well_it_went(fake, tmp_path, monkeypatch, capsys):
    ct = np.full((9, 8, 7), -100, np.int16)
    ct[2:5, 2:5, 2:5] = 60  # what the fake segmenter will find
    truth = np.zeros(ct.shape, np.uint8)
    truth[2:5, 2:5, 2:6] = 1
    made = types.SimpleNamespace(ct=ct, labels=truth, affine=np.diag([1.5, 1.5, 1.5, 1.0]))
    monkeypatch.setattr("mambamim.data.phantom.make_phantom", lambda seed: made)
    monkeypatch.setattr("mambamim.commands.segment.resolve_model", lambda name: name)
    assert main(["demo", "--out", str(tmp_path / "demo")]) == 0
    said = capsys.readouterr().out
    assert "mean Dice over 1 organs: 0.857" in said
    assert "abdomen-small learnt from" in said
    for name in ("ct.nii.gz", "labels.nii.gz", "organs.nii.gz", "organs.csv", "organs.png"):
        assert (tmp_path / "demo" / name).stat().st_size
        assert str(tmp_path / "demo" / name) in said


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    torch.manual_seed(0)
    network = build_model("hymamba_small", **TINY["hymamba_small"])
    path = tmp_path_factory.mktemp("pretrained") / "tiny.safetensors"
    save_checkpoint(path, MambaMIM(network, 32, width=32), {}, spacing_mm=(3.0, 3.0, 3.0))
    return path


@pytest.fixture
def body(tmp_path):
    ct = np.full((40, 36, 34), -1000, np.int16)
    ct[3:37, 3:33] = np.random.default_rng(0).integers(-150, 240, (34, 30, 34))
    affine = np.diag([-3.0, 3.0, 3.0, 1.0])
    nib.save(nib.Nifti1Image(ct, affine), tmp_path / "body.nii.gz")
    return tmp_path / "body.nii.gz"


def reconstruct(model, *arguments) -> int:
    return main(["reconstruct", *map(str, arguments), "--model", str(model), "--device", "cpu"])


def test_a_scan_is_reconstructed_at_several_ratios(pretrained, body, tmp_path, capsys):
    out = tmp_path / "out"
    assert reconstruct(pretrained, body, "-o", out, "--ratio", "0.75", "0.5", "--seed", "2") == 0
    said = capsys.readouterr().out
    scores = json.loads((out / "scores.json").read_text())
    assert scores["seed"] == 2
    for row, percent in zip(scores["ratios"], (75, 50), strict=True):
        assert f"{percent} % masked: PSNR {row['psnr']:.2f} dB" in said
        for what in ("masked", "reconstruction", "error", "visible"):
            image = nib.load(out / f"{what}_{percent}.nii.gz")
            assert np.array_equal(image.affine, nib.load(body).affine)
            assert image.shape == (40, 36, 34)
        assert (out / f"reconstruction_{percent}.png").stat().st_size
        shown = np.asarray(nib.load(out / f"visible_{percent}.nii.gz").dataobj) == 1
        back = np.asarray(nib.load(out / f"reconstruction_{percent}.nii.gz").dataobj)
        given = np.clip(np.asarray(nib.load(body).dataobj), -175, 250)
        assert np.array_equal(back[shown], given[shown])
    assert (out / "ratios.png").stat().st_size
    assert f"12 files in {out}" in said
    assert reconstruct(pretrained, body, "-o", tmp_path / "plain", "--no-picture") == 0
    assert not list((tmp_path / "plain").glob("*.png"))


def test_what_cannot_be_reconstructed_ends_with_2(checkpoint, pretrained, body, tmp_path, capsys):
    flat = tmp_path / "flat.nii.gz"
    nib.save(nib.Nifti1Image(np.zeros((40, 40), np.int16), np.eye(4)), flat)
    for model, scan, words in (
        (checkpoint, body, "cannot reconstruct"),
        ("no-such-model", body, "no-such-model"),
        (pretrained, flat, "not a 3D volume"),
        (pretrained, tmp_path / "absent.nii.gz", "absent.nii.gz"),
    ):
        assert reconstruct(model, scan, "-o", tmp_path / "out") == 2
        said = capsys.readouterr().err
        assert words in said
        assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


def test_reconstruct_help_gives_units_and_defaults(capsys):
    assert main(["reconstruct", "--help"]) == 0
    text = "".join(capsys.readouterr().out.split())
    for part in ("HU", "default:ct-mim-small", "default:[0.75]", "between0and1"):
        assert part in text
