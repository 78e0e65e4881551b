"""Cross-validation: every case is kept apart once, and the table says what the folds gave."""

import json
from pathlib import Path

import pytest

from mambamim.errors import BadInputError
from mambamim.finetuning.finetune import FinetuneData, split_sources
from mambamim.finetuning.folds import check_folds, write_fold_scores
from mambamim.finetuning.label_scheme import LabelScheme

SCHEME = LabelScheme(("liver",), {1: "liver"}, {})


def data(folder: Path, fold: int = 0, folds: int = 3, validation: tuple[Path, ...] = ()):
    return FinetuneData(
        (folder,), validation, 0.2, "CT", folder / "prepared", SCHEME, fold, folds
    )  # fmt: skip


@pytest.fixture
def cases(tmp_path):
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
        for number in range(7):
            (tmp_path / kind / f"{number}.nii.gz").touch()
    return tmp_path


def test_every_case_is_kept_apart_in_one_fold(cases):
    parts = [split_sources(data(cases, fold), seed=0) for fold in range(3)]
    apart = [source.image.name for _, kept in parts for source in kept]
    assert sorted(apart) == [f"{number}.nii.gz" for number in range(7)]
    for learning, kept in parts:
        assert not {s.image for s in learning} & {s.image for s in kept}
        assert len(learning) + len(kept) == 7
    assert split_sources(data(cases, 1), seed=0) == parts[1]
    assert split_sources(data(cases, 1), seed=1) != parts[1]


def test_more_folds_than_cases_are_refused(cases):
    with pytest.raises(BadInputError, match="7 labelled cases cannot be split into 8 parts"):
        split_sources(data(cases, 0, 8), seed=0)


def test_what_cannot_be_is_refused_before_the_first_fold(tmp_path):
    check_folds(0, data(tmp_path))
    check_folds(2, data(tmp_path))
    with pytest.raises(BadInputError, match="cannot have 1 folds"):
        check_folds(1, data(tmp_path))
    with pytest.raises(BadInputError, match="--validation names others"):
        check_folds(2, data(tmp_path, validation=(tmp_path,)))


def test_best_and_last_of_each_fold_and_their_means(tmp_path):
    for fold, scores in ((1, (0.5, 0.8, 0.6)), (2, (0.1, 0.2, 0.4))):
        run = tmp_path / f"fold-{fold}"
        run.mkdir()
        rows = [f"{10 * (i + 1)},dice,{score}" for i, score in enumerate(scores)]
        rows.insert(1, "10,dice.liver,0.99")
        (run / "validation.csv").write_text("\n".join(["step,name,value", *rows]))
    said = write_fold_scores(tmp_path, 2)
    content = json.loads((tmp_path / "folds.json").read_text(encoding="utf-8"))
    assert content["folds"] == [
        {"fold": 1, "best": 0.8, "best_step": 20, "last": 0.6},
        {"fold": 2, "best": 0.4, "best_step": 30, "last": 0.4},
    ]
    assert content["mean"] == pytest.approx({"best": 0.6, "last": 0.5})
    assert content["sd"]["last"] == pytest.approx(0.1414, abs=1e-4)
    assert "0.8000" in said
    assert "looks better than it is" in said


def test_a_fold_without_a_validation_is_told(tmp_path):
    (tmp_path / "fold-1").mkdir()
    (tmp_path / "fold-1" / "validation.csv").write_text("step,name,value\n")
    with pytest.raises(BadInputError, match="Fold 1 has not validated"):
        write_fold_scores(tmp_path, 1)
