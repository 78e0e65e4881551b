"""Call something later, unless it is taken back."""

from collections.abc import Callable
from typing import Protocol


class TimerLike(Protocol):
    """What one gets for a call that is to come."""

    def stop(self) -> None:
        """Take the call back; one that has been made is left alone."""


def after(seconds: float, call: Callable[[], None]) -> TimerLike:
    """Call once, `seconds` from now, from Qt's event loop.

    Args:
        seconds: at least 0.
        call: takes nothing. Keep what is returned as long as it is wanted.
    """
    return _Later(seconds, call)


class Timers:
    """Calls that are to come, by name; each name has one.

    Args:
        after: see `after`.
    """

    def __init__(self, after: Callable[[float, Callable[[], None]], TimerLike]) -> None:
        self._after = after
        self._timers: dict[str, TimerLike] = {}

    def set(self, name: str, seconds: float, call: Callable[[], None]) -> None:
        """Call in so many seconds, instead of when it was to be before."""
        self.drop(name)
        self._timers[name] = self._after(seconds, call)

    def drop(self, *names: str) -> None:
        """Take calls back; those that are not there are no error."""
        for name in names:
            timer = self._timers.pop(name, None)
            if timer is not None:
                timer.stop()


class _Later:
    """A QTimer for one call. The application owns it, for it must not go while it calls."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        import qt
        import slicer

        self._call = call
        self._timer = qt.QTimer(slicer.app)
        self._timer.setSingleShot(True)
        self._timer.connect("timeout()", self._onTimeout)
        self._timer.start(int(seconds * 1000))

    def stop(self) -> None:
        """See `TimerLike`."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.stop()
            timer.deleteLater()

    def _onTimeout(self) -> None:
        self.stop()
        self._call()
