"""What a worker says: events on its standard output, complaints on its standard error."""

from typing import Any

from mambamim.jobs.protocol import parse_event
from MambaMIMLib import Log
from MambaMIMLib.Lines import Lines

_COMPLAINTS = 50  # lines that are kept


class WorkerSpeech:
    """Takes bytes as they come, and gives what is whole."""

    def __init__(self) -> None:
        self._output, self._complaints = Lines(), Lines(keep=_COMPLAINTS)

    def hear(self, data: bytes) -> list[dict[str, Any]]:
        """Take standard output; returns the events that are complete now, as the protocol has them.

        Lines that are none are dropped: a library may print.
        """
        events = (parse_event(line) for line in self._output.add(data))
        return [event for event in events if event is not None]

    def complain(self, data: bytes) -> None:
        """Take standard error."""
        self._complaints.add(data)

    def complaints(self) -> str:
        """The last lines of standard error, without names of patients."""
        return Log.clean("\n".join(self._complaints.all()), Log.sceneNames())
