"""The job "reconstruct": one scan, masked, and what a pre-trained network makes of it."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mambamim.jobs.context import JobContext
from mambamim.jobs.device_turn import device_turn
from mambamim.jobs.warm import keep_warm

if TYPE_CHECKING:
    from mambamim.inference.reconstruct import ReconstructorLike

_KEPT_WARM = 1  # reconstructors; each holds its network's memory


def run(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Mask and reconstruct a scan.

    Args:
        parameters: attributes of `ReconstructTask` by name.
        context: of the job.

    Returns:
        `output` (the folder), `files`, `seconds`, `seed`, `scores` (a row a ratio) and `runtime`
        (model, SHA-256, device).
    """
    from mambamim.inference.reconstruct_task import ReconstructTask

    task = ReconstructTask.from_parameters(parameters)
    from mambamim.inference.reconstruct import reconstruct_file

    turns = ExitStack()

    def make() -> ReconstructorLike:
        turn = device_turn(task.device, "reconstructing", context, yields=True)
        device = turns.enter_context(turn)
        context.progress(0.02, "loading the model")

        def load(path: Path) -> ReconstructorLike:
            from mambamim.pretraining.reconstruction import Reconstructor

            return Reconstructor(path, device)

        return keep_warm(context.warm, "reconstructor", task.model, (device,), _KEPT_WARM, load)

    with turns:
        outcome = reconstruct_file(task, make, context.progress, context.cancelled)
    return {
        "output": str(task.output),
        "files": [str(path) for path in outcome.files],
        "seconds": round(outcome.seconds, 2),
        "seed": task.seed,
        "scores": [dataclasses.asdict(score) for score in outcome.scores],
        "runtime": outcome.runtime,
    }
