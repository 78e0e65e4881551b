from pathlib import Path

import numpy as np
import pytest

from mambamim.data.arrays import write_array
from mambamim.data.volume import read_volume
from mambamim.errors import BadInputError

AFFINE = np.array([[0, -2.0, 0, 5], [1.5, 0, 0, -3], [0, 0, 3.0, 1], [0, 0, 0, 1]])


def test_an_array_comes_back_with_its_affine_and_the_file_stays_as_it_is(tmp_path: Path) -> None:
    ct = np.arange(60, dtype=np.int16).reshape(3, 4, 5) - 20
    write_array(tmp_path / "ct.npy", ct)
    volume = read_volume(tmp_path / "ct.npy", AFFINE)
    assert np.array_equal(volume.array, ct)
    assert np.array_equal(volume.affine, AFFINE)
    volume.array[0, 0, 0] = 99
    assert np.array_equal(np.load(tmp_path / "ct.npy"), ct)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (np.zeros((3, 4)), "3D"),
        (np.zeros((3, 4, 5), complex), "real numbers"),
        (np.full((3, 4, 5), np.nan), "no numbers"),
    ],
)
def test_what_is_no_volume_is_refused(tmp_path: Path, content: np.ndarray, said: str) -> None:
    np.save(tmp_path / "ct.npy", content)
    with pytest.raises(BadInputError, match=said):
        read_volume(tmp_path / "ct.npy", AFFINE)


def test_a_pickle_or_a_cut_file_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "ct.npy", np.array([{"a": 1}], dtype=object))
    with pytest.raises(BadInputError, match="format"):
        read_volume(tmp_path / "ct.npy", AFFINE)
    np.save(tmp_path / "cut.npy", np.zeros((30, 30, 30)))
    whole = (tmp_path / "cut.npy").read_bytes()
    (tmp_path / "cut.npy").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInputError, match=r"cut\.npy"):
        read_volume(tmp_path / "cut.npy", AFFINE)


def test_a_singular_affine_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "ct.npy", np.zeros((3, 4, 5)))
    with pytest.raises(BadInputError, match="singular"):
        read_volume(tmp_path / "ct.npy", np.diag([1.0, 0, 1, 1]))
