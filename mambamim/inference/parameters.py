"""A job's JSON parameters become the attributes of its task: readers, one a kind of value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mambamim.errors import BadInputError

Reader = Callable[[Any], Any]


def read_parameters(
    parameters: Mapping[str, Any], readers: Mapping[str, Reader], needed: Sequence[str]
) -> dict[str, Any]:
    """The attributes that JSON parameters describe.

    Args:
        parameters: name -> what JSON gave.
        readers: name -> what makes the attribute of it, or raises TypeError or ValueError.
        needed: names that must be there.

    Raises:
        BadInputError: names a parameter that is missing, unknown or of the wrong type.
    """
    for name in needed:
        if not parameters.get(name):
            raise BadInputError(f"The parameter '{name}' is missing.")
    read = {}
    for name, value in parameters.items():
        if name not in readers:
            raise BadInputError(f"The parameter '{name}' is unknown.")
        try:
            read[name] = readers[name](value)
        except (TypeError, ValueError):
            raise BadInputError(f"The parameter '{name}' cannot be {value!r:.60}.") from None
    return read


def or_none(reader: Reader) -> Reader:
    """The same, and None is let through."""
    return lambda value: None if value is None else reader(value)


def a_text(value: Any) -> str:
    """A text."""
    return str(_of(str, value))


def a_path(value: Any) -> Path:
    """A path, given as text."""
    return Path(_of(str, value))


def a_flag(value: Any) -> bool:
    """True or false."""
    return bool(_of(bool, value))


def an_integer(value: Any) -> int:
    """A whole number; true and false are none."""
    if isinstance(value, bool):
        raise TypeError
    return int(_of(int, value))


def texts(value: Any) -> tuple[str, ...]:
    """A list of texts."""
    return tuple(a_text(item) for item in _of(list, value))


def paths(value: Any) -> tuple[Path, ...]:
    """A list of paths, given as texts."""
    return tuple(a_path(item) for item in _of(list, value))


def numbers(value: Any) -> tuple[float, ...]:
    """A list of numbers."""
    return tuple(float(item) for item in _of(list, value))


def rows(value: Any) -> tuple[tuple[float, ...], ...]:
    """A list of lists of numbers."""
    return tuple(numbers(row) for row in _of(list, value))


def check_array_affine(source: Path, affine: tuple[tuple[float, ...], ...] | None) -> None:
    """Refuse a .npy input without its affine, and an affine for any other.

    Raises:
        BadInputError: says which.
    """
    if (affine is not None) != (source.suffix.lower() == ".npy"):
        raise BadInputError("A .npy input needs an affine, and no other input takes one.")
    if affine is not None and np.shape(affine) != (4, 4):
        raise BadInputError("The affine is not four rows of four numbers.")


def _of(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError
    return value
