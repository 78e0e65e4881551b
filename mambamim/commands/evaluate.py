"""`mambamim evaluate`: label maps, or a model, against manual labels."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse import ArgumentParser, Namespace

from mambamim.catalogue import resolve_model
from mambamim.checkpoint_header import read_header
from mambamim.commands.bar import progress_bar
from mambamim.commands.parser import command_parser
from mambamim.commands.segment import Source
from mambamim.errors import BadInputError, Cancelled
from mambamim.evaluation.rules import DEFAULT_TOLERANCE_MM, RULES

if TYPE_CHECKING:
    from mambamim.data.regions import Regions
    from mambamim.evaluation.cases import Cases
    from mambamim.evaluation.evaluate import Evaluation, EvaluationTask

_KEPT = "predictions"  # folder for label maps, in --out


def make_parser() -> ArgumentParser:
    """The arguments with their units and defaults."""
    parser = command_parser(
        "evaluate",
        "Score predictions against manual labels: Dice, normalised surface Dice (NSD), 95th "
        "percentile of the Hausdorff distance (HD95, mm) and volumes (mL), for each case and "
        "class. " + " ".join(RULES),
    )
    add = parser.add_argument
    add("--predictions", type=Path, metavar="DIR", help="label maps, named as those in --labels")
    add("--labels", type=Path, metavar="DIR", help="manual label maps; suffixes may differ")
    add("--model", type=str, metavar="NAME", help="instead: a name (`mambamim models`) or a file")
    add(
        "--data",
        nargs="+",
        type=Path,
        metavar="PLACE",
        help="with --model: scans with labels: a dataset.json or its folder, an nnU-Net folder, or "
        "one with `images` and `labels`",
    )
    add("--out", type=Path, required=True, metavar="DIR", help="folder to write into")
    add(
        "--classes",
        nargs="+",
        type=str,
        metavar="CLASS",
        help="what to score: 1=liver 2=spleen, numbers alone, a dataset.json, or a checkpoint; "
        "regions that overlap are each scored whole; without it the model's classes, or all values "
        "there are",
    )
    add(
        "--label-map",
        type=Path,
        metavar="FILE",
        help='if the labels have other values: {"1": "liver", "3": "spleen"} in a .json, names as '
        "the predictions'; classes that it does not name are not scored",
    )
    _add_wishes(parser)
    return parser


def _add_wishes(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--tolerance", type=float, default=DEFAULT_TOLERANCE_MM, metavar="MM", help="of NSD, mm")
    add(
        "--compare",
        type=Path,
        metavar="DIR",
        help="a second set of predictions of the same cases: paired tests, first minus second",
    )
    add("--images", type=Path, metavar="DIR", help="scans to show below the worst cases' outlines")
    add("--worst", type=int, default=3, metavar="N", help="cases to show, lowest mean Dice first")
    add("--no-pictures", action="store_true", help="write no pictures")
    add("--keep", action="store_true", help=f"write the model's label maps into OUT/{_KEPT}")
    add("--device", type=str, default="auto", help="auto, cpu, cuda, cuda:1, ... or mps")


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code: 0, or 2 if a case of several failed."""
    asked = make_parser().parse_args(list(arguments))
    _check(asked)
    from mambamim.evaluation.evaluate import evaluate
    from mambamim.inference.outputs import check_pictures, check_writable

    if not asked.no_pictures:
        check_pictures()
    check_writable(asked.out / "summary.json")
    cases, task = _plan(asked)
    source = Source(asked.model, asked.device, "auto") if asked.model else None
    model = None if source is None else source().describe()  # a fault of it is no case's fault
    try:
        with progress_bar("evaluate") as report:
            done = evaluate(task, source, report)
    except (KeyboardInterrupt, Cancelled) as error:
        raise Cancelled("Cancelled; no scores were written.") from error
    facts: dict[str, Any] = {"notes": list(cases.notes), "model": model}
    _write(asked, task, done, facts)
    for note in cases.notes:
        print(note)
    for name, fault in done.faults.items():
        sys.stderr.write(f"{name}: {fault}\n")
    return 2 if done.faults else 0


def _check(asked: Namespace) -> None:
    by_files, by_model = asked.predictions or asked.labels, asked.model or asked.data
    if bool(by_files) == bool(by_model):
        raise BadInputError(
            "Say what is to be scored.",
            "Give --predictions DIR and --labels DIR, or --model NAME and --data PLACE.",
        )
    pairs = (("predictions", "labels"), ("labels", "predictions"), ("model", "data"))
    for one, other in (*pairs, ("data", "model"), ("keep", "model"), ("images", "labels")):
        if asked[one] and not asked[other]:
            raise BadInputError(f"--{one} needs --{other}.", f"Give --{other} as well.")
    if not 0 <= asked.tolerance < float("inf"):
        raise BadInputError(f"--tolerance {asked.tolerance:g} makes no sense.", "Give mm, 0 or up.")
    if asked.worst < 0:
        raise BadInputError(f"--worst {asked.worst} makes no sense.", "Give 0 or more.")


def _plan(asked: Namespace) -> tuple[Cases, EvaluationTask]:
    """The files and what their values mean; a name that both sides lack is told of."""
    from mambamim.evaluation.cases import labelled_scans, paired_files
    from mambamim.evaluation.class_names import dataset_list, read_classes, read_regions
    from mambamim.evaluation.evaluate import EvaluationTask

    classes = read_classes(asked.classes) if asked.classes else None
    if asked.model:
        path = str(resolve_model(asked.model))
        known, regions = read_classes([path]), read_regions([path])
        classes = known if classes is None else _of_model(classes, known)
        joined = read_header(path).in_channels > 1
        cases = labelled_scans(asked.data, asked.compare, joined)
    else:
        regions = read_regions(asked.classes) if asked.classes else None
        cases = paired_files(asked.predictions, asked.labels, asked.images, asked.compare)
    listed = asked.label_map or dataset_list(asked.data or ())
    table = None
    if listed is not None:
        if classes is None:
            raise BadInputError("--label-map needs --classes.", "Name the predictions' classes.")
        table, classes, strange = _table(listed, classes, regions, asked.label_map is not None)
        if strange:
            note = f"Not scored, since the model does not have them: {', '.join(strange)}."
            cases = replace(cases, notes=(*cases.notes, note))
    return cases, EvaluationTask(
        cases.cases,
        classes,
        table,
        only_classes=bool(asked.model) and not asked.classes,
        tolerance_mm=asked.tolerance,
        worst=0 if asked.no_pictures else asked.worst,
        keep=asked.out / _KEPT if asked.keep else None,
        unions={} if regions is None else regions.unions,
    )


def _table(
    listed: Path, classes: dict[int, str], regions: Regions | None, strict: bool
) -> tuple[dict[int, int], dict[int, str], list[str]]:
    """As `matched`: values of the manual labels as a file names them, to the prediction's."""
    from mambamim.evaluation.class_names import matched, matched_regions, names_in, regions_in

    of_labels = regions_in(listed)
    if regions is not None:
        return matched_regions(of_labels, regions), classes, []
    if of_labels is not None:
        raise BadInputError(
            f"{listed.name} names regions that overlap, and the prediction is of classes.",
            "Name the classes by a file with --label-map.",
        )
    return matched(names_in(listed), classes, strict)


def _of_model(classes: dict[int, str], known: dict[int, str]) -> dict[int, str]:
    """The chosen classes under the model's own names."""
    strange = sorted(set(classes) - set(known))
    if strange:
        raise BadInputError(
            f"The model has no class {strange[0]}.",
            f"It has {', '.join(f'{value}={name}' for value, name in known.items())}.",
        )
    return {value: known[value] for value in classes}


def _write(asked: Namespace, task: EvaluationTask, done: Evaluation, facts: dict[str, Any]) -> None:
    from mambamim.evaluation import compare, summarise, tables

    out: Path = asked.out
    summary = summarise(done.first)
    faults = {name: str(fault) for name, fault in done.faults.items()}
    tables.write_scores(out / "scores.csv", done.first)
    tables.write_summary(out, summary, {**facts, "failed": faults}, task.tolerance_mm)
    print(tables.as_text(tables.summary_rows(summary)))
    if done.second:
        rows = compare(done.first, done.second)
        tables.write_scores(out / "scores_second.csv", done.second)
        tables.write_comparison(out, rows)
        for measure, title in tables.TITLES.items():
            part = [row for row in rows if row.measure == measure]
            print(
                f"\n{title}, first against second\n{tables.as_text(tables.comparison_rows(part))}"
            )
    pictures = 0 if asked.no_pictures else _draw(out, done, summary, task.tolerance_mm)
    print(f"\n{summary.cases} cases, {len(faults)} failed, {pictures} pictures -> {out}")


def _draw(out: Path, done: Evaluation, summary: Any, tolerance_mm: float) -> int:
    from mambamim.evaluation.boxplots import write_boxplots
    from mambamim.evaluation.worst_picture import write_worst

    write_boxplots(out / "boxplots.png", done.first, summary, tolerance_mm)
    for number, worst in enumerate(done.worst.cases, start=1):
        write_worst(out / f"worst_{number}_{worst.case.case}.png", worst, number)
    return 1 + len(done.worst.cases)
