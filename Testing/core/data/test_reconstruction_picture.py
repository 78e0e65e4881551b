"""The sheets of a reconstruction: the right slices, what was hidden is hidden, and a whole file."""

from types import SimpleNamespace

import numpy as np
import pytest

from mambamim.data.reconstruction_picture import (
    _HATCH,
    _HIDDEN,
    take_slices,
    write_ratios,
    write_reconstruction,
)
from mambamim.errors import BadInputError

AFFINE = np.array([[3.0, 0, 0, -90], [0, 3, 0, -70], [0, 0, 5, 0], [0, 0, 0, 1]])


def scan() -> np.ndarray:
    ct = np.full((60, 50, 30), -1000, np.int16)
    ct[5:55, 8:45] = 40
    ct[30:45, 25:40] = 200  # at the patient's left and front, before it is turned
    return ct


def made(ct: np.ndarray, ratio: float = 0.75, masked: bool = True) -> SimpleNamespace:
    given = np.clip(ct, -175, 250).astype(np.float32)
    visible = np.ones(ct.shape, np.uint8)
    if masked:
        visible[20:40, 20:40] = 0
    back = np.where(visible, given, given - 60)
    return SimpleNamespace(
        reconstruction=back, error=np.abs(back - given), visible=visible, psnr=21.5, ratio=ratio,
        seed=3, window=(-175.0, 250.0), unit="HU", own_moments=True,
    )  # fmt: skip


def near(image: np.ndarray, colour: tuple[float, ...]) -> np.ndarray:
    return np.abs(image[..., :3] - np.array(colour)).max(axis=-1) < 0.02


def test_slices_go_through_the_middle_of_the_body_and_are_small() -> None:
    ct = scan()
    shown = take_slices(ct, AFFINE, made(ct))
    assert [row.given.name for row in shown.rows] == ["Axial", "Coronal", "Sagittal"]
    assert [row.given.letters for row in shown.rows] == ["RLAP", "RLSI", "APSI"]
    axial = shown.rows[0]
    assert np.array_equal(axial.given.labels == 0, axial.error.ct > 0)
    assert np.allclose((axial.given.ct - axial.made.ct)[axial.given.labels == 0], 60)
    for row in shown.rows:
        for view in (row.given, row.made, row.error):
            assert view.ct.base is None, "it would keep the volume in memory"
            assert view.labels.base is None
    bright = np.nonzero(axial.made.ct > 100)
    assert bright[0].mean() < axial.made.ct.shape[0] / 2, "the front is at the top"


def test_input_and_reconstruction_are_the_same_picture_where_nothing_is_masked() -> None:
    ct = scan()
    for row in take_slices(ct, AFFINE, made(ct, masked=False)).rows:
        assert np.array_equal(row.given.ct, row.made.ct)


def test_a_turned_scan_gives_the_same_sheet(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    ct = scan()
    write_reconstruction(tmp_path / "ras.png", take_slices(ct, AFFINE, made(ct)), "tiny")
    turned = made(ct)
    for name in ("reconstruction", "error", "visible"):
        setattr(turned, name, getattr(turned, name).transpose(2, 0, 1)[:, ::-1])
    affine = np.eye(4)
    affine[:3, :3] = np.stack((AFFINE[:3, 2], -AFFINE[:3, 0], AFFINE[:3, 1]), axis=1)
    affine[:3, 3] = AFFINE[:3, 3] + AFFINE[:3, 0] * (ct.shape[0] - 1)
    slices = take_slices(ct.transpose(2, 0, 1)[:, ::-1], affine, turned)
    write_reconstruction(tmp_path / "new" / "turned.png", slices, "tiny")
    assert (tmp_path / "ras.png").read_bytes() == (tmp_path / "new" / "turned.png").read_bytes()


def test_what_is_masked_is_hidden_in_its_column_alone(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    ct = scan()
    write_reconstruction(tmp_path / "a.png", take_slices(ct, AFFINE, made(ct)), "tiny")
    image = imread(tmp_path / "a.png")
    hidden = near(image, _HIDDEN) | near(image, _HATCH)
    columns = np.array_split(hidden[100:-100, 20:-90], 4, axis=1)
    counts = [int(part.sum()) for part in columns]
    assert counts[1] > 5000
    assert max(counts[0], counts[2], counts[3]) < counts[1] / 100
    whole = take_slices(ct, AFFINE, made(ct, masked=False))
    write_reconstruction(tmp_path / "b.png", whole, "tiny")
    assert near(imread(tmp_path / "b.png"), _HIDDEN)[100:-100].sum() < 100


def test_ratios_have_a_row_each(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    ct = scan()
    rows = [take_slices(ct, AFFINE, made(ct, ratio)) for ratio in (0.5, 0.75, 0.9)]
    heights = []
    for count in (2, 3):
        write_ratios(tmp_path / f"{count}.png", rows[:count], "tiny")
        heights.append(imread(tmp_path / f"{count}.png").shape[0])
    assert heights[1] > heights[0] + 200


def test_a_flat_scan_of_air_is_a_sheet_too(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    ct = np.full((40, 40, 2), -1000, np.int16)
    write_reconstruction(tmp_path / "a.png", take_slices(ct, AFFINE, made(ct)), "tiny")
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_a_place_that_cannot_be_written_is_told(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    ct = scan()
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError, match="cannot be written"):
        write_ratios(tmp_path / "file" / "a.png", [take_slices(ct, AFFINE, made(ct))] * 2, "tiny")
