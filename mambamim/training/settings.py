"""What a training loop is told."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from mambamim.errors import BadInputError

PRECISIONS = ("auto", "bf16", "fp32")


@dataclass(frozen=True)
class LoopSettings:
    """Numbers of a run.

    Attributes:
        steps: of the optimizer, over all calls.
        batch: samples a step, over all processes.
        accumulate: parts that a process cuts its share of a batch into, one after the other, to
            save memory.
        learning_rate: at its highest.
        lowest: share of it that the cosine ends at.
        warmup: steps over which the rate climbs to its highest.
        weight_decay: of AdamW, for matrices and kernels; biases, norms and scan rates keep theirs.
        clip: largest norm of the gradient, 0 for none.
        precision: "bf16" (autocast), "fp32", or "auto": bf16 on a CUDA device.
        average: decay of the moving average of the weights, which then is what is published; 0 for
            none.
        seed: of everything.
        save_every: steps between resume states.
        validate_every: steps between validations, 0 for none.
        patience: validations without a better "dice" that end a run, 0 for none.
        log_every: steps between lines of metrics.csv.
        workers: processes that read samples, -1 for what suits the computer.
        tensorboard: whether to write RUN/tensorboard too.
    """

    steps: int = 1000
    batch: int = 8
    accumulate: int = 1
    learning_rate: float = 1e-4
    lowest: float = 0.0
    warmup: int = 0
    weight_decay: float = 1e-2
    clip: float = 5.0
    precision: str = "auto"
    average: float = 0.0
    seed: int = 0
    save_every: int = 500
    validate_every: int = 0
    patience: int = 0
    log_every: int = 10
    workers: int = -1
    tensorboard: bool = False

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "accumulate", "save_every", "log_every"):
            if getattr(self, name) < 1:
                raise BadInputError(f"'{name}' must be at least 1, not {getattr(self, name)}.")
        for name in ("warmup", "validate_every", "patience", "weight_decay", "clip", "seed"):
            if not 0 <= getattr(self, name) < math.inf:
                raise BadInputError(f"'{name}' must be 0 or more, not {getattr(self, name)}.")
        if not 0 < self.learning_rate < math.inf:
            raise BadInputError(f"'learning_rate' must be above 0, not {self.learning_rate}.")
        if not 0 <= self.lowest <= 1:
            raise BadInputError(f"'lowest' must lie in 0 to 1, not be {self.lowest}.")
        if self.workers < -1:
            raise BadInputError(f"'workers' must be -1 or more, not {self.workers}.")
        if not 0 <= self.average < 1:
            raise BadInputError(f"'average' must lie in 0 to below 1, not be {self.average}.")
        if self.precision not in PRECISIONS:
            raise BadInputError(
                f"There is no precision {self.precision!r}.", f"Use {', '.join(PRECISIONS)}."
            )

    def share(self, processes: int) -> int:
        """Samples of one part of one process.

        Raises:
            BadInputError: the batch cannot be shared evenly.
        """
        parts = processes * self.accumulate
        if self.batch % parts:
            raise BadInputError(
                f"A batch of {self.batch} cannot be shared by {processes} processes with "
                f"{self.accumulate} parts each.",
                f"Take a multiple of {parts}.",
            )
        return self.batch // parts

    def reading_workers(self, device: str, processes: int) -> int:
        """Processes that read samples for each training process."""
        if self.workers >= 0:
            return self.workers
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        # A CPU that trains has no core to spare; a GPU waits for nothing as much as for its data.
        return min(12, max(1, (cores or 2) // processes - 1)) if device == "cuda" else 0
