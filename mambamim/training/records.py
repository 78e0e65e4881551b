"""metrics.csv, a row every few steps, validation.csv, and TensorBoard where it is wanted."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from mambamim.errors import BadInputError, MissingDependencyError
from mambamim.files import atomic_path

COLUMNS = ("step", "seconds", "loss", "learning_rate", "gradient_norm")
VALIDATION_COLUMNS = ("step", "name", "value")


class Records:
    """The numbers of a run as files.

    Args:
        run: the run folder.
        step: where the run goes on; rows of later steps, of a process that was killed, are dropped.
        tensorboard: whether to write RUN/tensorboard.

    Raises:
        MissingDependencyError: tensorboard is wanted and not installed.
        BadInputError: the folder cannot be written to.
    """

    def __init__(self, run: Path, step: int, tensorboard: bool) -> None:
        self._metrics, self._validation = run / "metrics.csv", run / "validation.csv"
        _begin(self._metrics, COLUMNS, step)
        _begin(self._validation, VALIDATION_COLUMNS, step)
        self._board = _board(run / "tensorboard", step) if tensorboard else None

    def add(self, row: dict[str, float]) -> None:
        """A row of `COLUMNS`; `step` counts the steps done."""
        _append(self._metrics, [row[name] for name in COLUMNS])
        if self._board is not None:
            for name in COLUMNS[2:]:
                self._board.add_scalar(f"train/{name}", row[name], int(row["step"]))

    def validated(self, step: int, scores: dict[str, float]) -> None:
        """The scores of a validation, by name."""
        for name, value in scores.items():
            _append(self._validation, [step, name, value])
            if self._board is not None:
                self._board.add_scalar(f"validation/{name}", value, step)

    def close(self) -> None:
        """All is written."""
        if self._board is not None:
            self._board.close()


def _begin(path: Path, columns: tuple[str, ...], step: int) -> None:
    rows: list[list[str]] = []
    if path.is_file():
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]
        rows = [row for row in csv.reader(whole) if _done(row, columns, step)]
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])


def _done(row: list[str], columns: tuple[str, ...], step: int) -> bool:
    """Whether a row is complete and of a step that has been done."""
    return len(row) == len(columns) and row[0].isdigit() and int(row[0]) <= step


def _append(path: Path, row: list[Any]) -> None:
    try:
        with path.open("a", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerow(
                [f"{value:.6g}" if isinstance(value, float) else value for value in row]
            )
    except OSError as error:
        raise BadInputError(
            f"{path.name} cannot be written: {error.strerror}.", "Free some space on the disk."
        ) from error


def _board(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingDependencyError(
            "TensorBoard is not installed.", 'Install it with: pip install "mambamim[train]"'
        ) from error
    return SummaryWriter(str(folder), purge_step=step + 1)
