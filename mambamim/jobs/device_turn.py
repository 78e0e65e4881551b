"""Whose turn it is on a graphics card: one job uses it, others wait and say for what."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from mambamim.catalogue import user_models_folder
from mambamim.errors import BadInputError, Cancelled
from mambamim.jobs.life_lock import hold, is_held

if TYPE_CHECKING:
    from mambamim.jobs.context import JobContext

_LOOK = 0.2  # seconds between two looks whether the card is free
_TELL = 5.0  # seconds between two words that it still is not
_FAILURES = 5  # times that a card nobody has cannot be taken, until that is an error


@contextmanager
def device_turn(asked: str, use: str, context: JobContext, yields: bool = False) -> Iterator[str]:
    """Hold the device that a job will use, among all programs of this user on this computer.

    The system ends a turn however its process ends. The CPU is shared and needs none.

    Args:
        asked: as `Segmenter` takes it.
        use: what others are told while they wait, such as "training".
        context: of the job; told while it waits, asked whether to stop.
        yields: whether "auto" takes the CPU where another job has the card.

    Yields:
        The device to use.

    Raises:
        Cancelled: while it waited.
        BadInputError: no such device, or the user's folder cannot be written to.
    """
    from mambamim.inference.runtimes import choose_device

    device = choose_device(asked)
    if device.type == "cpu":
        yield asked
        return
    path = user_models_folder().parent / f".{device.type}-{device.index or 0}.turn"
    if yields and asked == "auto" and is_held(path):
        context.log("info", f"{_taken_by(path)}: this job takes the CPU meanwhile.")
        yield "cpu"
        return
    turn = _wait(path, use, context)
    try:
        yield str(device)
    finally:
        turn.close()


def _wait(path: Path, use: str, context: JobContext) -> IO[str]:
    told, failures = -_TELL, 0
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return hold(path, f"{use} {os.getpid()}")
        except OSError as error:
            failures += not is_held(path)  # which may also have just become free
            if failures > _FAILURES:
                raise BadInputError(
                    f"The folder {path.parent.name} cannot be written to: {error.strerror}.",
                    "Check its rights, and whether the disk is full.",
                ) from error
        if context.cancelled():
            raise Cancelled("Cancelled while it waited for the graphics card.")
        if time.monotonic() - told > _TELL:
            told = time.monotonic()
            context.progress(0.0, f"waiting: {_taken_by(path)}")
        time.sleep(_LOOK)


def _taken_by(path: Path) -> str:
    """What the card is used for now."""
    try:
        use = path.read_text(encoding="utf-8").rpartition(" ")[0]
    except (OSError, ValueError):
        use = ""
    return f"the graphics card is busy {use or 'with another job'}"
