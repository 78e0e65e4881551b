"""From a scan's values to 0..1: HU by a fixed window, MR by the scan's own percentiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mambamim.errors import BadInputError

_AIR_LIKE = -200  # HU; MR has next to nothing below
_AIR_SHARE = 0.05  # of the voxels; a body part fills no scan to the corners
_NO_MR = -500  # a value that only HU reach
_ALIKE = 0.8  # of neighbours, see `is_label_map`


@dataclass(frozen=True)
class IntensityRule:
    """How values become 0..1. `dataclasses.asdict` gives JSON, keywords make it again.

    Attributes:
        modality: "CT" or "MR".
        unit: what `low` and `high` are: "HU", or "percentile" of the voxels above the minimum,
            which is an MR scan's background.
        low: what becomes 0; all below does too.
        high: what becomes 1; all above does too.
    """

    modality: str
    unit: str
    low: float
    high: float

    def limits(self, array: np.ndarray, where: str = "The scan") -> tuple[float, float]:
        """The scan's own values that become 0 and 1.

        Args:
            array: the scan as read, finite numbers, any shape.
            where: the scan's name, for the message.

        Raises:
            BadInputError: the scan holds one value only, or none within the window of HU.
        """
        least, most = float(array.min()), float(array.max())
        if least == most:
            raise BadInputError(f"{where} holds one value only ({least:g}).", "Leave it out.")
        if self.unit == "HU":
            if most <= self.low or least >= self.high:
                raise BadInputError(
                    f"{where} holds nothing between {self.low:g} and {self.high:g} HU; its values"
                    f" run from {least:g} to {most:g}.",
                    "Check that it is a CT in HU, or say that it is MR.",
                )
            return self.low, self.high
        low, high = np.percentile(array[array > least], (self.low, self.high))
        # A scan of two values, or nearly so: its tissue has no range of its own.
        return (float(low), float(high)) if high > low else (least, most)

    def apply(self, array: np.ndarray, limits: tuple[float, float] | None = None) -> np.ndarray:
        """The values in 0..1, what lies beyond the limits clipped.

        Args:
            array: finite numbers, any shape.
            limits: of the scan that `array` was made of; None takes those of `array`.

        Returns:
            float32 of that shape, a new array.

        Raises:
            BadInputError: as `limits`, if they are not given.
        """
        low, high = self.limits(array) if limits is None else limits
        scaled = array.astype(np.float32)
        scaled -= np.float32(low)
        scaled *= np.float32(1 / (high - low))
        return np.clip(scaled, 0, 1, out=scaled)


_RULES = {
    "CT": IntensityRule("CT", "HU", -175.0, 250.0),
    "MR": IntensityRule("MR", "percentile", 0.5, 99.5),
}


def rule_for(modality: str) -> IntensityRule:
    """The rule of a modality, "CT" or "MR".

    Raises:
        BadInputError: another modality.
    """
    if modality not in _RULES:
        raise BadInputError(f"There is no modality {modality}.", f"Choose {' or '.join(_RULES)}.")
    return _RULES[modality]


def guess_modality(array: np.ndarray) -> str:
    """ "CT" where the values hold air in HU, else "MR".

    Args:
        array: a whole scan as read, any shape.
    """
    if float(array.min()) <= _NO_MR:
        return "CT"
    return "CT" if np.count_nonzero(array < _AIR_LIKE) > _AIR_SHARE * array.size else "MR"


def is_label_map(array: np.ndarray) -> bool:
    """Whether the values are labels, not a scan's: whole numbers, the same from voxel to voxel.

    In label maps more than nine of ten neighbours are alike, in scans of any kind hardly one is.

    Args:
        array: (D, H, W), as read.
    """
    if array.dtype.kind == "f" and not np.array_equal(array, np.rint(array)):
        return False
    background = array.min()
    for axis in range(array.ndim):
        one = array.take(range(array.shape[axis] - 1), axis)
        two = array.take(range(1, array.shape[axis]), axis)
        inside = (one != background) & (two != background)
        if np.count_nonzero((one == two) & inside) <= _ALIKE * np.count_nonzero(inside):
            return False
    return True
