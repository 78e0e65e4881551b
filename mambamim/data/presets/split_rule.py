"""Which cases of a data set are trained on, validated on and tested on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from mambamim.data.presets.case import PresetCase
from mambamim.errors import BadInputError

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class SplitRule:
    """How cases are divided. The same names give the same parts, in any order, on any machine.

    Cases are ordered by the SHA-256 of seed and name. Of that order the first share is tested on
    and the next one validated on, or each `folds`th case is, beginning with that of the fold.

    Attributes:
        source: where the rule comes from, in words.
        validation: share of the cases, where there are no folds.
        test: share of the cases.
        folds: of a cross-validation; 0 for a single split.
        published: the data set's own parts are taken, and none of the above.
        seed: of the order.
    """

    source: str
    validation: float = 0.2
    test: float = 0.0
    folds: int = 0
    published: bool = False
    seed: int = 0

    def apply(self, cases: Sequence[PresetCase], fold: int = 0) -> dict[str, list[PresetCase]]:
        """Divide cases; each is in one part, in the order it came.

        Args:
            cases: of one data set.
            fold: which of `folds` is validated on, from 0.

        Returns:
            "train", "validation" and "test" -> cases; a part that the rule lacks is empty.

        Raises:
            BadInputError: no such fold, fewer cases than folds, two cases of one name, or a case
                whose part the data set does not tell.
        """
        if not 0 <= fold < max(self.folds, 1):
            raise BadInputError(
                f"There is no fold {fold}.", f"The first is 0, the last {max(self.folds, 1) - 1}."
            )
        names = [case.name for case in cases]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise BadInputError(f"There are two cases {twice[0]}.", "Give each case once.")
        part_of = self._published(cases) if self.published else self._drawn(names, fold)
        return {part: [case for case in cases if part_of[case.name] == part] for part in PARTS}

    def _published(self, cases: Sequence[PresetCase]) -> dict[str, str]:
        parts = {case.name: case.part for case in cases}
        for name, part in parts.items():
            if part not in PARTS:
                raise BadInputError(
                    f"The data set does not say what {name} is for.", "Take cases of find_cases."
                )
        return {name: str(part) for name, part in parts.items()}

    def _drawn(self, names: Sequence[str], fold: int) -> dict[str, str]:
        if len(names) < self.folds:
            raise BadInputError(
                f"{len(names)} cases cannot be divided into {self.folds} folds.",
                "Give more cases.",
            )
        order = sorted(names, key=self._place)
        part_of = dict.fromkeys(order, "train")
        tested = _share(self.test, len(order))
        if self.folds:
            chosen = order[tested:][fold :: self.folds]
        else:
            chosen = order[tested : tested + _share(self.validation, len(order))]
        part_of |= dict.fromkeys(order[:tested], "test")
        return part_of | dict.fromkeys(chosen, "validation")

    def _place(self, name: str) -> str:
        return hashlib.sha256(f"{self.seed}/{name}".encode()).hexdigest()


def _share(part: float, whole: int) -> int:
    """At least one of two or more cases, if any share is asked for."""
    return max(round(part * whole), 1) if part > 0 and whole > 1 else 0
