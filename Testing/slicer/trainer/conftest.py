import sys
from pathlib import Path

import pytest

# Slicer puts a module's folder on the path when it loads the module.
_MODULE = Path(__file__).parents[3] / "MambaMIMTrainer"
if str(_MODULE) not in sys.path:
    sys.path.insert(0, str(_MODULE))


@pytest.fixture
def models(tmp_path, monkeypatch):
    """One model, and none of those that come with the extension."""
    from model_files import write_model

    folder = tmp_path / "home" / "models"
    write_model(
        folder / "abdomen-test.safetensors",
        title="Abdomen",
        labels={"1": "liver", "2": "spleen", "3": "pancreas"},
        modality="CT",
        architecture={"name": "hymamba_small", "num_classes": 4, "in_channels": 1},
    )
    monkeypatch.setenv("MAMBAMIM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MAMBAMIM_MODELS", raising=False)
    monkeypatch.setattr("mambamim.catalogue.catalogue.shipped_model_folders", list)
    monkeypatch.setattr("mambamim.catalogue.folders.shipped_model_folders", list)
    monkeypatch.setattr("mambamim.catalogue.catalogue._built_in_entries", list)
    return folder


@pytest.fixture
def runs():
    from fake_runs import FakeRuns

    return FakeRuns()


@pytest.fixture
def made(scene, models, runs, dialogs):
    """Makes a panel; the settings know no training set before and after."""
    import slicer
    from trainer_panel import make_panel

    slicer.app.settings().remove("MambaMIM/TrainingProjects")
    opened = []

    def make(ready=True):
        opened.append(make_panel(runs, ready))
        return opened[-1][0]

    yield make
    for panel, _widget, parameters, tag in opened:
        parameters.disconnectGui(tag)
        panel.cleanup()
    slicer.app.settings().remove("MambaMIM/TrainingProjects")


@pytest.fixture
def panel(made):
    return made()


@pytest.fixture
def opened(panel, tmp_path):
    """The panel with a training set of two cases."""
    from trainer_panel import make_project

    make_project(tmp_path / "abdomen")
    assert panel.trainingSet.chooser.openFolder(tmp_path / "abdomen")
    return panel
