"""What is measured and how empty label maps count: the one wording that is shown everywhere."""

from __future__ import annotations

DEFAULT_TOLERANCE_MM = 2.0

RULES = (
    "Absent in the manual label and in the prediction: not scored.",
    "Absent in the manual label but predicted: Dice 0, NSD 0, HD95 infinite; a false find.",
    "In the manual label but not predicted: Dice 0, NSD 0, HD95 infinite, volume error -100 %; "
    "missed.",
    "Means of Dice and NSD are over all scored cases, missed ones and false finds included.",
    "Means of HD95 leave the infinite ones out, so read them with the counts of missed and false "
    "finds.",
    "Volume error is prediction minus manual label, in % of the manual label; no % where the "
    "manual label is empty.",
    "SD is the sample's (n - 1). The mean over classes gives every class the same weight.",
)

COMPARISON_RULES = (
    "Pairs are the cases whose manual label has the class; differences are first minus second, so "
    "more than 0 means that the first is better.",
    "Wilcoxon signed rank test, two-sided, zero differences left out (Wilcoxon's rule), equal "
    "ranks averaged; exact up to 500 pairs, beyond that by the normal distribution.",
    "Paired t test, two-sided; the 95 % interval of the mean difference is that test's.",
    "Holm's correction is over the classes, for each measure and test; the row of the mean over "
    "classes (of each case) is one test and not corrected.",
    "d_z is Cohen's: mean / SD of the differences. r_rb is the matched-pairs rank-biserial "
    "correlation: (W+ - W-) / (W+ + W-).",
)


def measures_text(tolerance_mm: float) -> tuple[str, ...]:
    """What each number is, with the tolerance that was used."""
    return (
        "Dice: 2 |A and B| / (|A| + |B|), 0..1.",
        f"NSD: share of both surfaces that lies within {tolerance_mm:g} mm of the other one, "
        "weighted by area below the voxel size, 0..1.",
        "HD95: the larger one of the two 95th percentiles of the distances from surface voxels to "
        "the other surface, mm.",
    )
