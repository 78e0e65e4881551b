"""How far a segmentation is, and whether it shall go on."""

from __future__ import annotations

from collections.abc import Callable

from mambamim.errors import Cancelled

Progress = Callable[[float, str], None]
Cancel = Callable[[], bool]


class Report:
    """Counts windows into a fraction that never falls, and carries the question whether to stop."""

    def __init__(self, progress: Progress | None, cancel: Cancel | None) -> None:
        self._progress = progress
        self.cancelled: Cancel = cancel or (lambda: False)
        self.windows = 1
        self._done = 0
        self._fraction = 0.0

    def __call__(self, fraction: float, message: str) -> None:
        """Tells a fraction 0..1, or raises Cancelled."""
        if self.cancelled():
            raise Cancelled()
        self._fraction = min(1.0, max(self._fraction, fraction))
        if self._progress:
            self._progress(self._fraction, message)

    def windows_done(self, count: int, message: str) -> None:
        """`count` more windows; they are all of the work but preparing and writing down."""
        self._done += count
        self(0.02 + 0.93 * self._done / max(self.windows, 1), message)
