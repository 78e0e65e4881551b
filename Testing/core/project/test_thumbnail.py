"""The small picture of a case is the slice with most labels, seen as a radiologist sees it."""

import numpy as np
import pytest
from PIL import Image

from mambamim.catalogue.terminology import term
from mambamim.data.png import write_png
from mambamim.project.thumbnail import SIDE, draw_thumbnail


def test_colours_lie_where_the_labels_are():
    image = np.full((40, 20, 30), -1000, np.int16)
    labels = np.zeros(image.shape, np.uint8)
    labels[30:38, 2:6, 11] = 1  # right, back
    affine = np.diag([1.0, 2.0, 5.0, 1.0])
    picture = draw_thumbnail(image, labels, affine, {1: "liver"}, "CT")
    assert picture.shape == (SIDE, SIDE, 3)
    rows, columns = np.nonzero(picture.any(axis=2))
    assert columns.max() < SIDE / 2 < rows.min()
    wanted = np.array(term("liver").colour) * 0.45
    assert np.allclose(picture[rows[0], columns[0]], wanted, atol=1)
    turned = np.diag([-1.0, -2.0, 5.0, 1.0])
    flipped = draw_thumbnail(image[::-1, ::-1], labels[::-1, ::-1], turned, {1: "liver"}, "CT")
    assert np.array_equal(flipped, picture)


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_nothing_labelled_and_one_value_is_drawn_too(modality):
    flat, none = np.zeros((9, 5, 1), np.float32), np.zeros((9, 5, 1), np.uint8)
    assert draw_thumbnail(flat, none, np.eye(4), {}, modality).shape == (89, SIDE, 3)


def test_a_png_is_what_others_read(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (7, 11, 3)).astype(np.uint8)
    write_png(tmp_path / "a.png", pixels)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), pixels)
