import sys
from pathlib import Path

import pytest

# Slicer puts a module's folder on the path when it loads the module.
_MODULE = Path(__file__).parents[3] / "MambaMIMSegmenter"
if str(_MODULE) not in sys.path:
    sys.path.insert(0, str(_MODULE))


@pytest.fixture
def worker():
    from fake_worker import FakeWorker

    return FakeWorker()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def start(scene, worker, folder, tmp_path):
    """Begins a run of a volume: the run, and what it tells."""
    from segment_runs import Heard
    from segmenter_scene import model

    from MambaMIMSegmenterLib.SegmentOptions import SegmentOptions
    from MambaMIMSegmenterLib.SegmentRun import SegmentRun

    def run(volume, **options):
        def make():
            folder.mkdir()
            return folder

        asked = SegmentOptions(model(tmp_path), **options)
        made = SegmentRun(worker, volume, asked, makeFolder=make)
        return made, Heard(made)

    return run


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Two models, and none of those that come with the extension."""
    from model_files import hide_shipped_models, write_abdomen, write_model

    folder = tmp_path / "models"
    write_abdomen(folder)
    write_model(
        folder / "hippocampus-test.safetensors",
        title="Hippocampus",
        labels={"1": "hippocampus_anterior"},
        modality="MR",
    )
    monkeypatch.setenv("MAMBAMIM_MODELS", str(folder))
    monkeypatch.setenv("MAMBAMIM_HOME", str(tmp_path / "home"))
    hide_shipped_models(monkeypatch)
    return folder


@pytest.fixture
def made(scene, models):
    """Makes a panel."""
    import slicer
    from segmenter_panel import make_panel

    slicer.app.settings().setValue("MambaMIM/Device", "auto")
    opened = []

    def make(ready=True):
        opened.append(make_panel(ready))
        return opened[-1][0]

    yield make
    for panel, _widget, parameters, tag in opened:
        parameters.disconnectGui(tag)
        panel.cleanup()
    slicer.app.settings().remove("MambaMIM/Device")
