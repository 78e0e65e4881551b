"""Which samples a process reads, step after step."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from mambamim.errors import MambaMIMError
from mambamim.training.settings import LoopSettings
from mambamim.training.task import TrainingTask
from mambamim.training.team import Team

READ_AHEAD = 4  # batches of each worker that wait for their step


class BatchNumbers(Sampler[list[int]]):
    """Step s takes the samples s batch .. (s + 1) batch - 1, shared among processes and parts.

    So the samples of a step depend on nothing but its number: not on how many processes share it,
    and not on where a run was interrupted.

    Args:
        first: step to begin with.
        settings: of the run.
        rank: of this process.
        size: processes.
    """

    def __init__(self, first: int, settings: LoopSettings, rank: int, size: int) -> None:
        self._first, self._settings, self._rank = first, settings, rank
        self._share = settings.share(size)

    def __len__(self) -> int:
        return (self._settings.steps - self._first) * self._settings.accumulate

    def __iter__(self) -> Iterator[list[int]]:
        parts = self._settings.accumulate
        for step in range(self._first, self._settings.steps):
            start = step * self._settings.batch + self._rank * parts * self._share
            for part in range(parts):
                yield list(range(start + part * self._share, start + (part + 1) * self._share))


def read_batches(
    task: TrainingTask, settings: LoopSettings, team: Team, first: int
) -> Iterator[dict[str, Tensor]]:
    """Batches of the task's samples from step `first` on, `accumulate` of them a step.

    Raises:
        MambaMIMError: what the task's samples raise, whichever process reads them.
    """
    kind = team.device.type
    workers = settings.reading_workers(kind, team.size)
    loader: DataLoader[Any] = DataLoader(
        _Told(task.dataset),
        batch_sampler=BatchNumbers(first, settings, team.rank, team.size),
        num_workers=workers,
        collate_fn=_collate,
        pin_memory=kind == "cuda",
        prefetch_factor=READ_AHEAD if workers else None,
        worker_init_fn=_leave_group,
    )
    # The loader begins here, not with the first batch: it draws a number from torch's generator.
    return map(_or_raise, iter(loader))


class _Told(Dataset[Any]):
    """Samples, or the error instead: raised in a worker it would become a text with a traceback."""

    def __init__(self, samples: Dataset[dict[str, Any]]) -> None:
        self._samples = samples

    def __getitem__(self, number: int) -> dict[str, Any] | MambaMIMError:
        try:
            return self._samples[number]
        except MambaMIMError as error:
            return error


def _collate(samples: list[Any]) -> Any:
    """A batch, or the first error among its samples."""
    errors = [sample for sample in samples if isinstance(sample, MambaMIMError)]
    return errors[0] if errors else default_collate(samples)


def _or_raise(batch: Any) -> dict[str, Tensor]:
    if isinstance(batch, MambaMIMError):
        raise batch
    return batch


def _leave_group(worker: int) -> None:
    """What asks a group of processes to stop (Ctrl-C) is for the training, not for its workers."""
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
