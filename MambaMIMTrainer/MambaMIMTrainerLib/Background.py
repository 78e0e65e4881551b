"""Work in a thread while the application stays live: files and arrays only, no nodes or widgets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from MambaMIMLib.Steps import Steps

_PATIENCE = 0.01  # seconds given to the thread at each look


def run(
    work: Callable[[], Any], done: Callable[[Any], None], failed: Callable[[Exception], None]
) -> Steps:
    """Do `work` in a thread, then call `done` with what it gave, or `failed`, from the event loop.

    `stop()` of what is returned lets the thread come to its end unheard.
    """
    return Steps(steps(work), done, failed)


def steps(work: Callable[[], Any]) -> Iterator[Any]:
    """The same as an iterator for `Steps`; its last value is what the work gave.

    Raises:
        Exception: what the work raised.
    """
    given: list[Any] = []
    raised: list[Exception] = []

    def call() -> None:
        try:
            given.append(work())
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=call, name="MambaMIM trainer", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_PATIENCE)
        yield None
    if raised:
        raise raised[0]
    yield given[0]
