"""Labelled scans that crops are taken from beside the painted ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import binary_opening, label

from mambamim.data.class_sets import UNKNOWN
from mambamim.data.orientation import to_ras
from mambamim.data.synthetic.anatomy_bank import MM
from mambamim.data.synthetic.archive import read_arrays, write_arrays
from mambamim.data.synthetic.label_sources import paint_from_total
from mambamim.data.synthetic.materials import label_table
from mambamim.data.synthetic.resampling import resample_labels, resample_scan
from mambamim.data.volume import read_volume
from mambamim.errors import BadInputError

_RANGE_HU = (-1024, 1600)
_STEP_HU = 4  # finer than any noise; compresses well
_MARGIN = 4  # voxels around the body


@dataclass(frozen=True, eq=False)
class RealCase:
    """A scan and its labels, RAS-oriented, with nothing about whose it is.

    Attributes:
        name: as the user gave it.
        hu: (D, H, W) int16, multiples of 4.
        spacing_mm: of `hu`, nowhere below 1.5.
        labels: uint8 at 1.5 mm over the same extent, values of `SETS`; 255 unknown.
        source: name, licence and kind of the labels ("real" or "pseudo").
    """

    name: str
    hu: np.ndarray
    spacing_mm: tuple[float, float, float]
    labels: np.ndarray
    source: dict[str, str]

    @property
    def extent_mm(self) -> np.ndarray:
        """(3,) mm."""
        return np.array(self.labels.shape) * MM

    def fine_hu(self) -> np.ndarray:
        """The scan on the labels' grid, float32."""
        return resample_scan(self.hu, self.spacing_mm, MM)

    def save(self, path: Path) -> None:
        """Write a small .npz."""
        source = [self.name, self.source["name"], self.source["licence"], self.source["kind"]]
        write_arrays(
            path,
            # Steps along an axis pack better than what they lead to.
            steps=np.diff(self.hu // _STEP_HU, axis=0, prepend=np.int16(0)).astype(np.int16),
            spacing=np.array(self.spacing_mm),
            labels=self.labels,
            source=np.array(source),
        )

    @classmethod
    def load(cls, path: Path) -> RealCase:
        """Read what `save` wrote; nothing is unpickled.

        Raises:
            BadInputError: it is no such file, or a damaged one.
        """
        steps, spacing, labels, source = read_arrays(path, "steps", "spacing", "labels", "source")
        hu = np.cumsum(steps, 0, dtype=np.int16) * np.int16(_STEP_HU)
        name, title, licence, kind = source.tolist()
        about = {"name": title, "licence": licence, "kind": kind}
        x, y, z = spacing.tolist()
        return cls(name, hu, (x, y, z), labels, about)


def read_case(name: str, scan: Path, labels: Path | None, source: dict[str, str]) -> RealCase:
    """A case of one or two files on one grid, cropped to the body.

    Args:
        name: for the user, and to hold the case back by.
        scan: CT in HU.
        labels: values of TotalSegmentator's; None leaves all unknown.
        source: see `RealCase`.

    Raises:
        BadInputError: a file cannot be read, or their grids differ.
    """
    volume = read_volume(scan)
    hu, affine = to_ras(volume.array, volume.affine)
    classes = np.full(hu.shape, UNKNOWN, np.uint8)
    if labels is not None:
        marked = read_volume(labels)
        values, _ = to_ras(marked.array, marked.affine)
        if values.shape != hu.shape:
            raise BadInputError(f"{labels.name} has another shape than {scan.name}.")
        classes = label_table()[paint_from_total(values)]
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    coarse = [max(MM, float(side)) for side in sides]
    box = _body(hu)
    hu = resample_scan(np.clip(hu[box], *_RANGE_HU), sides, coarse)
    stepped = (np.rint(hu / _STEP_HU) * _STEP_HU).astype(np.int16)
    x, y, z = coarse
    return RealCase(name, stepped, (x, y, z), resample_labels(classes[box], sides, MM), source)


def _body(hu: np.ndarray) -> tuple[slice, ...]:
    """The largest thing that is no air, with a margin; all planes along axis 2."""
    parts, count = label(binary_opening(hu > -400, iterations=2))
    if not count:
        return tuple(slice(0, n) for n in hu.shape)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    body = parts == sizes.argmax()
    box = []
    for axis in range(2):
        line = np.flatnonzero(body.any(tuple(a for a in range(3) if a != axis)))
        low, high = line[0] - _MARGIN, line[-1] + _MARGIN + 1
        box.append(slice(max(0, int(low)), min(hu.shape[axis], int(high))))
    return (*box, slice(0, hu.shape[2]))
