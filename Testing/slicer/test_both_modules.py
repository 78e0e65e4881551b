"""The two modules beside each other: what the one finds, the other learns from."""

import pytest
import slicer
from extension_files import ROOT
from slicer_stand_in import close_module, open_module, show_application
from trainer_panel import add_open_case, make_project


@pytest.fixture
def both(scene, dialogs, tmp_path, monkeypatch):
    """The open modules: (Segmenter, Trainer), with a home of their own."""
    monkeypatch.setenv("MAMBAMIM_HOME", str(tmp_path / "home"))
    slicer.app.settings().remove("MambaMIM/TrainingProjects")
    opened = [
        open_module(ROOT / name / f"{name}.py").self()
        for name in ("MambaMIMTrainer", "MambaMIMSegmenter")
    ]
    window = show_application("MambaMIMTrainer")
    yield opened[1], opened[0]
    for name in ("MambaMIMSegmenter", "MambaMIMTrainer"):
        close_module(name)
    window.deleteLater()
    slicer.app.settings().remove("MambaMIM/TrainingProjects")


def test_use_for_training_selects_scan_and_segmentation_in_the_trainer(both, tmp_path):
    segmenter, trainer = both
    make_project(tmp_path / "abdomen")
    assert trainer.panel.trainingSet.chooser.openFolder(tmp_path / "abdomen")
    volume, segmentation = add_open_case(seed=7)
    add_open_case(seed=8)
    segmenter.panel.result.showNode(segmentation, volume, False)
    slicer.util.selectModule("MambaMIMSegmenter")
    slicer.util.findChild(segmenter.panel.result.widget, "trainButton").click()
    assert slicer.util.selectedModule() == "MambaMIMTrainer"
    assert trainer.ui.caseVolumeSelector.currentNodeID == volume.GetID()
    assert trainer.ui.caseSegmentationSelector.currentNodeID == segmentation.GetID()
    assert trainer.panel.trainingSet.form.classMap.mapping == {"liver": "liver", "spleen": "spleen"}
    assert slicer.util.findChild(trainer.ui.addJobPlace, "jobButton").enabled
