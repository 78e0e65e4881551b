"""Lets Qt's events happen in a test."""

import time
from collections.abc import Callable

import slicer


def wait_for(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Process events until the condition holds; a test that waits too long fails."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        slicer.app.processEvents()
        time.sleep(0.002)


def heard(signal) -> list[tuple]:
    """A list that fills with what a Signal sends."""
    got: list[tuple] = []
    signal.connect(lambda *values: got.append(values))
    return got
