"""Work of the GUI's own that would take too long in one go: done in steps, between its events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import qt

_AT_ONCE = 0.015  # seconds; a step that is short does not wait for the next round of events


class Steps:
    """Takes an iterator's values one by one from a timer, so that the application stays live.

    Args:
        iterator: the work; its values are dropped, but for the last one.
        done: called with the last value.
        failed: called with the exception that the work raised.
    """

    def __init__(
        self,
        iterator: Iterator[Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._iterator, self._done, self._failed = iterator, done, failed
        self._last: Any = None
        self._timer = qt.QTimer()
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._advance)
        self._timer.start()

    def stop(self) -> None:
        """Leave it as it is: neither `done` nor `failed` is called any more."""
        self._timer.stop()
        close = getattr(self._iterator, "close", None)
        if close is not None:
            close()

    def _advance(self) -> None:
        began = time.perf_counter()
        try:
            while time.perf_counter() - began < _AT_ONCE:
                self._last = next(self._iterator)
        except StopIteration:
            self._timer.stop()
            self._done(self._last)
        except Exception as error:
            self._timer.stop()
            self._failed(error)
