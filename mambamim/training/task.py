"""What a training loop trains: the contract between it and pre-training or fine-tuning."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from torch import nn
from torch.utils.data import Dataset


class TrainingTask(Protocol):
    """Pre-training, fine-tuning, or whatever has a loss.

    Attributes:
        module: called with the inputs of a batch, gives the loss, a scalar mean over the batch. Its
            parameters are what is trained.
        dataset: sample number (0, 1, ...) -> dict of tensors of one size; a pure function of the
            number, so that a resumed or a shared run sees the same samples. Its errors are told.
        inputs: names in such a dict, in the order in which `module` takes them.
        facts: plain values that a resumed run must share, such as the network's numbers.
    """

    module: nn.Module
    dataset: Dataset[dict[str, Any]]
    inputs: tuple[str, ...]
    facts: dict[str, Any]

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Scores by name; `module` is in evaluation mode, averaged where a run averages."""

    def publish(self, module: nn.Module, run: Path, step: int, scores: dict[str, float]) -> None:
        """Write what users take away. Called when a run is saved, and after each validation."""


class Voice(Protocol):
    """Whom a training tells; a job's context is one."""

    def progress(self, fraction: float, message: str) -> None:
        """How far it is, 0..1."""

    def metric(self, step: int, name: str, value: float) -> None:
        """A measured value."""

    def log(self, level: str, message: str) -> None:
        """Something a person should know."""

    def cancelled(self) -> bool:
        """Whether to stop."""


class Silence:
    """The voice of processes that do not lead."""

    def progress(self, fraction: float, message: str) -> None:
        """Nothing is told."""

    def metric(self, step: int, name: str, value: float) -> None:
        """Nothing is told."""

    def log(self, level: str, message: str) -> None:
        """Nothing is told."""

    def cancelled(self) -> bool:
        """Another process says so."""
        return False
