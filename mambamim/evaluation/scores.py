"""The numbers of one class in one case, and of one case."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class ClassScore:
    """How well one class was found in one case; `mambamim.evaluation.rules` tells the rules.

    Attributes:
        value: of the class.
        name: of the class.
        dice: 0..1; NaN where neither label map has the class. So are `nsd` and `hd95_mm`.
        nsd: normalised surface Dice, 0..1.
        hd95_mm: 95th percentile of the Hausdorff distance, mm; infinite where one has no surface.
        truth_ml: volume in the manual label, mL.
        found_ml: volume in the prediction, mL.
    """

    value: int
    name: str
    dice: float
    nsd: float
    hd95_mm: float
    truth_ml: float
    found_ml: float

    @property
    def scored(self) -> bool:
        """False where neither label map has the class."""
        return self.truth_ml > 0 or self.found_ml > 0

    @property
    def missed(self) -> bool:
        """In the manual label and not predicted."""
        return self.truth_ml > 0 and self.found_ml == 0

    @property
    def false_find(self) -> bool:
        """Predicted and not in the manual label."""
        return self.found_ml > 0 and self.truth_ml == 0

    @property
    def outcome(self) -> str:
        """One of "found", "missed", "false find" and "absent"."""
        if not self.scored:
            return "absent"
        return "missed" if self.missed else "false find" if self.false_find else "found"

    @property
    def error_ml(self) -> float:
        """Prediction minus manual label, mL; NaN where neither has the class."""
        return self.found_ml - self.truth_ml if self.scored else math.nan

    @property
    def error_percent(self) -> float:
        """The same in % of the manual label; NaN where that is empty."""
        return 100 * self.error_ml / self.truth_ml if self.truth_ml > 0 else math.nan


@dataclass(frozen=True)
class CaseScore:
    """One case.

    Attributes:
        case: its name.
        scores: one a class.
    """

    case: str
    scores: tuple[ClassScore, ...]

    @property
    def mean_dice(self) -> float:
        """Over the scored classes; NaN where there is none."""
        dice = [score.dice for score in self.scores if score.scored]
        return sum(dice) / len(dice) if dice else math.nan
