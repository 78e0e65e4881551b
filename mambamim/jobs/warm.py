"""What a worker keeps loaded between its jobs: the last networks of each kind of work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def keep_warm(
    warm: dict[Any, Any],
    kind: str,
    model: str,
    options: tuple[str, ...],
    most: int,
    make: Callable[[Path], Any],
) -> Any:
    """The thing of an earlier job while its checkpoint is the same file, else a new one.

    Args:
        warm: what is kept, of all kinds; the one used last comes last.
        kind: of work. Each has room of its own, so that one never pushes out another's.
        model: name in the catalogue, or path of a checkpoint.
        options: what else it was made with.
        most: how many of this kind are kept.
        make: makes one of a checkpoint.

    Raises:
        BadInputError: there is no such model.
    """
    from mambamim.catalogue import resolve_model

    path = resolve_model(model).resolve()
    facts = path.stat()
    key = (kind, path, facts.st_mtime_ns, facts.st_size, *options)
    made = warm.pop(key, None)
    if made is None:
        made = make(path)
    warm[key] = made
    alike = [other for other in warm if other[0] == kind]
    for old in alike[:-most]:
        del warm[old]
    return made
