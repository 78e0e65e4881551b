"""The job "segment": one scan to its label map."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mambamim.jobs.context import JobContext
from mambamim.jobs.device_turn import device_turn
from mambamim.jobs.warm import keep_warm

if TYPE_CHECKING:
    from mambamim.inference.task import SegmenterLike

_KEPT_WARM = 2  # segmenters; each holds its network's memory


def run(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Segment a scan.

    Args:
        parameters: attributes of `SegmentTask` by name.
        context: of the job.

    Returns:
        `output`, `files`, `seconds`, `skipped`, `labels` (value -> name), `statistics` (a row an
        organ) and `runtime` (device, runtime, model).
    """
    from mambamim.inference.segment_task import SegmentTask

    task = SegmentTask.from_parameters(parameters)
    from mambamim.inference.task import segment_file

    segmenter: list[SegmenterLike] = []
    turns = ExitStack()

    def make() -> SegmenterLike:
        turn = device_turn(task.device, "segmenting", context, yields=True)
        options = (turns.enter_context(turn), task.runtime)
        context.progress(0.02, "loading the model")

        def load(path: Path) -> SegmenterLike:
            from mambamim.inference import Segmenter

            return Segmenter(path, *options)

        made = keep_warm(context.warm, "segmenter", task.model, options, _KEPT_WARM, load)
        segmenter.append(made)
        return segmenter[0]

    with turns:
        outcome = segment_file(task, make, context.progress, context.cancelled, context.preview)
    return {
        "output": str(outcome.output),
        "files": [str(path) for path in outcome.files],
        "seconds": round(outcome.seconds, 2),
        "skipped": outcome.skipped,
        "labels": {str(v): name for v, name in segmenter[0].labels.items()} if segmenter else {},
        "statistics": [dataclasses.asdict(row) for row in outcome.statistics],
        "runtime": outcome.runtime,
    }
