"""Results to files and words: scores.csv, summary.json and .md, comparison.csv, .json and .md."""

from __future__ import annotations

import csv
import io
import json
import math
import platform
from collections.abc import Sequence
from dataclasses import asdict, fields
from importlib import metadata
from pathlib import Path
from typing import Any

import mambamim
from mambamim.evaluation.comparison import COMPARED, Comparison
from mambamim.evaluation.rules import COMPARISON_RULES, RULES, measures_text
from mambamim.evaluation.scores import CaseScore
from mambamim.evaluation.summary import ClassSummary, Spread, Summary
from mambamim.files import atomic_path

_NUMBERS = ("dice", "nsd", "hd95_mm", "truth_ml", "found_ml", "error_ml", "error_percent")
_PACKAGES = ("monai", "torch", "scipy", "numpy")
_HEAD = ("Class", "n", "Dice", "NSD", "HD95 mm", "Volume error %", "Missed", "False finds")
_COMPARED_HEAD = (
    *("Class", "n", "First", "Second", "Difference [95 %]", "Better/worse/equal"),
    *("Wilcoxon p", "Holm p", "t test p", "Holm p", "d_z", "r_rb"),
)


def write_scores(path: Path, cases: Sequence[CaseScore]) -> None:
    """Write a row a case and class; empty where a number is not defined, `inf` where infinite.

    Raises:
        BadInputError: the place cannot be written to.
    """
    rows: list[list[Any]] = [["case", "class", "name", "outcome", *_NUMBERS]]
    for case in cases:
        for score in case.scores:
            numbers = [_number(getattr(score, name)) for name in _NUMBERS]
            rows.append([case.case, score.value, score.name, score.outcome, *numbers])
    _write_csv(path, rows)


def write_summary(folder: Path, summary: Summary, facts: dict[str, Any], tolerance: float) -> None:
    """Write summary.json and summary.md.

    Args:
        folder: where.
        summary: of the cases.
        facts: what else is to be kept: the model, notes, faults.
        tolerance: of NSD, mm.

    Raises:
        BadInputError: the place cannot be written to.
    """
    content = {
        "cases": summary.cases,
        "tolerance_mm": tolerance,
        "overall_mean_over_classes": summary.overall,
        "classes": [_class_json(item) for item in summary.classes],
        "measures": list(measures_text(tolerance)),
        "rules": list(RULES),
        **facts,
        "versions": versions(),
    }
    _write_json(folder / "summary.json", content)
    told = facts.get("notes", [])
    text = f"# Agreement with manual labels\n\n{summary.cases} cases. {_HOW}\n\n"
    text += _markdown(summary_rows(summary)) + "\n\n"
    text += _list((*measures_text(tolerance), *RULES, *told))
    text += f"\n{_versions_line()} Not for clinical use.\n"
    _write_text(folder / "summary.md", text)


def write_comparison(folder: Path, rows: Sequence[Comparison]) -> None:
    """Write comparison.csv, comparison.json and comparison.md.

    Raises:
        BadInputError: the place cannot be written to.
    """
    names = [field.name for field in fields(Comparison)]
    table = [[_number(getattr(row, name)) for name in names] for row in rows]
    _write_csv(folder / "comparison.csv", [names, *table])
    content = {
        "comparisons": [asdict(row) for row in rows],
        "rules": list(COMPARISON_RULES),
        "versions": versions(),
    }
    _write_json(folder / "comparison.json", content)
    text = "# First against second set of predictions\n"
    for measure in COMPARED:
        part = _markdown(comparison_rows([row for row in rows if row.measure == measure]))
        text += f"\n## {TITLES[measure]}\n\n{part}\n"
    text += "\n" + _list(COMPARISON_RULES) + f"\n{_versions_line()} Not for clinical use.\n"
    _write_text(folder / "comparison.md", text)


def summary_rows(summary: Summary) -> list[tuple[str, ...]]:
    """The readable table: a head, a row a class, and the mean over classes."""
    rows: list[tuple[str, ...]] = [_HEAD]
    for item in summary.classes:
        if not item.scored:
            continue
        s = item.spreads
        rows.append((
            item.name, str(item.scored), _mean_sd(s["dice"], 3), _mean_sd(s["nsd"], 3),
            _mean_sd(s["hd95_mm"], 1), _mean_sd(s["error_percent"], 1),
            str(item.missed), str(item.false_finds),
        ))  # fmt: skip
    o, all_ = summary.overall, summary.classes
    rows.append((
        "mean over classes", "", _short(o["dice"], 3), _short(o["nsd"], 3), _short(o["hd95_mm"], 1),
        _short(o["error_percent"], 1), str(sum(c.missed for c in all_)),
        str(sum(c.false_finds for c in all_)),
    ))  # fmt: skip
    return rows


def comparison_rows(rows: Sequence[Comparison]) -> list[tuple[str, ...]]:
    """The readable table of one measure."""
    table: list[tuple[str, ...]] = [_COMPARED_HEAD]
    for row in rows:
        interval = f" [{row.low:+.3f}, {row.high:+.3f}]" if math.isfinite(row.low) else ""
        table.append((
            row.name, str(row.n), _short(row.first, 3), _short(row.second, 3),
            f"{row.difference:+.3f}{interval}" if row.n else "-",
            f"{row.better}/{row.worse}/{row.equal}", _p(row.wilcoxon_p), _p(row.wilcoxon_holm),
            _p(row.t_p), _p(row.t_holm), _short(row.d_z, 2), _short(row.rank_biserial, 2),
        ))  # fmt: skip
    return table


def as_text(rows: Sequence[tuple[str, ...]]) -> str:
    """A table for a terminal: the first column to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        first, *rest = (
            f"{cell:<{w}}" if i == 0 else f"{cell:>{w}}"
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *rest]).rstrip())
    return "\n".join(lines)


def versions() -> dict[str, str]:
    """Of what the numbers depend on."""
    packages = {name: metadata.version(name) for name in _PACKAGES}
    return {"mambamim": mambamim.__version__, "python": platform.python_version(), **packages}


_HOW = "Mean ± SD over the cases."
TITLES = {"dice": "Dice", "nsd": "NSD"}


def _class_json(item: ClassSummary) -> dict[str, Any]:
    spreads = {name: asdict(spread) for name, spread in item.spreads.items()}
    for numbers in spreads.values():
        numbers["iqr"] = numbers["q3"] - numbers["q1"]
    return {
        "value": item.value, "name": item.name, "n": item.scored, "missed": item.missed,
        "false_finds": item.false_finds, **spreads,
    }  # fmt: skip


def _mean_sd(spread: Spread, digits: int) -> str:
    if not spread.n:
        return "-"
    sd = f" ± {spread.sd:.{digits}f}" if spread.n > 1 else ""
    return f"{spread.mean:.{digits}f}{sd}"


def _short(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def _p(value: float) -> str:
    if math.isnan(value):
        return "-"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _number(value: Any) -> Any:
    """As a .csv has it: seven digits are more than any measure is worth."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.7g}"
    return "" if value is None else value


def _markdown(rows: Sequence[tuple[str, ...]]) -> str:
    rule = ["---"] + ["---:"] * (len(rows[0]) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in (rows[0], rule, *rows[1:]))


def _list(sentences: Sequence[str]) -> str:
    return "".join(f"- {sentence}\n" for sentence in sentences)


def _versions_line() -> str:
    return ", ".join(f"{name} {version}" for name, version in versions().items()) + "."


def _write_csv(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    _write_text(path, text.getvalue())


def _write_json(path: Path, content: dict[str, Any]) -> None:
    _write_text(path, json.dumps(_plain(content), indent=2, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    """What JSON can hold: a number that is not finite becomes null."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
