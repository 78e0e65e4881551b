"""Cross-validation: how the best and the last weights of each fold did."""

from __future__ import annotations

import csv
import json
import statistics
from pathlib import Path
from typing import Any

from mambamim.errors import BadInputError
from mambamim.files import atomic_path
from mambamim.finetuning.finetune import FinetuneData
from mambamim.training.patience import WATCHED


def check_folds(folds: int, data: FinetuneData) -> None:
    """Refuse a cross-validation that cannot be, before the first fold is trained.

    Raises:
        BadInputError: fewer than two folds, or cases named for the validation as well.
    """
    if folds == 0:
        return
    if folds < 2:
        raise BadInputError(f"A cross-validation cannot have {folds} folds.", "Take 2 or more.")
    if data.validation:
        raise BadInputError(
            "A cross-validation keeps cases of --data apart; --validation names others.",
            "Leave one of the two out.",
        )


def write_fold_scores(run: Path, folds: int) -> str:
    """Write RUN/folds.json; the best weights of a fold were chosen on the cases they are scored on.

    Returns:
        The same as a table for a person.

    Raises:
        BadInputError: a fold has not validated once.
    """
    rows = [_fold_scores(run / f"fold-{fold + 1}", fold + 1) for fold in range(folds)]
    mean = {kind: statistics.mean(row[kind] for row in rows) for kind in ("best", "last")}
    spread = {kind: statistics.stdev(row[kind] for row in rows) for kind in ("best", "last")}
    note = "best is chosen on the cases that it is scored on and so looks better than it is"
    content = {"folds": rows, "mean": mean, "sd": spread, "note": note}
    with atomic_path(run / "folds.json") as temporary:
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
    lines = [f"{'fold':>4}  {'best Dice':>9}  {'at step':>7}  {'last Dice':>9}"]
    lines += [
        f"{row['fold']:4}  {row['best']:9.4f}  {row['best_step']:7}  {row['last']:9.4f}"
        for row in rows
    ]
    lines.append(f"mean  {mean['best']:9.4f}  {'':7}  {mean['last']:9.4f}  ({note})")
    return "\n".join(lines)


def _fold_scores(run: Path, fold: int) -> dict[str, Any]:
    with (run / "validation.csv").open(encoding="utf-8", newline="") as stream:
        scores = [
            (int(row["step"]), float(row["value"]))
            for row in csv.DictReader(stream)
            if row["name"] == WATCHED
        ]
    if not scores:
        raise BadInputError(
            f"Fold {fold} has not validated once.", "Take a smaller --validate-every."
        )
    best_step, best = max(scores, key=lambda row: row[1])
    return {"fold": fold, "best": best, "best_step": best_step, "last": scores[-1][1]}
