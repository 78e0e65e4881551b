"""The overview picture: the right slices, the right way round, and a file that is there or not."""

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mambamim.catalogue.terminology import term
from mambamim.data.orientation import to_ras
from mambamim.data.picture import write_axial, write_overlay, write_surfaces
from mambamim.data.views import body_box, cut, informative_slices
from mambamim.errors import BadInputError, MissingDependencyError

NAMES = {1: "liver", 2: "spleen", 3: "adrenal_gland_left"}
AFFINE = np.array([[3.0, 0, 0, -90], [0, 3, 0, -70], [0, 0, 5, 0], [0, 0, 0, 1]])


def scan() -> tuple[np.ndarray, np.ndarray]:
    """RAS: the liver at the patient's right and front, the spleen at the left and back."""
    ct = np.full((60, 50, 30), -1000, np.int16)
    ct[5:55, 8:45] = 40
    ct[10:50, 1] = 500  # the table
    labels = np.zeros(ct.shape, np.uint8)
    labels[35:50, 28:42, 8:20] = 1
    labels[10:20, 12:20, 10:18] = 2
    labels[24:26, 24:26, 13:15] = 3
    return ct, labels


def test_radiological_convention() -> None:
    ct, labels = scan()
    axial = cut(ct, labels, AFFINE, 2, 14)
    assert axial.letters == "RLAP"
    rows, columns = np.nonzero(axial.labels == 1)
    assert columns.max() < axial.ct.shape[1] / 2  # the patient's right is at the left
    assert rows.max() < axial.ct.shape[0] / 2  # the front is at the top
    coronal = cut(ct, labels, AFFINE, 1, 30)
    assert coronal.letters == "RLSI"
    rows, columns = np.nonzero(coronal.labels == 1)
    assert columns.max() < coronal.ct.shape[1] / 2
    assert sorted({*rows}) == list(range(30 - 20, 30 - 8))  # the head is at the top
    assert (coronal.row_mm, coronal.column_mm) == (5.0, 3.0)
    sagittal = cut(ct, labels, AFFINE, 0, 40)
    assert sagittal.letters == "APSI"
    _, columns = np.nonzero(sagittal.labels == 1)
    assert columns.max() < sagittal.ct.shape[1] / 2  # the front is at the left
    assert sagittal.size_mm == (150.0, 150.0)


def test_slices_go_where_the_organs_are() -> None:
    _, labels = scan()
    axial, coronal, sagittal = informative_slices(labels)
    assert len(set(axial)) == 2
    assert axial == sorted(axial, reverse=True)
    assert all(8 <= index < 20 for index in axial)
    assert any(index in (13, 14) for index in axial)  # the small gland counts
    assert labels[:, coronal].any()
    assert labels[sagittal].any()


def test_without_organs_the_slices_are_spread() -> None:
    assert informative_slices(np.zeros((20, 30, 40), np.uint8)) == ([26, 13], 15, 10)


def test_the_body_is_cut_out_without_the_table() -> None:
    ct, _ = scan()
    box = body_box(ct, AFFINE)
    assert box == (slice(2, 58), slice(5, 48), slice(0, 30))
    assert body_box(np.full((9, 9, 9), -1000), AFFINE) == (slice(0, 9),) * 3


def test_a_turned_scan_gives_the_same_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    ct, labels = scan()
    write_overlay(tmp_path / "ras.png", ct, labels, AFFINE, NAMES)
    turned_ct, turned_labels = (array.transpose(2, 0, 1)[:, ::-1] for array in (ct, labels))
    affine = np.eye(4)
    affine[:3, :3] = np.stack((AFFINE[:3, 2], -AFFINE[:3, 0], AFFINE[:3, 1]), axis=1)
    affine[:3, 3] = AFFINE[:3, 3] + AFFINE[:3, 0] * (ct.shape[0] - 1)
    assert np.allclose(to_ras(turned_ct, affine)[1], AFFINE)
    write_overlay(tmp_path / "new" / "turned.png", turned_ct, turned_labels, affine, NAMES)
    one, other = imread(tmp_path / "ras.png"), imread(tmp_path / "new" / "turned.png")
    below_the_title = slice(one.shape[0] // 12, None)  # which tells the sides as they are stored
    assert np.array_equal(one[below_the_title], other[below_the_title])
    liver = np.array(term("liver").colour) / 255
    assert (np.abs(one[..., :3] - liver).max(axis=-1) < 0.02).sum() > 200


def test_a_view_alone_is_as_large_as_it_has_to_be(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    ct, labels = scan()
    write_axial(tmp_path / "axial.png", ct, labels, AFFINE, NAMES)
    write_surfaces(tmp_path / "front.png", labels, AFFINE, NAMES)
    write_surfaces(tmp_path / "back.png", labels, AFFINE, NAMES, "back")
    liver = np.array(term("liver").colour) / 255
    middle = {}
    for name in ("axial", "front", "back"):
        image = imread(tmp_path / f"{name}.png")[..., :3]
        assert max(image.shape) == 720
        # Its shades: the hue is the liver's, whatever the light.
        bright = image.max(axis=-1)
        hue = image / np.maximum(bright, 0.01)[..., None]
        near = (np.abs(hue - liver / liver.max()).max(axis=-1) < 0.1) & (bright > 0.2)
        assert near.sum() > 1000
        middle[name] = np.nonzero(near)[1].mean() / image.shape[1]
    assert middle["axial"] < 0.5
    assert middle["front"] < 0.5 < middle["back"]


@pytest.mark.parametrize("fill", [-1000, 40])
def test_nothing_found_is_a_picture_too(tmp_path: Path, fill: int) -> None:
    pytest.importorskip("matplotlib")
    ct = np.full((10, 11, 12), fill, np.int16)
    write_overlay(tmp_path / "out.png", ct, np.zeros(ct.shape, np.uint8), AFFINE, NAMES)
    assert (tmp_path / "out.png").stat().st_size > 10_000


def test_without_matplotlib_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match=r"mambamim\[pictures\]"):
        write_overlay(tmp_path / "out.png", *scan(), AFFINE, NAMES)
    assert not list(tmp_path.iterdir())


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    ct, labels = scan()
    with pytest.raises(BadInputError, match="voxels"):
        write_overlay(tmp_path / "out.png", ct, labels[1:], AFFINE, NAMES)
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError, match="cannot be written"):
        write_overlay(tmp_path / "file" / "out.png", ct, labels, AFFINE, NAMES)
