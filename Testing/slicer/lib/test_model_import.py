import errno

import pytest
from model_files import write_model

from mambamim.catalogue import find_model, user_models_folder
from mambamim.errors import BadInputError
from MambaMIMLib import ModelImport


@pytest.fixture(autouse=True)
def home(app, tmp_path, monkeypatch):
    monkeypatch.setenv("MAMBAMIM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MAMBAMIM_MODELS", raising=False)


def _imported(path):
    *_, name = ModelImport.importSteps(path)
    return name


def test_a_model_is_copied_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(ModelImport, "_STEP_BYTES", 1000)
    path = write_model(tmp_path / "mine.safetensors")
    steps = list(ModelImport.importSteps(path))
    assert len(steps) > 4
    copy = user_models_folder() / "mine.safetensors"
    assert (steps[-1], copy.read_bytes()) == ("mine", path.read_bytes())
    assert path.exists()


def test_nothing_is_overwritten(tmp_path):
    first = write_model(tmp_path / "a" / "mine.safetensors")
    other = write_model(tmp_path / "b" / "mine.safetensors", title="Another")
    assert [_imported(first), _imported(other), _imported(first)] == ["mine", "mine-2", "mine"]
    assert find_model("mine").title == "My organs"
    assert find_model("mine-2").title == "Another"


def test_a_model_that_lies_there_already_stays(tmp_path):
    path = write_model(user_models_folder() / "mine.safetensors")
    assert _imported(path) == "mine"
    assert list(user_models_folder().iterdir()) == [path]


def test_a_copy_that_is_stopped_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(ModelImport, "_STEP_BYTES", 1000)
    steps = ModelImport.importSteps(write_model(tmp_path / "mine.safetensors"))
    next(steps)
    assert any(user_models_folder().iterdir())
    steps.close()
    assert not user_models_folder().exists() or not any(user_models_folder().iterdir())


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    path = write_model(tmp_path / "mine.safetensors")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("mambamim.files.os.fsync", full)
    with pytest.raises(BadInputError, match="No space left") as told:
        _imported(path)
    assert "Free some space" in told.value.hint
    assert not user_models_folder().exists() or not any(user_models_folder().iterdir())


def test_files_that_are_refused(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("x", encoding="utf-8")
    with pytest.raises(BadInputError, match=r"notes\.txt is no file of a model"):
        ModelImport.checkModel(text, ("segmentation",))
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing at all")
    with pytest.raises(BadInputError, match="is no checkpoint"):
        ModelImport.checkModel(broken, ("segmentation",))
    with pytest.raises(BadInputError, match="no checkpoint gone"):
        ModelImport.checkModel(tmp_path / "gone.safetensors", ("segmentation",))
    encoder = write_model(tmp_path / "encoder.safetensors", kind="pretraining")
    with pytest.raises(BadInputError, match="finds no structures yet"):
        ModelImport.checkModel(encoder, ("segmentation",))
    organs = write_model(tmp_path / "organs.safetensors")
    with pytest.raises(BadInputError, match="holds no network that reconstructs"):
        ModelImport.checkModel(organs, ("pretraining",))
    assert ModelImport.checkModel(organs, ("segmentation",)).title == "My organs"


def test_only_the_users_own_models_are_removed(tmp_path):
    shipped = find_model("abdomen-small")
    assert not ModelImport.isRemovable(shipped)
    with pytest.raises(BadInputError, match="came with the extension"):
        ModelImport.removeModel(shipped)
    path = write_model(user_models_folder() / "mine.safetensors")
    mine = find_model("mine")
    assert ModelImport.isRemovable(mine)
    ModelImport.removeModel(mine)
    assert not path.exists()
    ModelImport.removeModel(mine)
