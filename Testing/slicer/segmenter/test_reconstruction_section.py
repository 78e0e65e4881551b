"""The section Reconstruction: what it offers, says and shows."""

import itertools

import pytest
import qt
import slicer
from fake_worker import FakeWorker
from reconstruction_files import OPTIONS, result, write_pretrained, write_volumes
from segmenter_scene import addVolume, settle, wait

from MambaMIMSegmenterLib import ReconstructionWords as Words
from MambaMIMSegmenterLib.CompareView import VIEWS, compositeNode
from MambaMIMSegmenterLib.ReconstructionSection import ReconstructionSection


class Panel:
    """The section with a worker that a test plays, and a volume that it selects."""

    def __init__(self, folder):
        self.worker, self.volume, self.folder = FakeWorker(), None, folder
        self.section = ReconstructionSection(self.worker, lambda: self.volume)
        self.ui = slicer.util.childWidgetVariables(self.section.widget)

    def select(self, volume):
        self.volume = volume
        self.section.onVolumeChanged()

    def reconstruct(self, **more):
        self.ui.jobButton.click()
        wait(lambda: self.worker.jobs and self.worker.jobs[-1].active)
        percent = round(self.ui.ratioSlider.value)
        paths = write_volumes(self.folder / f"volumes{len(self.worker.jobs)}", percent)
        told = result(paths, percent / 100, **more)
        self.worker.say(self.worker.jobs[-1], "result", result=told)
        wait(lambda: not self.section.panel.busy)

    @property
    def shown(self):
        return not self.ui.resultFrame.isHidden()

    @property
    def message(self):
        return self.section.widget.findChild(qt.QWidget, "messageArea")


@pytest.fixture
def panel(scene, tmp_path, monkeypatch):
    monkeypatch.setenv("MAMBAMIM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMBAMIM_MODELS", str(tmp_path / "models"))
    write_pretrained(tmp_path / "models" / "aa-toki.safetensors")
    learnable = {**OPTIONS, "fill": "learnable"}
    write_pretrained(tmp_path / "models" / "bb-learnable.safetensors", pretraining=learnable)
    write_pretrained(tmp_path / "models" / "cc-encoder.safetensors", pretraining={})
    slicer.app.layoutManager().setLayout(3)
    made = Panel(tmp_path)
    made.section.models.select("aa-toki")
    yield made
    made.section.cleanup()
    settle()


def test_without_a_volume_it_says_what_to_do(panel):
    assert not panel.ui.jobButton.enabled
    assert "volume" in panel.ui.jobButton.toolTip
    assert not panel.shown
    panel.select(addVolume())
    assert panel.ui.jobButton.enabled


def test_the_token_kind_is_what_the_checkpoint_holds(panel):
    panel.select(addVolume())
    assert panel.ui.tokenLabel.text.startswith("TOKI")
    panel.section.models.select("bb-learnable")
    assert panel.ui.tokenLabel.text.startswith("Learnable token")
    assert panel.ui.jobButton.enabled
    panel.section.models.select("cc-encoder")
    assert "without its decoder" in panel.ui.tokenLabel.text
    assert not panel.ui.jobButton.enabled
    assert "decoder" in panel.ui.jobButton.toolTip


def test_only_pretrained_models_are_offered(panel):
    assert not panel.section.models.select("abdomen-small")


def test_the_button_names_the_ratio_and_the_ratio_has_limits(panel):
    panel.ui.ratioSlider.value = 40
    assert panel.ui.jobButton.text == "Mask 40 % and reconstruct"
    panel.ui.ratioSlider.value = 99
    assert panel.ui.jobButton.text == "Mask 90 % and reconstruct"
    panel.ui.ratioSlider.value = 0
    assert panel.ui.jobButton.text == "Mask 10 % and reconstruct"


def test_the_dice_always_gives_another_seed(panel):
    panel.select(addVolume())
    seeds = [panel.ui.seedSpinBox.value]
    for _ in range(20):
        panel.ui.diceButton.click()
        seeds.append(panel.ui.seedSpinBox.value)
    assert all(first != second for first, second in itertools.pairwise(seeds))
    panel.ui.jobButton.click()
    wait(lambda: panel.worker.jobs)
    assert panel.worker.asked[0][1]["seed"] == seeds[-1]


def test_a_result_is_scored_and_shown_side_by_side(panel):
    panel.select(addVolume("CT"))
    panel.reconstruct(psnr=20.0)
    assert panel.shown
    assert panel.ui.viewButton.checked
    text = panel.ui.psnrLabel.text
    assert "PSNR 20.0 dB" in text
    assert "off by 42 HU" in text  # a tenth of 425
    assert all(compositeNode(view).GetBackgroundVolumeID() for view in VIEWS)
    panel.ui.fadeSlider.value = 30
    assert compositeNode("reconstruction").GetForegroundOpacity() == pytest.approx(0.3)


def test_another_ratio_updates_the_same_nodes_in_the_same_view(panel):
    panel.select(addVolume("CT"))
    panel.reconstruct()
    nodes = set(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"))
    panel.ui.ratioSlider.value = 30
    panel.ui.fadeSlider.value = 60
    panel.reconstruct(psnr=26.0)
    assert set(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == nodes
    assert {node.GetName() for node in nodes} == {
        "CT", "CT masked 30 %", "CT reconstruction 30 %", "CT error 30 %", "CT mask 30 %"
    }  # fmt: skip
    assert "26.0 dB</b> at 30 %" in panel.ui.psnrLabel.text
    assert compositeNode("reconstruction").GetForegroundOpacity() == pytest.approx(0.6)


def test_the_layout_comes_back_by_the_button_and_on_leaving(panel):
    layouts = slicer.app.layoutManager()
    panel.select(addVolume("CT"))
    panel.reconstruct()
    assert layouts.layout != 3
    assert panel.ui.viewButton.text.startswith("Back")
    assert panel.ui.fadeSlider.enabled
    panel.ui.viewButton.click()
    assert layouts.layout == 3
    assert not panel.ui.fadeSlider.enabled
    panel.ui.viewButton.click()
    assert layouts.layout != 3
    panel.section.leave()
    assert layouts.layout == 3
    assert not panel.ui.viewButton.checked


def test_another_volume_has_its_own_result_or_none(panel):
    first, second = addVolume("CT"), addVolume("Other")
    panel.select(first)
    panel.reconstruct()
    panel.select(second)
    assert not panel.shown
    assert panel.section.panel._message.text == ""
    assert slicer.app.layoutManager().layout == 3
    panel.select(first)
    assert panel.shown
    assert "20.0 dB" in panel.ui.psnrLabel.text
    panel.ui.viewButton.click()
    assert compositeNode("input").GetBackgroundVolumeID() == first.GetID()


def test_a_result_of_a_volume_that_is_no_longer_selected_is_told(panel):
    first, second = addVolume("CT"), addVolume("Other")
    panel.select(first)
    panel.ui.jobButton.click()
    wait(lambda: panel.worker.jobs)
    panel.select(second)
    told = result(write_volumes(panel.folder / "volumes"))
    panel.worker.say(panel.worker.jobs[0], "result", result=told)
    wait(lambda: not panel.section.panel.busy)
    assert not panel.shown
    assert "Select that volume" in panel.section.panel._message.text
    panel.select(first)
    assert panel.shown


def test_deleted_volumes_are_told_and_can_be_made_again(panel, scene):
    panel.select(addVolume("CT"))
    panel.reconstruct()
    panel.section.leave()
    scene.RemoveNode(slicer.util.getNode("CT error 75 %"))
    panel.ui.viewButton.click()
    assert not panel.shown
    assert "deleted" in panel.section.panel._message.text
    assert slicer.app.layoutManager().layout == 3
    panel.reconstruct()
    assert panel.shown


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("worker_died", "The worker ended before the job was done."),
        ("out_of_memory", "There is not enough memory."),
        ("bad_input", "masked_75.npy cannot be written: No space left on device."),
    ],
)
def test_a_failure_is_said_and_leaves_everything_as_it_was(panel, kind, message):
    panel.select(addVolume("CT"))
    panel.reconstruct()
    before = slicer.mrmlScene.GetNumberOfNodes()
    panel.ui.jobButton.click()
    wait(lambda: len(panel.worker.jobs) == 2)
    panel.worker.say(panel.worker.jobs[1], "error", kind=kind, message=message, hint="Do this.")
    assert panel.section.panel._message.level == "error"
    assert message in panel.section.panel._message.text
    assert panel.ui.jobButton.enabled
    assert panel.shown
    assert slicer.mrmlScene.GetNumberOfNodes() == before


def test_cancelled_it_is_ready_for_the_next_run(panel):
    panel.select(addVolume("CT"))
    panel.ui.jobButton.click()
    wait(lambda: panel.worker.jobs)
    panel.ui.jobCancel.click()
    wait(lambda: not panel.section.panel.busy)
    assert not panel.shown
    panel.reconstruct()
    assert panel.shown


def test_the_scene_closed_in_mid_job_leaves_nothing(panel, scene):
    panel.select(addVolume("CT"))
    panel.reconstruct()
    panel.ui.jobButton.click()
    wait(lambda: len(panel.worker.jobs) == 2)
    panel.section.cleanup()
    scene.Clear(False)
    panel.select(None)
    assert not panel.shown
    assert not panel.section.panel.busy
    assert slicer.app.layoutManager().layout == 3


def test_a_run_goes_on_when_the_module_is_left(panel):
    panel.select(addVolume("CT"))
    panel.ui.jobButton.click()
    wait(lambda: panel.worker.jobs)
    panel.section.leave()
    assert panel.section.panel.busy
    assert panel.worker.jobs[0].active


def test_a_pth_file_is_sent_to_where_it_is_converted(panel):
    panel.section.models.addFile("weights.pth")
    assert "converted" in panel.section.panel._message.text


def test_scores_without_units_and_with_predicted_moments():
    facts = {"PSNR": 26.0, "Ratio": 0.5, "Window": [], "OwnMoments": False}
    text = Words.score(facts)
    assert "5 % of the range" in text
    assert "Brightness" not in text
    assert "Brightness" in Words.score({**facts, "OwnMoments": True})
