"""What can go wrong, one class a kind.

Every message says what is wrong, where, and what to do. `kind` names the error in the job protocol
and `exit_code` is what the command line ends with.
"""

from __future__ import annotations

import sys

_OUT_OF_MEMORY_TEXTS = ("out of memory", "can't allocate memory", "not enough memory")


class MambaMIMError(Exception):
    """Root of all errors this package raises on purpose.

    Args:
        message: one sentence a person understands: what is wrong and where.
        hint: what to do about it, one sentence, may be empty.
    """

    kind = "error"
    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.hint = hint


class BadInputError(MambaMIMError, ValueError):
    """What the user gave cannot be used: a file, a parameter, a place to write to."""

    kind = "bad_input"
    exit_code = 2


class CheckpointError(BadInputError):
    """A checkpoint is damaged, of another kind, or does not fit its network."""

    kind = "checkpoint"


class MissingDependencyError(BadInputError):
    """A package is needed and not installed."""

    kind = "missing_dependency"


class Cancelled(MambaMIMError):  # noqa: N818  (stopping is no error)
    """The user asked to stop. Nothing was written."""

    kind = "cancelled"
    exit_code = 3

    def __init__(self, message: str = "Cancelled; nothing was written.", hint: str = "") -> None:
        super().__init__(message, hint)


class OutOfMemoryError(MambaMIMError):
    """Neither the device nor the computer has the memory that the work needs."""

    kind = "out_of_memory"
    exit_code = 4


def plain_error(error: BaseException, quote: bool = True) -> MambaMIMError:
    """The error a person is told for any exception.

    Memory that runs out, packages that are not there and Ctrl-C get their own kinds; what nobody
    foresaw says so.

    Args:
        error: any exception.
        quote: whether to quote the text of one that nobody foresaw. It may hold a patient's file
            name, so what is kept in a file does not.
    """
    if isinstance(error, MambaMIMError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Cancelled()
    torch = sys.modules.get("torch")
    text = str(error).lower()
    if (
        isinstance(error, MemoryError)
        or (torch is not None and isinstance(error, torch.OutOfMemoryError))
        or (isinstance(error, RuntimeError) and any(t in text for t in _OUT_OF_MEMORY_TEXTS))
    ):
        return OutOfMemoryError(
            "There is not enough memory.",
            "Close other programs, or take the coarse quality, a region of interest or the CPU.",
        )
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.split(".")[0]
        return MissingDependencyError(
            f"The Python package {package} is not installed, and this work needs it.",
            f"Install it ({sys.executable} -m pip install {package}) and try again.",
        )
    first_line = (str(error).splitlines() or [""])[0]
    said = f": {first_line}" if quote and first_line else ""
    return MambaMIMError(
        f"Something unforeseen went wrong ({type(error).__name__}{said}).",
        "Run it again with MAMBAMIM_DEBUG=1 to see where.",
    )
