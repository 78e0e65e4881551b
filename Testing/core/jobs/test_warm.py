"""What stays loaded: the last ones of each kind, while their file is the same."""

import pytest

from mambamim.errors import BadInputError
from mambamim.jobs.warm import keep_warm


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setattr("mambamim.catalogue.resolve_model", lambda name: tmp_path / name)
    for name in "abc":
        (tmp_path / name).write_text(name)
    return tmp_path


def test_a_kind_has_its_own_room(models):
    warm, made = {"count": 1}, []

    def get(kind, model, most, options=("cpu",)):
        def make(path):
            made.append(path.name)
            return object()

        return keep_warm(warm, kind, model, options, most, make)

    first = get("segmenter", "a", 2)
    assert get("segmenter", "a", 2) is first
    get("segmenter", "b", 2)
    get("reconstructor", "c", 1)
    get("reconstructor", "b", 1)
    assert get("segmenter", "a", 2) is first, "reconstructors push out no segmenter"
    assert made == ["a", "b", "c", "b"]
    assert len(warm) == 4, "one reconstructor, two segmenters, and what is not ours"
    get("segmenter", "c", 2)  # pushes out b, which was used longest ago
    assert get("segmenter", "a", 2) is first
    get("segmenter", "b", 2)
    assert made == ["a", "b", "c", "b", "c", "b"]
    assert get("segmenter", "b", 2, ("cuda",)) is not get("segmenter", "b", 2)


def test_a_file_that_has_changed_is_loaded_again(models):
    warm = {}
    one = keep_warm(warm, "segmenter", "a", (), 2, lambda path: [path.read_text()])
    (models / "a").write_text("changed")
    other = keep_warm(warm, "segmenter", "a", (), 2, lambda path: [path.read_text()])
    assert (one, other) == (["a"], ["changed"])


def test_a_model_that_is_not_there_is_told():
    with pytest.raises(BadInputError, match="no-such-model"):
        keep_warm({}, "segmenter", "no-such-model", (), 2, lambda path: None)
