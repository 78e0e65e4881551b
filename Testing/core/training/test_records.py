"""The numbers of a run as files: no row twice, none torn, none of steps that did not happen."""

import sys

import pytest

from mambamim.errors import BadInputError, MissingDependencyError
from mambamim.training.records import COLUMNS, Records


def row(step) -> dict[str, float]:
    return {
        "step": step,
        "seconds": 1.5 * step,
        "loss": 1 / 3,
        "learning_rate": 1e-4,
        "gradient_norm": 2.0,
    }


def test_rows_are_appended(tmp_path):
    records = Records(tmp_path, 0, tensorboard=False)
    records.add(row(10))
    records.validated(10, {"dice": 0.25, "loss": 2.0})
    records.close()
    assert (tmp_path / "metrics.csv").read_text().splitlines() == [
        ",".join(COLUMNS),
        "10,15,0.333333,0.0001,2",
    ]
    assert (tmp_path / "validation.csv").read_text().splitlines() == [
        "step,name,value",
        "10,dice,0.25",
        "10,loss,2",
    ]


@pytest.mark.parametrize("torn", ["", "20,3", "20,30,0.3,0.0001,2.5", "\0\0\0"])
def test_rows_of_later_steps_and_torn_lines_are_dropped(tmp_path, torn):
    records = Records(tmp_path, 0, tensorboard=False)
    for step in (10, 20, 30):
        records.add(row(step))
        records.validated(step, {"dice": 0.5})
    with (tmp_path / "metrics.csv").open("a") as stream:
        stream.write(torn)
    again = Records(tmp_path, 20, tensorboard=False)
    again.add(row(30))
    lines = (tmp_path / "metrics.csv").read_text().splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert [line.split(",")[0] for line in lines[1:]] == ["10", "20", "30"]
    assert all(line.count(",") == 4 for line in lines)
    kept = (tmp_path / "validation.csv").read_text().splitlines()[1:]
    assert kept == ["10,dice,0.5", "20,dice,0.5"]


def test_tensorboard_is_written_when_asked(tmp_path):
    pytest.importorskip("torch.utils.tensorboard")
    Records(tmp_path, 0, tensorboard=False).close()
    assert not (tmp_path / "tensorboard").exists()
    records = Records(tmp_path, 0, tensorboard=True)
    records.add(row(10))
    records.validated(10, {"dice": 0.5})
    records.close()
    written = b"".join(file.read_bytes() for file in (tmp_path / "tensorboard").iterdir())
    assert b"train/loss" in written
    assert b"validation/dice" in written


def test_tensorboard_that_is_missing_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingDependencyError, match=r"TensorBoard.*mambamim\[train\]"):
        Records(tmp_path, 0, tensorboard=True)


def test_a_place_that_cannot_be_written_to_is_told(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(BadInputError):
        Records(tmp_path / "run", 0, tensorboard=False)
    records = Records(tmp_path, 0, tensorboard=False)
    (tmp_path / "metrics.csv").unlink()
    (tmp_path / "metrics.csv").mkdir()
    with pytest.raises(BadInputError, match=r"metrics\.csv cannot be written"):
        records.add(row(10))
