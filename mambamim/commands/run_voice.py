"""The voice of a long run started from a shell: RUN/events.jsonl, a bar, and lines for a person."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mambamim.commands.bar import progress_bar
from mambamim.errors import Cancelled, MambaMIMError, plain_error
from mambamim.jobs.channel import Channel
from mambamim.jobs.context import JobContext
from mambamim.jobs.protocol import JobRequest


class RunVoice(JobContext):
    """A job's context without a worker: its events go to the run folder alone.

    So whoever reads RUN/events.jsonl need not know whether a worker or a shell began the run.
    """

    def __init__(self, job: str, run: Path, channel: Channel, bar: Any) -> None:
        super().__init__(JobRequest(job, job, {}, run), channel, {})
        self._bar = bar

    def progress(self, fraction: float, message: str) -> None:
        """Tell how far the run is, and draw it."""
        super().progress(fraction, message)
        self._bar(fraction, message)

    def log(self, level: str, message: str) -> None:
        """Tell a person something on the way."""
        super().log(level, message)
        print(message)


@contextmanager
def run_voice(job: str, run: Path) -> Iterator[RunVoice]:
    """A voice for the time of the run; how the run ends is its last event.

    Args:
        job: what kind of work.
        run: the run folder.
    """
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, progress_bar(job) as bar:
        voice = RunVoice(job, run, Channel(nowhere), bar)
        voice.tell("started")
        try:
            yield voice
        except KeyboardInterrupt as error:
            stopped = Cancelled("Stopped at once.", "The same command goes on from what was saved.")
            voice.error(stopped)
            raise stopped from error
        except Exception as error:
            plain = plain_error(error, quote=False)
            voice.error(plain, None if isinstance(error, MambaMIMError) else error)
            raise
