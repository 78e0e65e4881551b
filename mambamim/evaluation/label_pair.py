"""Two label maps of one case, read and checked to lie on one grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from mambamim.data.orientation import to_ras
from mambamim.data.statistics import voxel_counts
from mambamim.data.volume import Volume, read_volume
from mambamim.errors import BadInputError

_OFF = 0.1  # of the smallest voxel side: more is no rounding
_VALUES = 1 << 16


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Labels with their place.

    Attributes:
        array: (I, J, K) uint16, axes to R, A and S.
        affine: (4, 4) RAS mm.
        name: of the file, for messages.
    """

    array: np.ndarray
    affine: np.ndarray
    name: str

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Of the voxels along the three axes."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0).tolist()
        return x, y, z

    def values(self) -> list[int]:
        """The values above 0 that occur."""
        found: list[int] = np.flatnonzero(voxel_counts(self.array)).tolist()
        return [value for value in found if value > 0]

    def looked_up(self, table: dict[int, int]) -> LabelMap:
        """With other values; those that are not in `table` become background."""
        lookup = np.zeros(_VALUES, np.uint16)
        lookup[list(table)] = list(table.values())
        return replace(self, array=lookup[self.array])


def read_labels(path: Path) -> LabelMap:
    """Read a label map of any orientation.

    Raises:
        BadInputError: it cannot be read, is not one 3D volume, or holds other values than the whole
            numbers 0..65535.
    """
    return labels_on(read_volume(path), path.name)


def labels_on(volume: Volume, name: str) -> LabelMap:
    """The labels that a volume holds.

    Raises:
        BadInputError: its values are no labels.
    """
    array, affine = to_ras(volume.array, volume.affine)
    low, high = array.min(), array.max()
    whole = array.dtype.kind != "f" or bool((array == np.rint(array)).all())
    if low < 0 or high >= _VALUES or not whole:
        fractions = "" if whole else ", and not only whole numbers"
        raise BadInputError(
            f"{name} holds values from {low:g} to {high:g}{fractions}.",
            f"Labels must be whole numbers from 0 to {_VALUES - 1}; 0 is background. Probabilities"
            " have to be made labels first.",
        )
    return LabelMap(array.astype(np.uint16), affine, name)


def check_one_grid(one: LabelMap, other: LabelMap) -> None:
    """Refuse two label maps that do not lie voxel on voxel.

    Raises:
        BadInputError: other numbers of voxels, or places more than 0.1 voxel apart; says by how
            much.
    """
    hint = "Resample one onto the other, nearest neighbour; scores need one grid."
    if one.array.shape != other.array.shape:
        raise BadInputError(
            f"{one.name} has {_by(one.array.shape)} voxels and {other.name}"
            f" {_by(other.array.shape)} (along right, front and up).",
            hint,
        )
    off, side = grid_distance(one, other), min(one.spacing_mm)
    if off > _OFF * side:
        raise BadInputError(
            f"{one.name} lies up to {off:.3g} mm ({off / side:.2g} voxels) beside {other.name}.",
            hint,
        )


def grid_distance(one: LabelMap, other: LabelMap) -> float:
    """How far apart two grids of one shape place the corner that they differ most in, mm."""
    ends = ((0, size - 1) for size in one.array.shape)
    corners = np.array([[*corner, 1] for corner in product(*ends)])
    return float(np.linalg.norm(corners @ (one.affine - other.affine).T, axis=1).max())


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
