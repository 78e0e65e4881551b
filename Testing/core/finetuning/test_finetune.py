"""Which cases are learnt from, which are kept apart, and what is refused before training."""

import shutil

import nibabel as nib
import numpy as np
import pytest
import torch
from blobs import MM, SHAPE, blob_scan
from scan_files import save
from tiny_networks import TINY

from mambamim.data.class_sets import UNKNOWN
from mambamim.errors import BadInputError
from mambamim.finetuning.finetune import FinetuneData, begin_finetuning, split_sources
from mambamim.finetuning.finetune_settings import FinetuneSettings
from mambamim.finetuning.label_scheme import scheme_of
from mambamim.models import build_model
from mambamim.training.settings import LoopSettings
from mambamim.training.task import Silence
from mambamim.training.team import Team

LABELS = {"1": "dim", "2": "bright"}


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    def build(name, num_classes):
        return build_model(name, num_classes=num_classes, **TINY[name])

    monkeypatch.setattr("mambamim.finetuning.network.build_model", build)


@pytest.fixture
def folder(tmp_path):
    for number in range(3):
        blob_scan(tmp_path / "set", number)
    return tmp_path / "set"


def data(folder, *validation, share=0.34, **content):
    scheme = scheme_of({"labels": LABELS, **content}, "labels.json")
    return FinetuneData((folder,), validation, share, "CT", folder.parent / "prepared", scheme)


def begin(given, seed=0, **settings):
    chosen = {"network": "hymamba_small", "image_size": (16, 16, 16), "spacing_mm": MM, **settings}
    made = FinetuneSettings(given.scheme.classes, **chosen)
    loop = LoopSettings(steps=1, batch=1, workers=0, seed=seed)
    run = given.prepared.parent / "run"
    return begin_finetuning(run, given, made, loop, Team(0, 1, torch.device("cpu")), Silence())


def names(sources):
    return [source.image.name for source in sources]


def many(folder, count):
    for number in range(count):
        for part in ("images", "labels"):
            (folder / part).mkdir(parents=True, exist_ok=True)
            (folder / part / f"c{number:02}.nii.gz").touch()
    return folder


def test_the_split_is_reproducible_and_whole(tmp_path):
    given = data(many(tmp_path / "a", 20), share=0.2)
    learning, apart = map(names, split_sources(given, 3))
    assert (len(learning), len(apart)) == (16, 4)
    assert len({*learning, *apart}) == 20
    moved = data(many(tmp_path / "elsewhere", 20), share=0.2)
    assert [names(part) for part in split_sources(moved, 3)] == [learning, apart]
    assert names(split_sources(given, 4)[1]) != apart


@pytest.mark.parametrize(("count", "share", "apart"), [(2, 0.01, 1), (2, 0.99, 1), (5, 0, 0)])
def test_some_are_left_on_either_side(tmp_path, count, share, apart):
    parts = split_sources(data(many(tmp_path / "a", count), share=share), 0)
    assert [len(part) for part in parts] == [count - apart, apart]


def test_channels_of_a_case_stay_together(tmp_path):
    folder = tmp_path / "nnunet"
    for number in range(6):
        for name in (f"imagesTr/c{number}_0000", f"imagesTr/c{number}_0001", f"labelsTr/c{number}"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.nii.gz").touch()
    for seed in range(4):
        parts = split_sources(data(folder, share=0.34), seed)
        learning, apart = ({source.label for source in part} for part in parts)
        assert (len(learning), len(apart)) == (4, 2)
        assert not learning & apart


def test_scans_without_labels_are_left_out(folder):
    save(folder / "images" / "more.nii.gz", np.zeros(SHAPE, np.int16), MM)
    assert len(names([s for part in split_sources(data(folder), 0) for s in part])) == 3


def test_named_cases_are_kept_apart(folder, tmp_path):
    other = blob_scan(tmp_path / "other", 8).image.parent.parent
    learning, apart = split_sources(data(folder, other), 0)
    assert (names(apart), len(learning)) == (["case_8.nii.gz"], 3)


def test_it_begins(folder):
    task = begin(data(folder)).task
    assert (len(task.facts["cases"]), len(task.facts["validation"])) == (2, 1)
    assert not {*task.facts["cases"]} & {*task.facts["validation"]}
    assert set(task.dataset[0]["label"].unique().tolist()) <= {0, 1, 2, UNKNOWN}


def test_partial_labels_reach_the_loss(folder):
    lacking = {f"case_{n}.nii.gz": ["bright"] for n in range(3)}
    for number in range(3):
        path = folder / "labels" / f"case_{number}.nii.gz"
        label = np.asarray(nib.load(path).dataobj)
        save(path, np.where(label == 2, 0, label).astype(np.uint8), MM)
    blob_scan(folder, 5)
    task = begin(data(folder, share=0, unlabelled=lacking), augmentation="none").task
    seen = {int(v) for n in range(16) for v in task.dataset[n]["label"].unique()}
    assert seen == {0, 1, 2, 3}, "3 is background or bright"
    one = torch.full((1, 1, 16, 16, 16), 3)
    loss = float(task.module.eval()(torch.rand(1, 1, 16, 16, 16), one).detach())
    assert loss > 0


def refused(given, **settings):
    with pytest.raises(BadInputError) as caught:
        begin(given, **settings)
    assert not (given.prepared.parent / "run" / "state").exists()
    return str(caught.value)


def test_no_labels(folder):
    shutil.rmtree(folder / "labels")
    (folder / "labels").mkdir()
    assert "None of the 3 scans has a label map" in refused(data(folder))


def test_one_case(tmp_path):
    folder = blob_scan(tmp_path / "one", 0).image.parent.parent
    said = refused(data(folder))
    assert "one labelled case" in said
    assert "--validation-share 0" in said
    assert begin(data(folder, share=0)).task.facts["validation"] == []


@pytest.mark.parametrize("share", [-0.1, 1.0, 2.0, float("nan")])
def test_a_share_that_is_none(folder, share):
    assert "cannot be kept apart" in refused(data(folder, share=share))


def test_a_case_in_both_parts(folder):
    assert "1 of the cases are both" in refused(data(folder, _one_of(folder)))


def _one_of(folder):
    other = folder.parent / "again"
    for part in ("images", "labels"):
        (other / part).mkdir(parents=True)
        (other / part / "case_1.nii.gz").symlink_to(folder / part / "case_1.nii.gz")
    return other


def test_a_label_map_beside_its_scan(folder):
    path = folder / "labels" / "case_1.nii.gz"
    found = nib.load(path)
    affine = found.affine.copy()
    affine[0, 3] += 2
    nib.save(nib.Nifti1Image(np.asarray(found.dataobj), affine), path)
    said = refused(data(folder))
    assert "1 of " in said
    assert "2 mm beside case_1.nii.gz" in said


def test_a_damaged_scan(folder):
    (folder / "images" / "case_0.nii.gz").write_bytes(b"junk")
    said = refused(data(folder))
    assert "cases cannot be used" in said or "can be used" in said
    assert "case_0.nii.gz" in said


def test_a_class_in_no_case(folder):
    more = {"labels": {**LABELS, "5": "absent"}}
    assert "No case to learn from shows absent." in refused(data(folder, **more))


def test_a_value_nothing_is_said_of(folder):
    said = refused(data(folder, labels={"1": "dim"}))
    assert "holds the value 2, of which nothing is said" in said


def test_crops_far_beyond_every_case(folder):
    said = refused(data(folder), image_size=(48, 48, 48))
    assert "Crops of 48 x 48 x 48 voxels are more than twice" in said
    assert "24 x 20 x 22" in said


@pytest.mark.parametrize(
    ("name", "value"),
    [("classes", ()), ("classes", ("a", "a")), ("classes", (" ",)), ("image_size", (40, 48, 48)),
     ("image_size", (0, 16, 16)), ("spacing_mm", (0.0, 1.0, 1.0)), ("crops_per_scan", 0),
     ("foreground", 1.1), ("augmentation", "much"), ("name", ""), ("name", "a/b"),
     ("name", "my model"), ("name", "../a")],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_before_anything_is_done(name, value):
    with pytest.raises(BadInputError):
        FinetuneSettings(**{"classes": ("a",), name: value})
