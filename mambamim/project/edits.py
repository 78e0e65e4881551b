"""Changes of a project's manifest, in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from mambamim.errors import BadInputError
from mambamim.project.case import CaseRecord
from mambamim.project.manifest import NO_CLASS, Manifest, checked_class


def find_record(manifest: Manifest, id: str) -> CaseRecord:  # noqa: A002
    """A case by its id; BadInputError where there is none."""
    for record in manifest.cases:
        if record.id == id:
            return record
    raise BadInputError(f"The project has no case {id!r:.40}.")


def change_record(manifest: Manifest, id: str, **fields: Any) -> None:  # noqa: A002
    """Change fields of a case."""
    record = find_record(manifest, id)
    manifest.cases[manifest.cases.index(record)] = dataclasses.replace(record, **fields)


def known_classes(manifest: Manifest, names: tuple[str, ...]) -> tuple[str, ...]:
    """Names in the order of the classes; BadInputError where one is no class."""
    strange = [name for name in names if name not in manifest.classes]
    if strange:
        raise BadInputError(f"{strange[0]!r:.60} is no class of the project.", "Add it first.")
    return tuple(name for name in manifest.classes if name in names)


def set_classes(manifest: Manifest, classes: Iterable[str]) -> None:
    """See `Project.set_classes`."""
    names = [checked_class(name) for name in classes]
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if twice:
        raise BadInputError(f"The class {twice[0]!r:.60} is named twice.")
    for name in names:
        manifest.value_of(name)
    manifest.classes = names
    manifest.cases = [
        dataclasses.replace(c, unknown=tuple(n for n in c.unknown if n in names))
        for c in manifest.cases
    ]


def relabel(manifest: Manifest, old: str, new: str) -> None:
    """See `Project.relabel`."""
    if old in NO_CLASS or old not in manifest.values.values():
        raise BadInputError(f"The project has no labels of {old!r:.60}.")
    manifest.values = {v: new if name == old else name for v, name in manifest.values.items()}
    known = new in manifest.classes or new in NO_CLASS
    kept = [name for name in manifest.classes if name != old or not known]
    manifest.classes = [new if name == old else name for name in kept]
    for number, case in enumerate(manifest.cases):
        absent = {new if name == old else name for name in case.unknown}
        unknown = tuple(name for name in manifest.classes if name in absent)
        manifest.cases[number] = dataclasses.replace(case, unknown=unknown)
