"""How long a job will still take, from how fast its fraction has grown lately."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

_SAMPLES = 24
_SHORTEST = 0.5  # seconds of growth before an estimate is worth telling
_LOADING = 3  # reports; what lies before them says nothing about the pace


class SecondsLeft:
    """Estimates from the last reports, so that a slow start does not spoil it.

    Args:
        clock: seconds, growing.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, float]] = deque(maxlen=_SAMPLES)
        self._reports = 0

    def __call__(self, fraction: float) -> float | None:
        """Seconds left at `fraction` (0..1), None while too little is known."""
        now = self._clock()
        if not self._seen or fraction > self._seen[-1][1]:
            self._seen.append((now, fraction))
            self._reports += 1
            if self._reports == _LOADING:
                self._seen = deque([(now, fraction)], maxlen=_SAMPLES)
        first_time, first = self._seen[0]
        grown, passed = fraction - first, now - first_time
        if fraction >= 1:
            return 0.0
        if self._reports <= _LOADING or grown <= 0 or passed < _SHORTEST:
            return None
        return round((1 - fraction) * passed / grown, 1)
