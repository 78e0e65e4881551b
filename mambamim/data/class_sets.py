"""Label values that leave open which class a voxel is of: partly labelled cases, merged organs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mambamim.errors import BadInputError

UNKNOWN = 255  # a voxel that may be anything
_VALUES = 256


@dataclass(frozen=True)
class ClassSets:
    """What the values of a label map that is trained on allow.

    Values below `classes` are that class; `classes + i` means one of `merged[i]`; `UNKNOWN` means
    any class.

    Attributes:
        classes: of the network, background (0) included.
        merged: sets of classes that some label map does not tell apart.
    """

    classes: int
    merged: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        if not 2 <= self.classes <= UNKNOWN - len(self.merged):
            raise BadInputError(
                f"{self.classes} classes and {len(self.merged)} merged sets do not fit.",
                f"Together there can be {UNKNOWN}, and at least 2 classes.",
            )
        for members in self.merged:
            if len(set(members)) < 2 or not all(0 <= c < self.classes for c in members):
                raise BadInputError(f"{members} is no set of two or more of the classes.")

    def value(self, members: Sequence[int]) -> int:
        """The label value that stands for a set of classes.

        Raises:
            BadInputError: none does.
        """
        wanted = tuple(sorted(set(members)))
        if len(wanted) == 1:
            return wanted[0]
        if len(wanted) == self.classes:
            return UNKNOWN
        known = {tuple(sorted(set(m))): self.classes + i for i, m in enumerate(self.merged)}
        if wanted not in known:
            raise BadInputError(f"No label value stands for one of the classes {wanted}.")
        return known[wanted]

    def table(self) -> np.ndarray:
        """(256, classes) bool: which classes each value allows; unused values allow any."""
        allowed = np.ones((_VALUES, self.classes), bool)
        allowed[: self.classes] = np.eye(self.classes, dtype=bool)
        for i, members in enumerate(self.merged):
            allowed[self.classes + i] = False
            allowed[self.classes + i, list(members)] = True
        return allowed
