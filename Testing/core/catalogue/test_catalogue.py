import hashlib
import json
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mambamim.catalogue import (
    ModelEntry,
    find_model,
    list_models,
    record_seconds,
    resolve_model,
    user_folder,
    user_models_folder,
)
from mambamim.catalogue.download import fetch
from mambamim.checkpoints import save_checkpoint
from mambamim.errors import BadInputError, CheckpointError
from mambamim.models import build_model


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MAMBAMIM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MAMBAMIM_MODELS", raising=False)
    user_models_folder().mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "mine.safetensors"
    model = build_model("hymamba_small", num_classes=3)
    labels = {1: "liver", 2: "spleen"}
    save_checkpoint(path, model, labels, title="My organs", licence="CC0-1.0")
    return path


def install(checkpoint: Path, name: str) -> Path:
    path = user_models_folder() / f"{name}.safetensors"
    path.write_bytes(checkpoint.read_bytes())
    return path


def test_the_built_in_model_is_listed_first():
    first = list_models()[0]
    assert (first.name, first.origin, first.modality) == ("abdomen-small", "built-in", "CT")


def test_a_users_model_is_found_by_name_and_by_path(checkpoint):
    path = install(checkpoint, "mine")
    entry = find_model("mine")
    assert entry in list_models()
    assert (entry.title, entry.licence, entry.origin) == ("My organs", "CC0-1.0", "user")
    assert entry.labels == {1: "liver", 2: "spleen"}
    assert entry.size_bytes == path.stat().st_size
    assert resolve_model("mine") == path
    assert resolve_model(str(checkpoint)) == checkpoint
    assert resolve_model(checkpoint) == checkpoint


def test_an_unknown_name_is_answered_with_near_ones(checkpoint):
    install(checkpoint, "liver-and-spleen")
    with pytest.raises(BadInputError, match="no model 'liver-spleen'") as caught:
        resolve_model("liver-spleen")
    assert "liver-and-spleen" in caught.value.hint


def test_a_path_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"absent\.safetensors"):
        resolve_model(tmp_path / "absent.safetensors")


def test_a_damaged_file_is_listed_and_not_used(checkpoint):
    path = install(checkpoint, "broken")
    path.write_bytes(path.read_bytes()[:5000])
    install(checkpoint, "sound")
    entries = {entry.name: entry for entry in list_models()}
    assert "truncated" in entries["broken"].problem
    assert not entries["broken"].usable
    assert entries["sound"].usable
    with pytest.raises(CheckpointError, match="truncated"):
        resolve_model("broken")


def test_a_folder_named_by_the_user_goes_first(checkpoint, tmp_path, monkeypatch):
    install(checkpoint, "mine")
    monkeypatch.setenv("MAMBAMIM_MODELS", str(checkpoint.parent))
    assert resolve_model("mine") == checkpoint


def test_measured_seconds_are_remembered_per_machine(checkpoint, home):
    install(checkpoint, "mine")
    record_seconds("mine", "cpu torch", 31.239)
    record_seconds("mine", "cuda torch", 2.0)
    record_seconds("mine", "cpu torch", 30.0)
    assert find_model("mine").measured_seconds == {"cpu torch": 30.0, "cuda torch": 2.0}
    (home / "timings.json").write_text("[")
    assert find_model("mine").measured_seconds == {}


def test_user_folder_follows_the_platform(monkeypatch):
    monkeypatch.delenv("MAMBAMIM_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    expected = {
        "linux": Path("/data/mambamim"),
        "win32": Path("/local/MambaMIM"),
        "darwin": Path.home() / "Library/Application Support/MambaMIM",
    }
    for platform, folder in expected.items():
        monkeypatch.setattr(sys, "platform", platform)
        assert user_folder() == folder


def test_a_download_is_put_in_place_only_if_its_hash_fits(checkpoint, tmp_path):
    handler = partial(SimpleHTTPRequestHandler, directory=str(checkpoint.parent))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/mine.safetensors"
        good = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
        into = tmp_path / "into"
        for bad in (
            ModelEntry("far", url=url, sha256="0" * 64),
            ModelEntry("far", url=url + "x", sha256=good),
            ModelEntry("far"),
        ):
            with pytest.raises(BadInputError, match="'far'"):
                fetch(bad, into)
            assert not into.exists() or not list(into.iterdir())
        path = fetch(ModelEntry("far", url=url, sha256=good), into)
        assert path == into / "far.safetensors"
        assert path.read_bytes() == checkpoint.read_bytes()
    finally:
        server.shutdown()


def test_the_catalogue_needs_no_torch(checkpoint):
    install(checkpoint, "mine")
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import json, mambamim.catalogue as c\n"
        "print(json.dumps([m.name for m in c.list_models() if m.usable]))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "mine" in json.loads(run.stdout)
