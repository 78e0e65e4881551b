"""Draws the icons of the extension and its modules: `python tools/draw_icons.py`.

An axial slice of the trunk, cut into patches as a masked autoencoder cuts it. In the extension's
icon a line winds through the masked patches: the state space that fills them. The segmenter's slice
is whole, with organs; over the trainer's patches the curve of what is learnt rises.
"""

import itertools
import math
from collections.abc import Iterable
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
SIDE = 128
_FINE = 8  # drawn this much larger, then shrunk: smooth edges
_TILE, _AIR, _MASKED, _WHITE = "#14344F", "#0B2033", "#2F6184", "#FFFFFF"
_BODY, _LIVER, _STOMACH, _SPLEEN = "#83C9CF", "#FF7657", "#FFC94D", "#A97BF5"
_KIDNEY, _BONE, _AORTA = "#E2508F", "#FBF6E6", "#D7263D"
_FIRST, _PATCH, _STEP, _COUNT = 11.0, 25.0, 27.0, 4  # of the patches: first, side, distance, a row
# Column and row of the masked patches, as the line visits them.
_VISITED = ((3, 0), (2, 0), (2, 1), (3, 1), (3, 2), (2, 2), (2, 3), (3, 3))
_HIDDEN = ((0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (0, 2))  # of the trainer's patches

Point = tuple[float, float]
_OUTLINE: list[Point] = [
    (8, 66), (14, 36), (42, 18), (64, 21), (86, 18), (114, 36), (120, 66),
    (112, 97), (86, 112), (64, 106), (42, 112), (16, 97),
]  # fmt: skip
_ORGANS: list[tuple[list[Point], str]] = [
    ([(13, 62), (16, 35), (44, 20), (72, 29), (76, 42), (61, 54), (50, 69), (40, 90), (20, 90)],
     _LIVER),
    ([(80, 28), (106, 34), (108, 49), (93, 62), (74, 58), (70, 47)], _STOMACH),
    ([(116, 56), (116, 82), (101, 96), (95, 86), (104, 64)], _SPLEEN),
    ([(43, 79), (54, 86), (51, 102), (39, 104), (33, 92)], _KIDNEY),
    ([(85, 79), (74, 86), (77, 102), (89, 104), (95, 92)], _KIDNEY),
    ([(58, 90), (70, 90), (74, 100), (66, 107), (62, 107), (54, 100)], _BONE),
]  # fmt: skip
_CURVE: list[Point] = [(19, 106), (52, 104), (62, 68), (99, 33)]  # Bezier's points


def extension_icon() -> Image.Image:
    """Patches of a slice, some masked, and the line through these."""
    icon, draw = _tile()
    _show_patches(icon, _slice(), masked=_VISITED)
    centres = [_centre(*place) for place in _VISITED]
    _line(draw, _rounded_corners(centres, 11), 8)
    _disc(draw, *centres[0], 8.5, _WHITE)
    return _shrunk(icon)


def segmenter_icon() -> Image.Image:
    """The slice with its organs."""
    icon, _ = _tile()
    icon.paste(_slice(), mask=_body_mask())
    return _shrunk(icon)


def trainer_icon() -> Image.Image:
    """Patches of a slice and the curve of what is learnt."""
    icon, draw = _tile()
    _show_patches(icon, _slice(), masked=_HIDDEN)
    _line(draw, [_bezier(_CURVE, step / 40) for step in range(41)], 9)
    (x, y), (before_x, before_y) = _CURVE[-1], _CURVE[-2]
    _arrow_head(draw, x, y, math.atan2(y - before_y, x - before_x), 21)
    return _shrunk(icon)


def _tile() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    icon = Image.new("RGBA", (SIDE * _FINE, SIDE * _FINE), (0, 0, 0, 0))
    draw = ImageDraw.Draw(icon)
    _rounded(draw, (0, 0, SIDE, SIDE), 26, _TILE)
    return icon, draw


def _slice(air: str = _AIR) -> Image.Image:
    """The slice as it is seen in radiology: the liver at the left."""
    picture = Image.new("RGBA", (SIDE * _FINE, SIDE * _FINE), air)
    picture.paste(_BODY, mask=_body_mask())
    draw = ImageDraw.Draw(picture)
    for outline, colour in _ORGANS:
        _polygon(draw, _smooth(outline), colour)
    _disc(draw, 64, 86, 10.5, _BONE)
    _disc(draw, 71, 67, 6, _AORTA)
    return picture


def _body_mask() -> Image.Image:
    mask = Image.new("L", (SIDE * _FINE, SIDE * _FINE), 0)
    _polygon(ImageDraw.Draw(mask), _smooth(_OUTLINE), 255)
    return mask


def _show_patches(
    icon: Image.Image, picture: Image.Image, masked: Iterable[tuple[int, int]]
) -> None:
    hidden = set(masked)
    shown, covered = (Image.new("L", icon.size, 0) for _ in range(2))
    for column in range(_COUNT):
        for row in range(_COUNT):
            layer = covered if (column, row) in hidden else shown
            left, top = _FIRST + column * _STEP, _FIRST + row * _STEP
            _rounded(ImageDraw.Draw(layer), (left, top, left + _PATCH, top + _PATCH), 5, 255)
    icon.paste(picture, mask=ImageChops.multiply(shown, icon.getchannel("A")))
    icon.paste(_MASKED, mask=covered)


def _centre(column: int, row: int) -> Point:
    return _FIRST + column * _STEP + _PATCH / 2, _FIRST + row * _STEP + _PATCH / 2


def _smooth(points: list[Point], rounds: int = 4) -> list[Point]:
    """A closed polygon with its corners cut again and again (Chaikin): a smooth outline."""
    for _ in range(rounds):
        ends = list(zip(points, points[1:] + points[:1], strict=True))
        points = [_between(a, b, share) for a, b in ends for share in (0.25, 0.75)]
    return points


def _rounded_corners(points: list[Point], radius: float) -> list[Point]:
    """An open line whose corners have become curves that begin and end `radius` from them."""
    rounded = [points[0]]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        ends = [_between(corner, end, radius / math.dist(corner, end)) for end in (before, after)]
        rounded += [_bezier([ends[0], corner, ends[1]], step / 12) for step in range(13)]
    return [*rounded, points[-1]]


def _bezier(points: list[Point], share: float) -> Point:
    """The place at a share of the way along the Bezier curve of these points (de Casteljau)."""
    while len(points) > 1:
        points = [_between(a, b, share) for a, b in itertools.pairwise(points)]
    return points[0]


def _between(a: Point, b: Point, share: float) -> Point:
    return a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])


def _line(draw: ImageDraw.ImageDraw, points: list[Point], width: float) -> None:
    draw.line(_scaled(points), fill=_WHITE, width=round(width * _FINE), joint="curve")
    for point in points:
        _disc(draw, *point, width / 2, _WHITE)


def _arrow_head(draw: ImageDraw.ImageDraw, x: float, y: float, angle: float, length: float) -> None:
    """A triangle with its middle at (x, y) that points along the angle."""
    corners = [(angle + turn, length * far) for turn, far in ((0, 0.7), (2.3, 0.75), (-2.3, 0.75))]
    points = [(x + far * math.cos(turn), y + far * math.sin(turn)) for turn, far in corners]
    _polygon(draw, points, _WHITE)
    draw.line(_scaled([*points, points[0], points[1]]), fill=_WHITE, width=3 * _FINE, joint="curve")


def _disc(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: str) -> None:
    draw.ellipse(_scaled([(x - radius, y - radius), (x + radius, y + radius)]), fill=colour)


def _polygon(draw: ImageDraw.ImageDraw, points: list[Point], colour: str | int) -> None:
    draw.polygon(_scaled(points), fill=colour)


def _rounded(
    draw: ImageDraw.ImageDraw, box: tuple[float, ...], radius: float, colour: str | int
) -> None:
    draw.rounded_rectangle([value * _FINE for value in box], radius * _FINE, fill=colour)


def _scaled(points: list[Point]) -> list[Point]:
    return [(x * _FINE, y * _FINE) for x, y in points]


def _shrunk(icon: Image.Image) -> Image.Image:
    return icon.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


ICONS = {
    "Resources/Icons/MambaMIM.png": extension_icon,
    "MambaMIMSegmenter/Resources/Icons/MambaMIMSegmenter.png": segmenter_icon,
    "MambaMIMTrainer/Resources/Icons/MambaMIMTrainer.png": trainer_icon,
}

if __name__ == "__main__":
    for path, draw_icon in ICONS.items():
        draw_icon().save(ROOT / path, optimize=True)
