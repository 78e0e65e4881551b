import csv
import json
import logging

import nibabel as nib
import numpy as np
import pytest
from scan_files import save, smooth
from tiny_networks import TINY

from mambamim.checkpoints import save_checkpoint
from mambamim.cli import main
from mambamim.evaluation.rules import RULES
from mambamim.models import build_model

MM = (2.0, 2.0, 3.0)
SHAPE = (20, 18, 14)
FILES = {"scores.csv", "summary.json", "summary.md"}


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("MAMBAMIM_HOME", str(tmp_path_factory.mktemp("home")))


def labels(cut: int = 0, classes=(1, 2)) -> np.ndarray:
    array = np.zeros(SHAPE, np.uint8)
    array[3 : 10 - cut, 4:12, 3:10] = classes[0]
    array[12:17, 4 : 12 - cut, 3:10] = classes[1]
    return array


@pytest.fixture
def folders(tmp_path):
    for number, name in enumerate(("Doe_Jane", "b", "c")):
        save(tmp_path / "truth" / f"{name}.nii.gz", labels(), MM)
        save(tmp_path / "found" / f"{name}.nii", labels(number), MM)
        save(tmp_path / "second" / f"{name}.nii.gz", labels(number + 1), MM)
        save(tmp_path / "images" / f"{name}.nii.gz", smooth(SHAPE), MM)
    return tmp_path


def evaluate(folder, *more) -> int:
    given = {"--predictions": folder / "found", "--labels": folder / "truth"}
    given["--out"] = folder / "out"
    words = [str(word) for pair in given.items() for word in pair]
    return main(["evaluate", *words, *map(str, more)])


def test_label_maps_are_scored(folders, capsys, caplog):
    caplog.set_level(logging.DEBUG)
    wishes = ("--classes", "1=liver 2=spleen", "--images", folders / "images", "--worst", 2)
    assert evaluate(folders, *wishes) == 0
    out = folders / "out"
    pictures = {"boxplots.png", "worst_1_c.png", "worst_2_b.png"}
    assert {path.name for path in out.iterdir()} == FILES | pictures
    said = capsys.readouterr().out
    assert "liver" in said
    assert "mean over classes" in said
    rows = list(csv.DictReader((out / "scores.csv").open(encoding="utf-8")))
    assert len(rows) == 6
    row = next(r for r in rows if r["case"] == "c" and r["name"] == "liver")
    assert float(row["dice"]) == pytest.approx(2 * 5 / 12)
    assert float(row["truth_ml"]) == pytest.approx(7 * 8 * 7 * 12 / 1000)
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    dice = [1, 12 / 13, 10 / 12]
    assert summary["classes"][0]["dice"]["mean"] == pytest.approx(np.mean(dice), rel=1e-6)
    assert summary["classes"][0]["dice"]["sd"] == pytest.approx(np.std(dice, ddof=1), rel=1e-6)
    assert summary["rules"] == list(RULES)
    assert {"mambamim", "monai", "scipy"} <= set(summary["versions"])
    text = (out / "summary.md").read_text(encoding="utf-8")
    assert all(rule in text for rule in RULES)
    assert "Doe" not in caplog.text


def test_two_sets_are_compared(folders, capsys):
    assert evaluate(folders, "--compare", folders / "second", "--no-pictures") == 0
    out = folders / "out"
    made = {"scores_second.csv", "comparison.csv", "comparison.json", "comparison.md"}
    assert {path.name for path in out.iterdir()} == FILES | made
    rows = list(csv.DictReader((out / "comparison.csv").open(encoding="utf-8")))
    assert [row["name"] for row in rows[:3]] == ["label_1", "label_2", "mean over classes"]
    assert (rows[0]["better"], rows[0]["worse"]) == ("3", "0")
    assert float(rows[0]["wilcoxon_p"]) == 0.25
    text = (out / "comparison.md").read_text(encoding="utf-8")
    assert "Wilcoxon" in text
    assert "Holm" in text
    assert "first against second" in capsys.readouterr().out


def test_missed_and_false_finds_are_told_apart(folders):
    save(folders / "found" / "b.nii", labels(classes=(1, 0)), MM)
    save(folders / "truth" / "c.nii.gz", labels(classes=(1, 0)), MM)
    assert evaluate(folders, "--no-pictures") == 0
    rows = list(csv.DictReader((folders / "out" / "scores.csv").open(encoding="utf-8")))
    told = {row["case"]: row for row in rows if row["class"] == "2"}
    assert {case: row["outcome"] for case, row in told.items()} == {
        "Doe_Jane": "found",
        "b": "missed",
        "c": "false find",
    }
    assert told["b"]["hd95_mm"] == "inf"
    assert told["c"]["error_percent"] == ""
    spleen = json.loads((folders / "out" / "summary.json").read_text(encoding="utf-8"))["classes"][
        1
    ]
    assert (spleen["n"], spleen["missed"], spleen["false_finds"]) == (3, 1, 1)
    assert spleen["hd95_mm"]["n"] == 1
    assert spleen["dice"]["mean"] == pytest.approx(1 / 3)


def test_a_bad_case_among_good_ones_is_told_and_ends_with_2(folders, capsys):
    save(folders / "found" / "b.nii", labels(), (2.0, 2.0, 3.5))
    assert evaluate(folders, "--no-pictures") == 2
    said = capsys.readouterr()
    assert "b: b.nii lies up to 6.5 mm" in said.err
    assert "2 cases, 1 failed" in said.out
    summary = json.loads((folders / "out" / "summary.json").read_text(encoding="utf-8"))
    assert (summary["cases"], list(summary["failed"])) == (2, ["b"])


def test_labels_with_other_values(folders):
    for path in (folders / "truth").iterdir():
        save(path, labels(classes=(7, 9)), MM)
    table = folders / "map.json"
    table.write_text('{"7": "liver"}')
    assert evaluate(folders, "--classes", "1=liver 2=spleen", "--label-map", table,
                    "--no-pictures") == 0  # fmt: skip
    rows = list(csv.DictReader((folders / "out" / "scores.csv").open(encoding="utf-8")))
    assert {row["name"] for row in rows} == {"liver"}, "what is not labelled cannot be scored"
    assert float(rows[-1]["dice"]) > 0.8


@pytest.mark.parametrize(
    "more",
    [
        ["--classes", "1=a", "1=b"],
        ["--tolerance", "-1"],
        ["--worst", "-1"],
        ["--model", "abdomen-small", "--data", "x"],
        ["--compare", "nowhere"],
        ["--images", "nowhere"],
        ["--keep"],
        ["--label-map", "nowhere.json"],
    ],
)
def test_usage_errors_end_with_2_and_write_nothing(folders, more, capsys):
    assert evaluate(folders, *more) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert said
    assert not (folders / "out").exists()


def test_a_fractional_label_alone_is_an_error(folders, capsys):
    for path in (folders / "found").iterdir():
        save(path, labels() * np.float32(0.5), MM)
    assert evaluate(folders) == 2
    assert "whole numbers" in capsys.readouterr().err
    assert not (folders / "out").exists()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    network = build_model("hymamba_small", num_classes=3, **TINY["hymamba_small"])
    spacing = {"spacing_mm": (4.0, 4.0, 4.0), "patch_size": (32, 32, 32)}
    save_checkpoint(path, network, {1: "liver", 2: "spleen"}, **spacing)
    return path


@pytest.fixture
def data(tmp_path):
    for name in ("a", "b"):
        save(tmp_path / "set" / "imagesTr" / f"{name}.nii.gz", smooth(SHAPE), MM)
        save(tmp_path / "set" / "labelsTr" / f"{name}.nii.gz", labels(classes=(2, 3)), MM)
    names = {"0": "background", "2": "liver", "3": "cyst"}
    pairs = [{"image": f"imagesTr/{n}.nii.gz", "label": f"labelsTr/{n}.nii.gz"} for n in "ab"]
    content = {"modality": {"0": "CT"}, "labels": names, "training": pairs}
    (tmp_path / "set" / "dataset.json").write_text(json.dumps(content))
    return tmp_path


def by_model(checkpoint, data, *more) -> int:
    words = ["--model", checkpoint, "--data", data / "set", "--out", data / "out", *more]
    return main(["evaluate", "--device", "cpu", *map(str, words)])


def test_a_model_is_scored_by_the_names_of_the_data_set(checkpoint, data, capsys):
    assert by_model(checkpoint, data, "--keep", "--worst", 1) == 0
    out = data / "out"
    rows = list(csv.DictReader((out / "scores.csv").open(encoding="utf-8")))
    assert {(row["class"], row["name"]) for row in rows} == {("1", "liver")}
    assert "model does not have them: cyst" in capsys.readouterr().out
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["model"]["device"] == "cpu"
    assert len(summary["model"]["sha256"]) == 64
    made = np.asarray(nib.load(out / "predictions" / "a.nii.gz").dataobj)
    truth = labels(classes=(1, 0)) == 1
    overlap = 2 * (truth & (made == 1)).sum() / (truth.sum() + (made == 1).sum())
    assert float(rows[0]["dice"]) == pytest.approx(overlap, abs=1e-6)


def test_values_that_the_model_does_not_have_need_a_label_map(checkpoint, data, capsys):
    (data / "set" / "dataset.json").unlink()
    assert by_model(checkpoint, data, "--no-pictures") == 2
    assert "--label-map" in capsys.readouterr().err
    assert not (data / "out").exists()


def test_cancelling_ends_with_3(folders, monkeypatch, capsys):
    def stop(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("mambamim.evaluation.evaluate.score_pair", stop)
    assert evaluate(folders) == 3
    assert "no scores were written" in capsys.readouterr().err


def test_regions_that_overlap_are_scored_whole(tmp_path):
    truth, found = labels(), labels(2)
    truth[5:8, 6:10, 4:8], found[5:8, 6:10, 4:9] = 2, 2
    save(tmp_path / "truth" / "a.nii.gz", np.where(truth == 2, 4, truth).astype(np.uint8), MM)
    save(tmp_path / "found" / "a.nii.gz", found, MM)
    ours = {"labels": {"whole": [1, 2], "core": 2}, "regions_class_order": [1, 2]}
    theirs = {"labels": {"whole": [1, 4], "core": 4}, "regions_class_order": [1, 4]}
    for name, content in (("ours.json", ours), ("theirs.json", theirs)):
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    wishes = ["--classes", tmp_path / "ours.json", "--label-map", tmp_path / "theirs.json"]
    assert evaluate(tmp_path, *wishes) == 0
    rows = list(csv.DictReader((tmp_path / "out" / "scores.csv").open(encoding="utf-8")))
    wanted = {}
    for name, least in (("whole", 1), ("core", 2)):
        one, other = found >= least, truth >= least
        wanted[name] = 2 * (one & other).sum() / (one.sum() + other.sum())
    assert {row["name"]: float(row["dice"]) for row in rows} == pytest.approx(wanted, abs=1e-6)
    assert (tmp_path / "out" / "worst_1_a.png").is_file()


def test_regions_and_classes_are_not_scored_against_each_other(tmp_path, capsys):
    for place in ("truth", "found"):
        save(tmp_path / place / "a.nii.gz", labels(), MM)
    content = {"labels": {"whole": [1, 2], "core": 2}, "regions_class_order": [1, 2]}
    (tmp_path / "regions.json").write_text(json.dumps(content), encoding="utf-8")
    (tmp_path / "classes.json").write_text('{"1": "whole", "2": "core"}', encoding="utf-8")
    both = tmp_path / "regions.json", tmp_path / "classes.json"
    for one, other, said in ((*both, "names others"), (*both[::-1], "is of classes")):
        assert evaluate(tmp_path, "--classes", one, "--label-map", other) == 2
        assert said in capsys.readouterr().err
