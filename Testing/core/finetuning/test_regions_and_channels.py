"""Overlapping regions in several channels: from cases to a label map and its scores."""

import csv
import json

import numpy as np
import pytest
import torch
from scan_files import save
from tiny_networks import TINY
from tumours import CHANNELS, CONTENT, MM, SHAPE, tumour, tumours

from mambamim.checkpoint_header import read_header
from mambamim.checkpoints import load_checkpoint, save_checkpoint
from mambamim.cli import main
from mambamim.data.class_sets import UNKNOWN
from mambamim.data.regions import Regions
from mambamim.data.volume import read_volume
from mambamim.errors import BadInputError
from mambamim.finetuning.finetune import FinetuneData, begin_finetuning
from mambamim.finetuning.finetune_settings import FinetuneSettings
from mambamim.finetuning.label_scheme import read_scheme
from mambamim.metrics import dice_per_label
from mambamim.models import build_model
from mambamim.pretraining import MambaMIM
from mambamim.training.settings import LoopSettings
from mambamim.training.task import Silence
from mambamim.training.team import Team

QUICK = {"channels": [8, 8, 8, 8, 12], "depths": [1, 1, 1, 1], "layers": 1}
NAMES = ("whole", "core", "enhancing")


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("MAMBAMIM_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def tiny(monkeypatch):
    def build(name, num_classes, **more):
        return build_model(name, num_classes=num_classes, **{**TINY[name], **more})

    monkeypatch.setattr("mambamim.finetuning.network.build_model", build)


def begin(folder, run, voice=None, **settings):
    scheme = read_scheme(folder / "dataset.json")
    data = FinetuneData((folder,), (), 0.34, "auto", folder.parent / "prepared", scheme)
    chosen = {"network": "hymamba_small", "image_size": (16, 16, 16), "spacing_mm": MM,
              "augmentation": "none", **settings}  # fmt: skip
    made = FinetuneSettings(scheme.classes, **chosen)
    loop = LoopSettings(steps=1, batch=1, workers=0)
    team = Team(0, 1, torch.device("cpu"))
    return begin_finetuning(run, data, made, loop, team, voice or Silence())


def finetune(folder, run, *more, steps=1):
    words = ["--data", folder, "--out", run, "--network", "hymamba_small", "--spacing", *MM]
    words += ["--image-size", 16, 16, 16, "--steps", steps, "--batch", 2, "--workers", 0]
    words += ["--device", "cpu", "--preset", "quick", "--validate-every", max(steps // 4, 1)]
    return main(["finetune", *map(str, [*words, *more])])


def one_channel(path):
    torch.manual_seed(3)
    network = build_model("hymamba_small", num_classes=2, **TINY["hymamba_small"])
    save_checkpoint(path, MambaMIM(network, image_size=32, width=32), {}, name="mim")
    return path


@pytest.mark.parametrize("how", ["4D", "list", "nnunet"])
def test_every_way_to_name_channels_gives_the_same_crops(tiny, tmp_path, how):
    task = begin(tumours(tmp_path / how, how), tmp_path / "run").task
    assert task.module.network.architecture["in_channels"] == 3
    assert task.module.network.architecture["num_classes"] == 3, "no background among regions"
    assert task.settings.channels == CHANNELS
    crop = task.dataset[0]
    assert crop["image"].shape == (3, 16, 16, 16)
    assert set(crop["label"].unique().tolist()) <= {0, 1, 2, 3}
    inside = crop["label"][0] == 3
    assert crop["image"][0][inside].mean() > crop["image"][0][~inside].mean() + 0.2
    assert task._validation[0].image((slice(None),) * 3).shape == (3, *SHAPE)


@pytest.mark.slow
def test_regions_are_learnt_painted_and_scored(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(TINY, "hymamba_small", QUICK)
    monkeypatch.setattr(
        "mambamim.finetuning.network.build_model",
        lambda name, num_classes, **more: build_model(
            name, num_classes=num_classes, **{**TINY[name], **more}
        ),
    )
    folder, run = tumours(tmp_path / "set", "4D", 4), tmp_path / "run"
    how = ("--learning-rate", 2e-2, "--augmentation", "none", "--validation-share", 0.25)
    assert finetune(folder, run, *how, steps=160) == 0
    header = read_header(run / "finetuned.safetensors")
    assert tuple(region.name for region in header.regions) == NAMES
    assert header.channels == CHANNELS
    assert header.labels == {1: "whole (rest)", 2: "core (rest)", 3: "enhancing"}
    scores = header.training["scores"]
    assert scores.keys() == {"dice", *(f"dice.{name}" for name in NAMES)}
    assert min(scores.values()) > 0.8

    capsys.readouterr()
    model = str(run / "finetuned.safetensors")
    assert main(["models", model, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["regions"][1] == {"name": "core", "values": [2, 3], "painted": 2}
    assert told["channels"] == list(CHANNELS)

    channels, label = tumour(9)
    files = [save(tmp_path / "new" / f"n_{c:04}.nii.gz", one, MM)
             for c, one in enumerate(channels)]  # fmt: skip
    joint = save(tmp_path / "n.nii.gz", np.moveaxis(channels, 0, -1), MM)
    plain = ["--model", model, "--device", "cpu", "--runtime", "torch"]
    ways = {"files": [*map(str, files), "--channels"], "joint": [str(joint)],
            "folder": [str(tmp_path / "new"), "--channels"]}  # fmt: skip
    maps = {}
    for way, words in ways.items():
        out = tmp_path / way if way == "folder" else tmp_path / f"{way}.nii.gz"
        assert main(["segment", *words, "-o", str(out), *plain]) == 0
        maps[way] = read_volume(out / "n.nii.gz" if way == "folder" else out).array
    assert np.array_equal(maps["files"], maps["joint"])
    assert np.array_equal(maps["files"], maps["folder"])
    regions = Regions(header.regions)
    for one, other in zip(regions.masks(maps["joint"]), regions.masks(label), strict=True):
        assert dice_per_label(one.astype(np.uint8), other.astype(np.uint8))[1] > 0.75

    out = tmp_path / "scores"
    given = ["--model", model, "--data", str(folder), "--out", str(out), "--device", "cpu"]
    assert main(["evaluate", *given, "--no-pictures"]) == 0
    rows = list(csv.DictReader((out / "scores.csv").open(encoding="utf-8")))
    assert {row["name"] for row in rows} == set(NAMES)
    assert len(rows) == 12
    assert min(float(row["dice"]) for row in rows) > 0.7


def test_a_wrong_number_of_channels_is_a_plain_error(tiny, tmp_path, capsys):
    folder, run = tumours(tmp_path / "set", "list"), tmp_path / "run"
    assert finetune(folder, run) == 0
    plain = ["--model", str(run / "finetuned.safetensors"), "--device", "cpu"]
    two = [str(path) for path in sorted((folder / "imagesTr").iterdir())[:2]]
    for words, count in ((two, 2), (two[:1], 1)):
        out = str(tmp_path / "x.nii.gz")
        assert main(["segment", *words, "--channels", "-o", out, *plain]) == 2
        said = capsys.readouterr().err
        assert "b0_0000.nii.gz: finetuned takes 3 channels (T1w, T2w, FLAIR)" in said
        assert f"the scan has {count}" in said
        assert "Traceback" not in said


def test_one_channel_is_widened_evenly(tmp_path):
    start = one_channel(tmp_path / "mim.safetensors")
    folder = tumours(tmp_path / "set", "nnunet")
    network = begin(folder, tmp_path / "run", start_from=str(start)).task.module.network
    ours = network.state_dict()["encoder.stem.weight"]
    source = load_checkpoint(start).model.encoder.state_dict()["encoder.stem.weight"]
    assert ours.shape[1] == 3
    torch.testing.assert_close(ours, source.repeat(1, 3, 1, 1, 1) / 3)


def test_going_on_from_regions(tiny, tmp_path):
    folder, run = tumours(tmp_path / "set", "list"), tmp_path / "run"
    assert finetune(folder, run) == 0
    start = run / "finetuned.safetensors"
    theirs = load_checkpoint(start).model.state_dict()
    told = []

    class Hears(Silence):
        def log(self, level, message):
            told.append((level, message))

    same = begin(folder, tmp_path / "a", Hears(), start_from=str(start)).task.module.network
    assert all(torch.equal(tensor, theirs[key]) for key, tensor in same.state_dict().items())
    assert not [level for level, _ in told if level == "warning"]
    content = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    content["modality"] = dict(enumerate(reversed(CHANNELS)))
    (folder / "dataset.json").write_text(json.dumps(content), encoding="utf-8")
    begin(folder, tmp_path / "b", Hears(), start_from=str(start))
    assert [text for level, text in told if level == "warning" and "FLAIR, T2w, T1w" in text]
    content["labels"] = {"core": [2, 3], "enhancing": 3, "background": [0, 1]}
    content["regions_class_order"] = [2, 3]
    (folder / "dataset.json").write_text(json.dumps(content), encoding="utf-8")
    fewer = begin(folder, tmp_path / "c", start_from=str(start)).task.module.network.state_dict()
    assert torch.equal(fewer["decoder.head.weight"], theirs["decoder.head.weight"][1:])
    content["labels"] = {"whole": 1, "core": 2, "enhancing": 3}
    del content["regions_class_order"]
    (folder / "dataset.json").write_text(json.dumps(content), encoding="utf-8")
    classes = begin(folder, tmp_path / "d", start_from=str(start)).task.module.network.state_dict()
    assert classes["decoder.head.weight"].shape[0] == 4
    assert not torch.equal(classes["decoder.head.weight"][1], theirs["decoder.head.weight"][0])


def test_what_does_not_fit_is_refused(tiny, tmp_path):
    folder = tumours(tmp_path / "set", "list")
    content = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    content["training"][0]["image"] = content["training"][0]["image"][0]
    content["modality"] = {"0": "MRI"}
    (folder / "dataset.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(BadInputError, match="1 channels and others 3"):
        begin(folder, tmp_path / "run")
    wide = tmp_path / "wide.safetensors"
    network = build_model("hymamba_small", 2, 2, **TINY["hymamba_small"])
    save_checkpoint(wide, network, {1: "liver"}, name="wide")
    with pytest.raises(BadInputError, match=r"wide\.safetensors takes 2 channels, the cases have"):
        begin(tumours(tmp_path / "other", "4D"), tmp_path / "run", start_from=str(wide))


def test_other_regions_are_another_run(tiny, tmp_path, capsys):
    folder, run = tumours(tmp_path / "set", "list"), tmp_path / "run"
    assert finetune(folder, run) == 0
    content = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    content["labels"]["core"] = [1, 3]
    content["regions_class_order"] = [2, 1, 3]
    (folder / "dataset.json").write_text(json.dumps(content), encoding="utf-8")
    assert finetune(folder, run) == 2
    assert "begun with" in capsys.readouterr().err


def test_validation_is_of_whole_regions_where_labels_are_known(tiny, tmp_path):
    folder = tumours(tmp_path / "set", "list")
    content = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    content["labels"] = {"core": [2, 3], "enhancing": 3, "ignore": 1}
    content["regions_class_order"] = [2, 3]
    (folder / "dataset.json").write_text(json.dumps(content), encoding="utf-8")
    task = begin(folder, tmp_path / "run").task

    class Says(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.up = torch.nn.Parameter(torch.tensor([5.0, -5.0]))

        def forward(self, image):
            up = self.up[None, :, None, None, None]
            return up.expand(len(image), 2, *image.shape[2:]).clone()

    task.module.network = Says()
    case = task._validation[0]
    voxels = np.prod(case.shape)
    counts = case.case.labels
    core = counts[2] + counts[3]
    assert case.labels == {1: core, 2: counts[3]}
    with torch.no_grad():
        scores = task.validate(task.module.eval())
    dice = 2 * core / (core + voxels - counts[1])  # whole scan but what is ignored
    assert scores["dice.core"] == pytest.approx(dice)
    assert scores["dice.enhancing"] == 0
    assert (case.label((slice(None),) * 3) == UNKNOWN).sum() == counts[1]


def test_regions_of_a_file_of_labels(tiny, tmp_path):
    folder = tumours(tmp_path / "set", "nnunet")
    labels = tmp_path / "mine.json"
    labels.write_text(json.dumps(CONTENT), encoding="utf-8")
    (folder / "dataset.json").write_text(
        json.dumps({"labels": {"a": 1, "b": 2, "c": 3}, "channel_names": {"0": "T1", "1": "T2",
                    "2": "T3"}}), encoding="utf-8")  # fmt: skip
    with pytest.raises(BadInputError, match="not all CT and not all MR"):
        begin(folder, tmp_path / "run")
    (folder / "dataset.json").unlink()
    assert finetune(folder, tmp_path / "run", "--labels", labels, "--modality", "MR") == 0
    header = read_header(tmp_path / "run" / "finetuned.safetensors")
    assert header.channels == ("channel 0", "channel 1", "channel 2")
    assert [region.painted for region in header.regions] == [1, 2, 3]
