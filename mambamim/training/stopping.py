"""Ways to end a training at its next step: a signal, a file named STOP, a cancelled job."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

STOP_FILE = "STOP"


class StopRequest:
    """Asked by the loop before every step.

    Args:
        run: the run folder, where a file named STOP may appear.
        cancelled: asked too.
    """

    def __init__(self, run: Path, cancelled: Callable[[], bool]) -> None:
        self._file, self._cancelled = run / STOP_FILE, cancelled
        self._signalled = False

    def __call__(self) -> bool:
        """Whether to stop."""
        return self._signalled or self._cancelled() or self._file.exists()

    def taken(self) -> bool:
        """The training has stopped: the file has done its work, the next call goes on.

        Returns:
            Whether there was the file.
        """
        there = self._file.exists()
        self._file.unlink(missing_ok=True)
        return there

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Let SIGTERM and Ctrl-C stop at the next step; a second one ends at once.

        Signals belong to the main thread; in another one (a worker's job) nothing changes.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

        def stop(number: int, frame: FrameType | None) -> None:
            if self._signalled:
                raise KeyboardInterrupt
            self._signalled = True

        for number in before:
            signal.signal(number, stop)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
