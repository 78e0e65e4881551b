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
    from model_files import hide_shipped_models, write_abdomen

    folder = tmp_path / "home" / "models"
    write_abdomen(folder)
    monkeypatch.setenv("MAMBAMIM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MAMBAMIM_MODELS", raising=False)
    hide_shipped_models(monkeypatch)
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
