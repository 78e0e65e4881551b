"""Where events go: a line on the worker's output, and the log in the job's run folder."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, TextIO

from mambamim.errors import BadInputError
from mambamim.jobs.event_log import append_event
from mambamim.jobs.protocol import event_line


class Channel:
    """Writes events from any thread, whole lines only.

    Args:
        output: the protocol's stream; nothing else may write to it.

    Attributes:
        heard: False once the reader of `output` is gone.
    """

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._lock = threading.Lock()
        self.heard = True

    def tell(self, event: str, id: str | None, run: Path | None, **content: Any) -> None:  # noqa: A002
        """Tell of an event; a reader or a folder that is gone is no reason to stop the work."""
        line = event_line(event, id, **content)
        with self._lock:
            if run is not None:
                try:
                    append_event(run, line)
                except BadInputError as error:
                    self._write(event_line("log", id, level="warning", message=str(error)))
            self._write(line)

    def _write(self, line: str) -> None:
        if not self.heard:
            return
        try:
            self._output.write(line)
            self._output.flush()
        except (BrokenPipeError, ValueError):  # ValueError: closed by the interpreter's end
            self.heard = False
