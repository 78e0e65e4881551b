"""Anatomies: written and read, nothing unpickled, nothing about whose they are."""

import numpy as np
import pytest

from mambamim.data.synthetic.anatomy_bank import MARGIN, MM, Anatomy
from mambamim.data.tissues import Tissue
from mambamim.errors import BadInputError


def test_a_bank_file_gives_back_what_was_written(anatomy, tmp_path):
    anatomy.save(tmp_path / "a.npz")
    read = Anatomy.load(tmp_path / "a.npz")
    assert (read.name, read.source) == (anatomy.name, anatomy.source)
    assert np.array_equal(read.paint, anatomy.paint)
    assert np.array_equal(read.distances, anatomy.distances)
    assert read.points.keys() == anatomy.points.keys()
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        assert set(stored) == {"paint", "steps", "values", "points", "source"}


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_damaged_files_are_told(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(BadInputError, match=r"a\.npz"):
        Anatomy.load(tmp_path / "a.npz")


def test_pickles_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", paint=np.array([{}], dtype=object))
    with pytest.raises(BadInputError):
        Anatomy.load(tmp_path / "a.npz")


def test_points_lie_in_their_organs(anatomy):
    assert anatomy.distances.shape[1:] == tuple(n // 2 for n in anatomy.paint.shape)
    for value, points in anatomy.points.items():
        index = np.floor(points / MM).astype(int)
        assert (anatomy.paint[tuple(index.T)] == value).all()
    right, left = (anatomy.centre(k)[0] for k in (Tissue.KIDNEY_RIGHT, Tissue.KIDNEY_LEFT))
    assert right > left
    assert anatomy.centre(Tissue.HEART) is None


def test_there_is_room_for_fat_beside_the_body(anatomy):
    assert not anatomy.paint[: MARGIN - 1].any()
    assert not anatomy.paint[:, -MARGIN + 1 :].any()
