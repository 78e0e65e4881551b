"""Rendered organs: each where it is, in its colour, the nearer one in front, from both sides."""

import numpy as np
import pytest

from mambamim.catalogue.terminology import term
from mambamim.data.organ_rendering import Rendering, render_organs
from mambamim.data.surfaces import organ_surfaces

NAMES = {1: "liver", 2: "spleen", 3: "stomach"}
AFFINE = np.diag([2.0, 2, 2, 1])
SHAPE = (70, 60, 50)
BALL, CUBE = 1, 2


def ball(labels: np.ndarray, centre: tuple[int, ...], radius: float, value: int) -> None:
    far = np.linalg.norm(np.moveaxis(np.indices(labels.shape), 0, -1) - centre, axis=-1)
    labels[far <= radius] = value


def apart() -> np.ndarray:
    """RAS: a ball at the patient's right, below, and a cube at the left, above."""
    labels = np.zeros(SHAPE, np.uint8)
    ball(labels, (52, 30, 15), 10, BALL)
    labels[8:24, 22:38, 28:44] = CUBE
    return labels


def view(labels: np.ndarray, side: str = "front", affine: np.ndarray = AFFINE) -> Rendering:
    (rendering,) = render_organs(labels, affine, NAMES, [side], 160)
    return rendering


def shown(rendering: Rendering, value: int) -> np.ndarray:
    """Where an organ's hue is, (rows, columns): light changes how bright it is alone."""
    image = rendering.image / 255.0
    bright = image[..., :3].max(axis=-1, keepdims=True)
    colour = np.array(term(NAMES[value]).colour) / max(term(NAMES[value]).colour)
    hue = image[..., :3] / np.maximum(bright, 0.01)
    near = np.abs(hue - colour).max(axis=-1) < 0.12
    return near & (image[..., 3] > 0.95) & (bright[..., 0] > 0.15)


def place(rendering: Rendering, value: int) -> np.ndarray:
    """The middle of an organ from the top left, mm."""
    return np.argwhere(shown(rendering, value)).mean(axis=0) * rendering.pixel_mm


def test_right_is_at_the_left_from_the_front_and_at_the_right_from_the_back() -> None:
    front, back = view(apart()), view(apart(), "back")
    assert (front.letters, back.letters) == ("RLSI", "LRSI")
    down, across = place(front, BALL) - place(front, CUBE)
    # 73 mm apart, seen from 14 degrees to the side; 42 mm in height.
    assert across == pytest.approx(-72 * np.cos(np.radians(14)), abs=6)
    assert down == pytest.approx(42 * np.cos(np.radians(9)), abs=8)
    down, across = place(back, BALL) - place(back, CUBE)
    assert across == pytest.approx(72 * np.cos(np.radians(14)), abs=6)
    assert down == pytest.approx(42 * np.cos(np.radians(9)), abs=8)


def test_sizes_are_true() -> None:
    front = view(apart())
    area = (front.image[..., 3] / 255)[shown(front, BALL)].sum() * front.pixel_mm**2
    assert area == pytest.approx(np.pi * 20**2, rel=0.1)
    for axis in (0, 1):  # in the middle of the picture
        filled = np.flatnonzero(front.image[..., 3].any(axis=axis))
        assert filled[0] == pytest.approx(front.image.shape[1 - axis] - 1 - filled[-1], abs=4)
    assert front.size_mm == pytest.approx([n * front.pixel_mm for n in front.image.shape[1::-1]])


def test_what_is_nearer_hides_what_is_farther() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    ball(labels, (35, 14, 25), 12, BALL)
    labels[32:39, 30:33, 22:29] = CUBE  # small, in front of the ball
    front, back = view(labels), view(labels, "back")
    assert shown(front, CUBE).sum() > 0.5 * (14 / front.pixel_mm) ** 2
    assert shown(back, CUBE).sum() == 0
    assert shown(back, BALL).sum() > shown(front, BALL).sum()


def test_hollow_organs_are_seen_through() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    ball(labels, (35, 14, 25), 8, CUBE)
    labels[20:50, 40:50, 10:40] = 3
    front, back = view(labels), view(labels, "back")
    colours = [np.array(term(NAMES[value]).colour) / 255 for value in (CUBE, 3)]
    spleen, stomach = (colour / colour.max() for colour in colours)
    bright = np.maximum(front.image[..., :3].max(axis=-1, keepdims=True), 1)
    hue = front.image[..., :3] / bright
    mixed = np.abs(hue - (0.4 * spleen + 0.6 * stomach)).max(axis=-1) < 0.06
    assert mixed.sum() > 0.5 * np.pi * (16 / front.pixel_mm) ** 2
    assert np.median(front.image[mixed][:, 3]) == 255
    assert not shown(front, CUBE).any()
    assert shown(back, CUBE).sum() > 100


def test_colours_are_the_organs_and_the_rest_is_empty() -> None:
    image = view(apart()).image
    corners = image[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert not corners.any()
    for value in (BALL, CUBE):
        lit = image[shown(view(apart()), value)][:, :3]
        ratio = lit.max(axis=1) / max(term(NAMES[value]).colour)
        assert 0.75 < np.quantile(ratio, 0.9) < 1.2  # lit as bright as the legend's


def test_an_oblique_scan_is_put_upright() -> None:
    """A scanner's grid turned by -25 degrees: the same two bodies at the same places."""
    angle = np.radians(-25)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine = turn @ AFFINE
    affine[:3, 0] *= -1  # and its first axis runs to the left
    # The bodies at the same places in the patient, looked up from the turned grid.
    middle = AFFINE[:3, :3] @ (np.array(SHAPE) / 2)
    sides = (90, 90, 50)
    affine[:3, 3] = middle - affine[:3, :3] @ (np.array(sides) / 2)
    indices = np.indices(sides).reshape(3, -1)
    ras = affine[:3, :3] @ indices + affine[:3, 3:]
    at = np.round(ras / 2).astype(int)
    inside = ((at >= 0) & (at < np.array(SHAPE)[:, None])).all(axis=0)
    labels = np.zeros(sides, np.uint8)
    labels.ravel()[inside] = apart()[tuple(at[:, inside])]
    one, other = view(apart()), view(labels, affine=affine)
    apart_one, apart_other = (place(seen, BALL) - place(seen, CUBE) for seen in (one, other))
    assert apart_other == pytest.approx(apart_one, abs=2.5)
    widths = [np.ptp(np.nonzero(shown(seen, CUBE))[1]) * seen.pixel_mm for seen in (one, other)]
    assert widths[1] == pytest.approx(widths[0], abs=2)


def test_thick_slices_give_a_smooth_ball() -> None:
    labels = np.zeros((60, 60, 17), np.uint8)
    centre, radius = np.array([60, 60, 48.0]), 30
    mm = np.moveaxis(np.indices(labels.shape), 0, -1) * [2, 2, 6]
    labels[np.linalg.norm(mm - centre, axis=-1) <= radius] = BALL
    surface = organ_surfaces(labels, np.diag([2.0, 2, 6, 1]), [BALL, CUBE])
    assert list(surface) == [BALL]
    field, affine = surface[BALL].field, surface[BALL].affine
    # Between two neighbours that lie on either side of the surface.
    edge = (field[:, :, :-1] >= 0.5) != (field[:, :, 1:] >= 0.5)
    places = np.argwhere(edge) + [0, 0, 0.5]
    away = np.linalg.norm(places @ affine[:3, :3].T + affine[:3, 3] - centre, axis=-1)
    assert np.abs(away - radius).max() < 2.6  # stairs of 6 mm are farther off
    assert away.std() < 0.7


@pytest.mark.parametrize("names", [NAMES, {}])
def test_nothing_is_an_empty_picture(names: dict[int, str]) -> None:
    renderings = render_organs(np.zeros((9, 8, 7), np.uint8), AFFINE, names, ["front", "back"], 40)
    for rendering in renderings:
        assert rendering.image.shape == (40, 40, 4)
        assert not rendering.image.any()


def test_what_has_no_name_is_not_shown() -> None:
    (rendering,) = render_organs(apart(), AFFINE, {CUBE: "spleen"}, ["front"], 80)
    assert shown(rendering, CUBE).any()
    assert not shown(rendering, BALL).any()
