"""What a training tells, as a job tells it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mambamim.errors import MambaMIMError
from mambamim.jobs.context import JobContext


class TrainingVoice:
    """Hands on what a training tells, without the names of the user's scans.

    Args:
        context: of the job.
        names: file names that may hold a patient's; each is told as "scan 1", "scan 2", ...
    """

    def __init__(self, context: JobContext, names: Sequence[str] = ()) -> None:
        self._context = context
        numbered = {name: f"scan {number}" for number, name in enumerate(names, start=1)}
        self._names = dict(sorted(numbered.items(), key=lambda item: -len(item[0])))

    def progress(self, fraction: float, message: str) -> None:
        """How far it is."""
        self._context.progress(fraction, self.clean(message))

    def metric(self, step: int, name: str, value: float) -> None:
        """A measured value: "loss", "dice", "dice_CLASS", "validation_loss"."""
        self._context.metric(step, metric_name(name), value)

    def log(self, level: str, message: str) -> None:
        """Something a person should know."""
        self._context.log(level, self.clean(message))

    def cancelled(self) -> bool:
        """Whether to stop."""
        return self._context.cancelled()

    def preview(self, path: Path) -> None:
        """Something can be looked at."""
        self._context.preview(path)

    def clean(self, text: str) -> str:
        """A text without names of scans."""
        for name, number in self._names.items():
            text = text.replace(name, number)
        return text

    def cleaned(self, error: MambaMIMError) -> MambaMIMError:
        """An error whose texts have no names of scans."""
        error.message, error.hint = self.clean(error.message), self.clean(error.hint)
        error.args = (f"{error.message} {error.hint}".strip(),)
        return error


def metric_name(name: str) -> str:
    """What a score is called among the metrics of a job: "dice_liver" for "dice.liver"."""
    return name.replace("dice.", "dice_", 1)
