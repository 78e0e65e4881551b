"""The job "segment": one scan to its label map."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from mambamim.jobs.context import JobContext

if TYPE_CHECKING:
    from mambamim.inference.segment_task import SegmentTask
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

    def make() -> SegmenterLike:
        context.progress(0.02, "loading the model")
        segmenter.append(_segmenter(task, context.warm))
        return segmenter[0]

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


def _segmenter(task: SegmentTask, warm: dict[Any, Any]) -> SegmenterLike:
    """The one of an earlier job while its checkpoint is the same file, else a new one."""
    from mambamim.catalogue import resolve_model

    path = resolve_model(task.model).resolve()
    facts = path.stat()
    key = ("segmenter", path, facts.st_mtime_ns, facts.st_size, task.device, task.runtime)
    made = warm.pop(key, None)
    if made is None:
        from mambamim.inference import Segmenter

        made = Segmenter(path, task.device, task.runtime)
    warm[key] = made  # at the end: the one used last
    while len(warm) > _KEPT_WARM:
        del warm[next(iter(warm))]
    return made
