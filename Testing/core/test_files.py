import os
import time
from pathlib import Path

import pytest

from mambamim.errors import BadInputError
from mambamim.files import atomic_path


def test_a_file_takes_its_place_only_when_whole(tmp_path: Path) -> None:
    place = tmp_path / "new" / "organs.nii.gz"
    with atomic_path(place) as temporary:
        assert temporary.name.endswith("organs.nii.gz")
        temporary.write_text("new")
        assert not place.exists()
    assert place.read_text() == "new"
    assert [path.name for path in place.parent.iterdir()] == ["organs.nii.gz"]


def be_stopped_while_writing(place: Path) -> None:
    with atomic_path(place) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt


def test_on_failure_the_old_file_stays_and_made_folders_go(tmp_path: Path) -> None:
    old = tmp_path / "old.csv"
    old.write_text("old")
    for place in (old, tmp_path / "a" / "b" / "new.csv"):
        with pytest.raises(KeyboardInterrupt):
            be_stopped_while_writing(place)
    assert [path.name for path in tmp_path.iterdir()] == ["old.csv"]
    assert old.read_text() == "old"


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError, match=r"out\.csv cannot be written"):
        be_stopped_while_writing(tmp_path / "file" / "out.csv")


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_writes_is_not(
    tmp_path: Path,
) -> None:
    names = (".0123abcd-out.csv", ".89efcdab-out.csv", ".0123abcd-other.csv")
    for name in names:
        (tmp_path / name).write_text("half")
    long_ago = time.time() - 7200
    for name in (names[0], names[2]):
        os.utime(tmp_path / name, (long_ago, long_ago))
    with atomic_path(tmp_path / "out.csv") as temporary:
        temporary.write_text("whole")
    assert {path.name for path in tmp_path.iterdir()} == {"out.csv", names[1], names[2]}
