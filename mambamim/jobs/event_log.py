"""events.jsonl: what a run has told, kept in its folder so that one can look in again later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mambamim.errors import BadInputError
from mambamim.jobs.protocol import parse_event

FILE_NAME = "events.jsonl"


def append_event(run: Path, line: str) -> None:
    """Append one event's line to the run's log; the folder is made if it is missing.

    Raises:
        BadInputError: the folder cannot be written to, or the disk is full.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
        with (run / FILE_NAME).open("ab") as stream:
            stream.write(line.encode())
    except OSError as error:
        raise BadInputError(
            f"The run folder {run.name} cannot be written to: {error.strerror}.",
            "Choose another folder, or free some space.",
        ) from error


def read_events(
    run: str | Path, position: int = 0, end: int | None = None
) -> tuple[list[dict[str, Any]], int]:
    """The events that a run has told since `position`, in order.

    Args:
        run: the run folder.
        position: what the last call returned, 0 to begin.
        end: position to read to, None for all.

    Returns:
        The events and the position to go on from. A last line that is still being written waits
        for the next call; a run without a log has no events.
    """
    path = Path(run) / FILE_NAME
    if not path.is_file():
        return [], position
    with path.open("rb") as stream:
        stream.seek(position)
        text = stream.read() if end is None else stream.read(max(0, end - position))
    whole = text[: text.rfind(b"\n") + 1]
    parsed = (parse_event(line.decode(errors="replace")) for line in whole.splitlines())
    return [event for event in parsed if event is not None], position + len(whole)
