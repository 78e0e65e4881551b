"""The organs of the abdomen, each as smooth shapes where it lies in life.

What is drawn first keeps its place: vessels, then solid organs, then the bowel, which fills what is
left. Every position, size and tilt varies from body to body.
"""

from __future__ import annotations

import numpy as np

from mambamim.data.anatomy.canvas import Canvas, smooth_path
from mambamim.data.anatomy.trunk import Build
from mambamim.data.tissues import Tissue

_FREE = (Tissue.VISCERAL_FAT,)
_CAVITY = (Tissue.VISCERAL_FAT, Tissue.MUSCLE)


class Organs:
    """Draws the organs of one body.

    Args:
        canvas: with trunk, chest and skeleton.
        build: the person's measures.
        dome: height of the diaphragm over each column in mm, (D, H, 1).
    """

    def __init__(self, canvas: Canvas, build: Build, dome: np.ndarray) -> None:
        self.canvas, self.build, self.rng = canvas, build, canvas.rng
        self.dome = dome
        self.size = float(self.rng.normal(1.0, 0.05))
        # A slender person's organs lie closer together.
        self.wide = (build.width - build.fat - build.wall) / 127
        self.rise = build.dome - 98

    def draw(self) -> None:
        """All of them, in the order in which they keep their place."""
        self.vessels()
        self.heart()
        self.kidneys()
        self.adrenals()
        self.bladder()
        self.portal_vein()
        self.pancreas()
        self.gallbladder()
        self.esophagus()
        self.spleen()
        self.stomach()
        self.duodenum()
        self.liver()
        self.colon()
        self.small_bowel()

    def at(self, x: float, y: float, z: float, spread: float = 3.5) -> np.ndarray:
        """A place, moved at random by about `spread` mm; x follows the body's width."""
        shift = np.clip(self.rng.normal(0, spread, 3), -2 * spread, 2 * spread)
        lifted = z + self.rise * float(np.clip((z + 40) / 100, 0, 1))
        return np.array([x * self.wide, y, lifted]) + shift

    def line(self, points: list[tuple[float, float, float]], spread: float = 3.5) -> list:
        """Places moved together by about `spread` mm and each a little."""
        shift = self.rng.normal(0, 0.7 * spread, 3)
        return [self.at(*p, spread=0.5 * spread) + shift for p in points]

    def scaled(self, *radii: float, spread: float = 0.08) -> list[float]:
        """Radii times the person's size, each varied."""
        return [r * self.size * float(self.rng.normal(1, spread)) for r in radii]

    def vessels(self) -> None:
        """Aorta, inferior vena cava, iliac vessels, the first branches."""
        width = self.rng.uniform(0.85, 1.25)
        aorta = self.line([(-20, -30, 200), (-14, -28, 90), (-9, -26, 10), (-3, -25, -82)], 2)
        self.canvas.tube(Tissue.AORTA, aorta, [13 * width, 12 * width, 10.5 * width, 9], _CAVITY)
        cava = self.line([(17, -27, -84), (22, -25, 10), (25, -14, 70), (20, -2, 112)], 2)
        flat = self.rng.uniform(0.7, 1.05)
        cava.append(np.array([16.0, 4.0, 128.0 + self.rise]))
        radii = [11, 11.5, 13, 13, 12]
        vein = Tissue.INFERIOR_VENA_CAVA
        self.canvas.tube(vein, cava, radii, (*_CAVITY, Tissue.LUNGS), (1.1, flat, 1))
        for side in (-1, 1):
            start = (aorta[-1][0], aorta[-1][1], aorta[-1][2])
            course = [start, (side * 30, -24, -122), (side * 52, -8, -150), (side * 66, 30, -190)]
            self.canvas.tube(Tissue.VESSEL_ARTERY, course, [7, 6, 5.2, 5], _CAVITY)
            course = [
                cava[0],
                (side * 32, -34, -122),
                (side * 50, -20, -152),
                (side * 58, 22, -190),
            ]
            self.canvas.tube(Tissue.VESSEL_VEIN, course, [8, 7, 6.5, 6], _CAVITY)
            renal = [(side * 8, -26, 2), (side * 28, -38, 4), (side * 42 * self.wide, -42, 4)]
            self.canvas.tube(Tissue.VESSEL_VEIN, renal, [4.5, 4.5, 4], _FREE)
        trunk = [aorta[1] * 0.45 + aorta[2] * 0.55 + (0, 8, 0), (-4, 0, 30), (20, 8, 32)]
        self.canvas.tube(Tissue.VESSEL_ARTERY, trunk, [4, 3.5, 2.8], _FREE)
        upper = [(-8, -16, 14), (-5, 4, 0), (-2, 18, -50), (12, 26, -80)]
        self.canvas.tube(Tissue.VESSEL_ARTERY, upper, [3.6, 3.6, 3, 2.5], _FREE)
        mesenteric = [(9, 10, 10), (9, 14, -15), (8, 24, -55), (20, 30, -80)]
        self.canvas.tube(Tissue.VESSEL_VEIN, mesenteric, [5.5, 5.2, 4.2, 3], _FREE)

    def heart(self) -> None:
        """Above the diaphragm, its apex to the left and front."""
        centre = self.at(-24, 26, 138)
        radii = self.scaled(62, 44, 44)
        over = (Tissue.VISCERAL_FAT, Tissue.LUNGS)
        self.canvas.blob(Tissue.HEART, centre, radii, over, (0, 20, -28), 0.06)

    def kidneys(self) -> None:
        """Beans beside the psoas, upper poles closer together, with fat and pelvis in the hilum."""
        for side, organ, x, z in (
            (1, Tissue.KIDNEY_RIGHT, 62, 4),
            (-1, Tissue.KIDNEY_LEFT, -60, 16),
        ):
            centre = self.at(x, -47, z, spread=4)
            radii = self.scaled(26, 24, 53, spread=0.06)
            tilt = (self.rng.normal(-8, 3), side * self.rng.normal(-11, 3), side * 20)
            self.canvas.blob(organ, centre, radii, _CAVITY, tilt, 0.06)
            hilum = centre + (-side * 21, 7, 0)
            sinus = self.scaled(15, 10, 24)
            self.canvas.blob(Tissue.RENAL_SINUS, hilum, sinus, (organ,), tilt, 0.25)
            cut = centre + (-side * 34, 9, 0)
            self.canvas.blob(Tissue.VISCERAL_FAT, cut, (13, 10, 15), (organ, Tissue.RENAL_SINUS))

    def adrenals(self) -> None:
        """Thin sheets over the kidneys' upper poles, like an inverted Y seen from above."""
        for side, organ, x, y, z in (
            (1, Tissue.ADRENAL_GLAND_RIGHT, 33, -36, 56),
            (-1, Tissue.ADRENAL_GLAND_LEFT, -34, -32, 50),
        ):
            apex = self.at(x, y, z, spread=2)
            length = 17 * self.size
            for limb in ((side * 4, -17), (-side * 5, -16)):
                end = apex + (limb[0], limb[1], -3)
                for level in np.linspace(-0.5, 0.5, 9) * length * 2:
                    lift = np.array([level * side * 0.12, 0, level])
                    thick = 2.7 * self.size * (1 - 0.25 * abs(level) / length)
                    self.canvas.tube(organ, [apex + lift, end + lift], [thick, thick], _CAVITY)

    def bladder(self) -> None:
        """In the small pelvis behind the pubic bone, more or less full."""
        full = self.rng.uniform(0.75, 1.25)
        centre = self.at(0, 22, -150, spread=4)
        radii = [r * full for r in self.scaled(38, 31, 29)]
        self.canvas.blob(Tissue.URINARY_BLADDER, centre, radii, _CAVITY, wobble=0.06)
        self.canvas.blob(Tissue.PROSTATE, (0, 12, -186), (22, 18, 18), _CAVITY, wobble=0.08)

    def portal_vein(self) -> None:
        """The splenic vein behind the pancreas, and the portal vein up to the liver's hilum."""
        self.meeting = self.at(10, 8, 14, spread=2)
        hilum = self.at(44, 14, 52, spread=3)
        veins = Tissue.PORTAL_VEIN_AND_SPLENIC_VEIN
        splenic = [self.at(-78, -22, 46, 3), self.at(-40, -6, 36, 2), self.at(-12, 2, 22, 2)]
        self.canvas.tube(veins, [*splenic, self.meeting], [3.8, 4.6, 5.2, 6.5], _FREE)
        portal = [self.meeting, (self.meeting + hilum) / 2 + (3, 0, 3), hilum]
        thick = self.rng.uniform(6.8, 8.6)
        self.canvas.tube(veins, portal, [thick, thick, thick * 0.9], _FREE)
        for end in ((78, 8, 62), (22, 34, 66)):
            self.canvas.tube(veins, [hilum, self.at(*end)], [6, 3.2], _FREE)

    def pancreas(self) -> None:
        """Head in the duodenum's arc, neck before the portal vein, tail towards the spleen."""
        course = [
            self.at(34, 12, -18, 2), self.at(32, 16, 0, 2), self.meeting + (2, 13, 0),
            self.at(-22, 14, 26, 3), self.at(-50, -2, 38, 3), self.at(-74, -16, 46, 3),
        ]  # fmt: skip
        thick = self.rng.normal(1.0, 0.1) * self.size
        radii = [r * thick for r in (13, 16, 10, 11.5, 12, 9)]
        self.canvas.tube(Tissue.PANCREAS, course, radii, _FREE, (1, 0.85, 1.05))

    def gallbladder(self) -> None:
        """A pear under the liver's right lobe, its fundus forward and down."""
        full = self.rng.uniform(0.8, 1.2)
        neck = self.at(46, 28, 36, 3)
        fundus = neck + (16 * self.wide, 34, -26)
        radii = [r * full for r in (5, 11, 17, 15)]
        course = [neck, neck * 0.6 + fundus * 0.4, neck * 0.2 + fundus * 0.8, fundus]
        self.canvas.tube(Tissue.GALLBLADDER, course, radii, _FREE)

    def esophagus(self) -> None:
        """Behind the heart, through the diaphragm, into the stomach."""
        self.cardia = self.at(-18, -6, 92, 2)
        course = [*np.array([(-2, -30, 200), (-6, -24, 140), (-11, -16, 112)]), self.cardia]
        over = (*_CAVITY, Tissue.LUNGS)
        self.canvas.tube(Tissue.ESOPHAGUS, course, [8.5, 8, 8.5, 9], over, (1.15, 0.9, 1))

    def spleen(self) -> None:
        """A crescent under the left dome: an ellipsoid without what the stomach takes of it."""
        big = float(np.clip(self.rng.normal(1, 0.12), 0.75, 1.3))
        centre = self.at(-106, -32, 56, 4)
        radii = [r * big for r in self.scaled(36, 50, 56)]
        turn = (18, -14, 22)
        reach = max(radii) * 1.3
        box = self.canvas.box(centre - reach, centre + reach)
        bend = 1 + 0.07 * np.clip(self.canvas.noise[box], -2, 2)
        inside = self.canvas.ellipsoid(box, centre, radii, turn) < bend**2
        hollow = centre + (48 * self.wide, 28, -6)
        inside &= self.canvas.ellipsoid(box, hollow, [r * 0.95 for r in radii], turn) > 1
        self.canvas.put(box, inside & self._below_dome(box), Tissue.SPLEEN, _FREE)

    def stomach(self) -> None:
        """Fundus under the left dome, body, antrum, pylorus: a J that lies across."""
        full = self.rng.uniform(0.72, 1.12)
        self.pylorus = self.at(30, 40, 12, 3)
        course = [
            self.cardia, self.at(-52, -14, 84, 4), self.at(-66, 16, 58, 5), self.at(-58, 44, 26, 6),
            self.at(-24, 58, self.rng.uniform(-12, 10), 6), self.pylorus,
        ]  # fmt: skip
        radii = [11, 34 * full, 35 * full, 29 * full, 22 * full, 10]
        self.canvas.tube(Tissue.STOMACH, course, radii, _FREE)
        self._trim_above_dome(Tissue.STOMACH)

    def duodenum(self) -> None:
        """An arc around the head of the pancreas, then across to the left."""
        course = [
            self.pylorus, self.at(50, 26, 14, 2), self.at(58, 4, -6, 2), self.at(54, -4, -38, 2),
            self.at(24, -8, -52, 2), self.at(-14, -6, -48, 2), self.at(-32, 6, -26, 2),
        ]  # fmt: skip
        self.end = course[-1]
        thick = self.rng.uniform(0.9, 1.15)
        radii = [r * thick for r in (10, 13, 13, 12.5, 12, 11, 11)]
        self.canvas.tube(Tissue.DUODENUM, course, radii, _FREE)

    def liver(self) -> None:
        """Fills the right dome, thins out to the left; flat underneath, kidney and gut press in."""
        big = float(np.clip(self.rng.normal(1, 0.07), 0.85, 1.18))
        right = self.at(74, 0, 46, 4)
        left = self.at(6, 34, 70, 4)
        box = self.canvas.box((-110, -115, -110), (175, 130, 150))
        bend = (1 + 0.06 * np.clip(self.canvas.noise[box], -2, 2)) ** 2
        sizes = [r * big for r in self.scaled(84, 84, 84, spread=0.04)]
        lobe = self.canvas.ellipsoid(box, right, sizes, (0, -14, 0)) < bend
        sizes = [r * big for r in self.scaled(82, 40, 38, spread=0.07)]
        lobe |= self.canvas.ellipsoid(box, left, sizes, (-8, -10, 8)) < bend
        x, y, z = self.canvas.grid(box)
        # The under side rises from the right front edge to the left and to the back.
        tip = self.rng.normal(-52, 12)
        under = tip + 0.62 * np.clip(105 - x, 0, 200) - 0.22 * (y - 10) + 6 * self.canvas.noise[box]
        inside = lobe & (z > under) & self._below_dome(box)
        self.canvas.put(box, inside, Tissue.LIVER, _FREE)

    def colon(self) -> None:
        """A frame: up on the right, across the front, down on the left, a loop, the rectum."""
        sag = self.rng.uniform(-50, 0)
        ascending = [(82, 6, -118), (98, -8, -70), (104, -22, -30), (96, 2, -4)]
        across = [(70, 52, -12), (20, 72, -20 + sag), (-30, 72, -20 + sag), (-74, 44, 6)]
        descending = [(-108, -6, 36), (-112, -30, 6), (-108, -34, -60), (-94, -14, -108)]
        below = [(-66, 14, -134), (-34, 4, -112), (-4, -4, -120), (2, -40, -140), (0, -52, -200)]
        course = self.line([*ascending, *across, *descending, *below], 5)
        wide = self.rng.uniform(0.85, 1.15)
        radii = [
            r * wide for r in (27, 25, 23, 21, 20, 19, 19, 18, 17, 16, 15, 14, 14, 14, 15, 17, 18)
        ]
        path = self._haustra(course, radii)
        self.canvas.tube(Tissue.COLON, *path, _FREE)

    def small_bowel(self) -> None:
        """Loops that wind through the middle, in what room is left."""
        points = []
        for level in np.arange(-8, -142, -23.0):
            span = 72 * self.wide * (1 if level > -110 else 0.72)
            for row, y in enumerate((62.0, 36.0, 8.0)):
                xs = np.linspace(-span, span, 7)
                turned = xs if (row % 2) == 0 else xs[::-1]
                points += [(x, y, level) for x in turned]
        noise = self.rng.normal(0, 7.5, (len(points), 3))
        course = [self.end, *(np.array(points) + noise)]
        radii = self.rng.uniform(9.5, 13.5, len(course))
        self.canvas.tube(Tissue.SMALL_BOWEL, course, radii, _FREE)

    def _haustra(self, course: list, radii: list[float]) -> tuple[list, list[float]]:
        """The same line in short steps with bulges between the taeniae's folds."""
        path, thickness = smooth_path(course, radii, step=3.0)
        phase = np.arange(len(path)) * 3.0 / self.rng.uniform(24, 34) * 2 * np.pi
        bulge = thickness * (1 + 0.13 * np.sin(phase) + 0.06 * self.rng.standard_normal(len(path)))
        return list(path), list(bulge)

    def _below_dome(self, box: tuple[slice, slice, slice]) -> np.ndarray:
        _, _, z = self.canvas.grid(box)
        return z < self.dome[box[0], box[1]] - 1.0

    def _trim_above_dome(self, organ: Tissue) -> None:
        whole = (slice(None), slice(None), slice(None))
        self.canvas.put(whole, ~self._below_dome(whole), Tissue.VISCERAL_FAT, (organ,))
