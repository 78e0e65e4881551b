"""Score every case, one after the other: what the command does between its files."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mambamim.data.channels import channels_array, read_channels
from mambamim.data.volume import Volume, write_label_map
from mambamim.errors import BadInputError, Cancelled, MambaMIMError, OutOfMemoryError, plain_error
from mambamim.evaluation.cases import EvaluationCase
from mambamim.evaluation.class_names import beside, unnamed
from mambamim.evaluation.label_pair import LabelMap, check_one_grid, labels_on, read_labels
from mambamim.evaluation.measures import score_pair
from mambamim.evaluation.rules import DEFAULT_TOLERANCE_MM
from mambamim.evaluation.scores import CaseScore
from mambamim.evaluation.worst import Worst

if TYPE_CHECKING:
    from mambamim.inference.task import SegmenterLike

_LOG = logging.getLogger(__name__)
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class EvaluationTask:
    """What is to be scored.

    Attributes:
        cases: the files.
        classes: value in the predictions -> name; None takes what every case holds.
        table: value in the manual labels -> value in the predictions; None leaves them as they are.
        only_classes: whether a manual label with a value that is not in `classes` is refused; else
            such values count as background.
        tolerance_mm: of NSD.
        worst: how many of the worst cases to keep slices of.
        keep: folder for the label maps that a model makes, None keeps none.
        unions: of regions that overlap: value in `classes` -> all values that make the region up.
    """

    cases: tuple[EvaluationCase, ...]
    classes: dict[int, str] | None = None
    table: dict[int, int] | None = None
    only_classes: bool = False
    tolerance_mm: float = DEFAULT_TOLERANCE_MM
    worst: int = 0
    keep: Path | None = None
    unions: dict[int, tuple[int, ...]] = field(default_factory=dict)


@dataclass(eq=False)
class Evaluation:
    """What came of it.

    Attributes:
        first: the scored cases.
        second: those of the second set of predictions, empty without one.
        worst: slices of the worst cases.
        faults: case -> why it was not scored.
    """

    worst: Worst
    first: list[CaseScore] = field(default_factory=list)
    second: list[CaseScore] = field(default_factory=list)
    faults: dict[str, MambaMIMError] = field(default_factory=dict)


def evaluate(
    task: EvaluationTask,
    segmenter: Callable[[], SegmenterLike] | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Score all cases; one that cannot be read or used is noted and the next one begun.

    Args:
        task: what to do.
        segmenter: gives what predicts where a case has no prediction.
        progress: told the fraction done (0..1) and what is being done.

    Raises:
        MambaMIMError: the only case failed, or all did (then the first fault), memory ran out, or
            it was cancelled.
    """
    report = progress or (lambda fraction, message: None)
    done = Evaluation(Worst(task.worst))
    for number, case in enumerate(task.cases):

        def part(fraction: float, message: str, number: int = number) -> None:
            report(
                (number + fraction) / len(task.cases), f"{number + 1}/{len(task.cases)} {message}"
            )

        try:
            _score_case(task, case, segmenter, part, done)
        except (KeyboardInterrupt, Cancelled):
            raise
        except Exception as error:
            plain = plain_error(error)
            if isinstance(plain, OutOfMemoryError) or not isinstance(error, MambaMIMError):
                raise
            done.faults[case.name] = plain
    if not done.first:
        raise next(iter(done.faults.values()))
    report(1.0, "done")
    return done


def _score_case(
    task: EvaluationTask,
    case: EvaluationCase,
    segmenter: Callable[[], SegmenterLike] | None,
    report: Progress,
    done: Evaluation,
) -> None:
    report(0.0, "reading")
    truth = read_labels(case.truth)
    if task.only_classes and task.table is None:
        _check_values(truth, {*(task.classes or {}), *chain(*task.unions.values())})
    if case.found is not None:
        found, image = read_labels(case.found), None
    else:
        found, image = _predict(task, case, segmenter, truth, report)
    other = None if case.other is None else read_labels(case.other)
    for one in (found, other):
        if one is not None:
            check_one_grid(one, truth)
    if task.table is not None:
        truth = truth.looked_up(task.table)
    classes = _classes(task, case, truth, [found] if other is None else [found, other])
    report(0.9, "scoring")
    first, *second = (
        CaseScore(case.name, tuple(score_pair(
            one.array, truth.array, truth.spacing_mm, classes, task.tolerance_mm, task.unions)))
        for one in (found, other) if one is not None
    )  # fmt: skip
    if done.worst.wants(first):
        shown = _image(case, truth) if image is None else _voxels_on(image, truth)
        done.worst.add(first, found, truth, shown, task.unions)
    done.first.append(first)
    done.second += second


def _predict(
    task: EvaluationTask,
    case: EvaluationCase,
    segmenter: Callable[[], SegmenterLike] | None,
    truth: LabelMap,
    report: Progress,
) -> tuple[LabelMap, Volume]:
    if case.image is None or segmenter is None:
        raise BadInputError(f"{case.name} has no prediction.", "Give one, or a model.")
    channels = read_channels((case.image, *case.channels))
    volume = channels[0]
    # Before the long work, with an empty prediction on the scan's grid.
    empty = Volume(np.zeros(volume.array.shape, np.uint8), volume.affine, volume.source)
    check_one_grid(labels_on(empty, case.image.name), truth)
    network = segmenter()
    array = network.segment(
        channels_array(channels),
        volume.affine,
        lambda fraction, text: report(0.05 + 0.8 * fraction, text),
    )
    if task.keep is not None:
        write_label_map(task.keep / f"{case.name}.nii.gz", array, volume, network.labels)
    return labels_on(Volume(array, volume.affine, volume.source), case.image.name), volume


def _check_values(truth: LabelMap, classes: set[int]) -> None:
    """Before the long work: values that are no class of the model mean something else."""
    strange = set(truth.values()) - classes
    if strange:
        raise BadInputError(
            f"{truth.name} holds the value {min(strange)}, which is none of the model's classes.",
            'Say what its values are with --label-map FILE: {"1": "liver", "2": "spleen"}.',
        )


def _classes(
    task: EvaluationTask, case: EvaluationCase, truth: LabelMap, found: list[LabelMap]
) -> dict[int, str]:
    if task.classes is not None:
        return task.classes
    folders = [] if case.found is None else [case.found.parent]
    names = beside(folders, case.name) or {}
    values = sorted({value for one in (truth, *found) for value in one.values()})
    return {value: names.get(value, unnamed(value)) for value in values}


def _image(case: EvaluationCase, truth: LabelMap) -> np.ndarray | None:
    return None if case.image is None else _voxels_on(read_channels([case.image])[0], truth)


def _voxels_on(image: Volume, truth: LabelMap) -> np.ndarray | None:
    """The image's voxels along the axes of a label map; None if it has another grid."""
    from mambamim.data.orientation import to_ras

    array, affine = to_ras(image.array, image.affine)
    try:
        check_one_grid(LabelMap(array, affine, "image"), truth)
    except BadInputError:
        _LOG.warning("An image does not lie on its label's grid; the labels are shown alone.")
        return None
    return array
