"""Real anatomies without their scans: paint maps and distances, small enough to travel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mambamim.data.orientation import to_ras
from mambamim.data.synthetic.archive import read_arrays, write_arrays
from mambamim.data.synthetic.hulls import distances_of
from mambamim.data.synthetic.label_sources import (
    ATLAS_SPACING,
    paint_from_atlas,
    paint_from_total,
    paint_from_total_mr,
)
from mambamim.data.synthetic.materials import SILENT, VALUES
from mambamim.data.synthetic.resampling import resample_labels
from mambamim.data.volume import read_volume

MM = 1.5
MARGIN = 36  # voxels of air or fat beside the labelled body
_POINTS = 64  # of an organ, to centre crops at
_FEWEST = 30  # voxels of what counts as there


@dataclass(frozen=True, eq=False)
class Anatomy:
    """One body, RAS-oriented, with nothing about whose it is.

    Attributes:
        name: of the source, such as "spl_abdominal_atlas".
        paint: (D, H, W) uint8 at 1.5 mm, values of `Tissue` and `Material`; even sides.
        distances: (3, D/2, H/2, W/2) int8 mm, at 3 mm: to the visceral hull, the body's hull and
            bone; negative inside.
        points: material -> (64, 3) float32, random places in it, mm from the map's first corner.
        source: name and licence of the label map.
    """

    name: str
    paint: np.ndarray
    distances: np.ndarray
    points: dict[int, np.ndarray]
    source: dict[str, str]

    @property
    def extent_mm(self) -> np.ndarray:
        """(3,) mm."""
        return np.array(self.paint.shape) * MM

    def centre(self, material: int) -> np.ndarray | None:
        """Where a material lies, (3,) mm; None where the body has none of it."""
        points = self.points.get(material)
        return None if points is None else points.mean(0)

    def save(self, path: Path) -> None:
        """Write a small .npz."""
        values = sorted(self.points)
        write_arrays(
            path,
            paint=self.paint,
            # Steps along an axis pack better than what they lead to; uint8 wraps around.
            steps=np.diff(self.distances.view(np.uint8), axis=1, prepend=np.uint8(0)),
            values=np.array(values, np.uint8),
            points=np.stack([self.points[value] for value in values]),
            source=np.array([self.name, self.source["name"], self.source["licence"]]),
        )

    @classmethod
    def load(cls, path: Path) -> Anatomy:
        """Read what `save` wrote; nothing is unpickled.

        Raises:
            BadInputError: it is no such file, or a damaged one.
        """
        arrays = read_arrays(path, "paint", "steps", "values", "points", "source")
        paint, steps, values, places, source = arrays
        distances = np.cumsum(steps, axis=1, dtype=np.uint8).view(np.int8)
        points = dict(zip(values.tolist(), places, strict=True))
        name, title, licence = source.tolist()
        return cls(name, paint, distances, points, {"name": title, "licence": licence})


@dataclass(frozen=True)
class LabelMap:
    """A public label map and how it is read.

    Attributes:
        file: below the data folder.
        to_paint: from its values.
        source: name and licence.
        spacing_mm: where the header is wrong.
        planes: along axis 2, those that are whole.
    """

    file: str
    to_paint: Callable[[np.ndarray], np.ndarray]
    source: dict[str, str]
    spacing_mm: tuple[float, float, float] | None = None
    planes: tuple[int | None, int | None] = (None, None)


_TOTAL = {"name": "TotalSegmentator dataset, label map", "licence": "CC-BY-4.0"}
_EXAMPLE = {
    "name": "TotalSegmentator example CT, pseudo-labels of its authors",
    "licence": "Apache-2.0",
}
_EXAMPLE_MR = {
    "name": "TotalSegmentator example MR, pseudo-labels of its authors",
    "licence": "Apache-2.0",
}
_ATLAS = {"name": "SPL abdominal atlas, label map", "licence": "3D Slicer licence"}
LABEL_MAPS = {
    # From the neck up much is unlabelled.
    "totalseg_s0327": LabelMap(
        "labelmaps_only/totalseg_s0327_label.nii.gz", paint_from_total, _TOTAL, planes=(None, 400)
    ),
    "totalseg_s0328": LabelMap(
        "labelmaps_only/totalseg_s0328_label.nii.gz", paint_from_total, _TOTAL, planes=(None, -2)
    ),
    "spl_abdominal_atlas": LabelMap(
        "labelmaps_only/spl_abdominal_atlas_label.nii.gz", paint_from_atlas, _ATLAS, ATLAS_SPACING
    ),
    "ts_ct_abdomen": LabelMap("ts_ct_abdomen/label.nii.gz", paint_from_total, _EXAMPLE),
    "ts_mr_abdomen": LabelMap("ts_mr_abdomen/label.nii.gz", paint_from_total_mr, _EXAMPLE_MR),
}


def read_anatomy(folder: Path, name: str) -> Anatomy:
    """The anatomy of one of `LABEL_MAPS`.

    Args:
        folder: of the data.
        name: key of `LABEL_MAPS`.

    Raises:
        BadInputError: the file is absent or damaged.
    """
    known = LABEL_MAPS[name]
    volume = read_volume(folder / known.file)
    labels, affine = to_ras(volume.array, volume.affine)
    spacing = known.spacing_mm or tuple(np.linalg.norm(affine[:3, :3], axis=0))
    paint = known.to_paint(labels)[:, :, slice(*known.planes)]
    return make_anatomy(name, resample_labels(paint, spacing, MM), known.source)


def make_anatomy(name: str, paint: np.ndarray, source: dict[str, str]) -> Anatomy:
    """An anatomy of a paint map at 1.5 mm, (D, H, W) uint8, without margin."""
    box = tuple(slice(0, n // 2 * 2) for n in paint.shape)
    sides = [(MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)]
    paint = np.pad(paint[box], sides)
    return Anatomy(name, paint, distances_of(paint[::2, ::2, ::2], 2 * MM), _points(paint), source)


def _points(paint: np.ndarray) -> dict[int, np.ndarray]:
    """Random places in every material, mm."""
    rng = np.random.default_rng(0)
    places = np.argwhere(paint != SILENT)
    values = paint[tuple(places.T)]
    points = {}
    for value in np.flatnonzero(np.bincount(values, minlength=VALUES) >= _FEWEST).tolist():
        of_it = places[values == value]
        chosen = of_it[rng.integers(len(of_it), size=_POINTS)]
        points[value] = ((chosen + 0.5) * MM).astype(np.float32)
    return points
