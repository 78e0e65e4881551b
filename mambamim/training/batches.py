"""Which samples a process reads, step after step."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader, Sampler

from mambamim.training.settings import LoopSettings
from mambamim.training.task import TrainingTask
from mambamim.training.team import Team


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


def make_loader(
    task: TrainingTask, settings: LoopSettings, team: Team, first: int
) -> DataLoader[dict[str, torch.Tensor]]:
    """Batches of the task's samples from step `first` on, `accumulate` of them a step."""
    kind = team.device.type
    workers = settings.reading_workers(kind, team.size)
    return DataLoader(
        task.dataset,
        batch_sampler=BatchNumbers(first, settings, team.rank, team.size),
        num_workers=workers,
        pin_memory=kind == "cuda",
        persistent_workers=workers > 0,
        prefetch_factor=4 if workers else None,
    )
