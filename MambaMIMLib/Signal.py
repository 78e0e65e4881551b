"""A signal of plain Python, for objects that are no QObject."""

from collections.abc import Callable
from typing import Any

from MambaMIMLib import Log


class Signal:
    """Calls its receivers in the order in which they were connected.

    An error in one receiver is logged and does not keep the others from being called, as with
    Qt's signals in Slicer.
    """

    def __init__(self) -> None:
        self._receivers: list[Callable[..., None]] = []

    def connect(self, receiver: Callable[..., None]) -> None:
        """Call `receiver` whenever the signal is sent; connecting twice calls it once."""
        if receiver not in self._receivers:
            self._receivers.append(receiver)

    def disconnect(self, receiver: Callable[..., None]) -> None:
        """Take a connection back; one that is not there is no error."""
        if receiver in self._receivers:
            self._receivers.remove(receiver)

    def __call__(self, *values: Any) -> None:
        """Send the signal."""
        for receiver in list(self._receivers):
            try:
                receiver(*values)
            except Exception as error:
                Log.exception(error)
