"""Lines of text out of the bytes of a pipe, which come in pieces."""

from collections import deque

_LONGEST = 4_000_000  # bytes of a line without an end; more is not text


class Lines:
    """Puts pieces together, so that no line and no letter of several bytes is cut.

    Args:
        keep: how many of the last lines `all` gives; 0 keeps none.
    """

    def __init__(self, keep: int = 0) -> None:
        self._rest = b""
        self._kept: deque[str] = deque(maxlen=keep)

    def add(self, data: bytes) -> list[str]:
        """Take a piece; the lines that are whole now, without their ends."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST:
            self._rest = b""
        lines = [_text(line) for line in whole]
        self._kept.extend(lines)
        return lines

    def all(self) -> list[str]:
        """The last lines, one that is not whole yet included."""
        return [*self._kept, *([_text(self._rest)] if self._rest else [])][
            -(self._kept.maxlen or 0) :
        ]


def _text(line: bytes) -> str:
    return line.decode("utf-8", errors="replace").rstrip("\r")
