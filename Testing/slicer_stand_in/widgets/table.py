"""Reads the tables: which properties, signals, slots and enumerations each class has."""

import ast
import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "tables"
_FILES = ("ctk.txt", "qmrml.txt", "application.txt")
_WORDS = {"true": True, "false": False, "none": None}


@dataclass(frozen=True)
class PropertyEntry:
    """One Q_PROPERTY: its C++ type, what it is at first, and whether it can be written."""

    type_name: str
    default: Any
    writable: bool


@dataclass(frozen=True)
class Overload:
    """The parameter types of a slot; the last ones may be left out."""

    types: tuple[str, ...]
    required: int


@dataclass
class ClassEntry:
    """What a class declares itself; the rest comes from `base`."""

    name: str
    module: str
    base: str
    constructor: tuple[str, ...] = ()
    properties: dict[str, PropertyEntry] = field(default_factory=dict)
    signals: list[str] = field(default_factory=list)
    slots: dict[str, list[Overload]] = field(default_factory=dict)
    enumerations: dict[str, int] = field(default_factory=dict)


@functools.cache
def class_entries() -> dict[str, ClassEntry]:
    """Return all entries by class name, bases before what derives from them."""
    entries: dict[str, ClassEntry] = {}
    for name in _FILES:
        lines = (_FOLDER / name).read_text(encoding="utf-8").splitlines()
        for entry in _parsed(line.split("#")[0].strip() for line in lines):
            entries[entry.name] = entry
    return entries


def _parsed(lines: Iterable[str]) -> Iterable[ClassEntry]:
    module, entry = "", None
    for line in filter(None, lines):
        word, _, rest = line.partition(" ")
        if word == "module":
            module = rest
        elif word == "class":
            if entry is not None:
                yield entry
            name, base = (part.strip() for part in rest.split(":"))
            entry = ClassEntry(name, module, base)
        elif entry is not None:
            _add(entry, word, rest)
    if entry is not None:
        yield entry


def _add(entry: ClassEntry, word: str, rest: str) -> None:
    if word == "property":
        declared, _, default = rest.partition(" = ")
        type_name, name = declared.split()
        writable = not default.endswith(" readonly")
        value = default.removesuffix(" readonly")
        default = _WORDS[value] if value in _WORDS else ast.literal_eval(value)
        entry.properties[name] = PropertyEntry(type_name, default, writable)
    elif word == "signal":
        entry.signals.append(rest)
    elif word == "slot":
        name, _, types = rest.removesuffix(")").partition("(")
        parameters = tuple(types.split(",")) if types else ()
        required = sum(not p.endswith("?") for p in parameters)
        overload = Overload(tuple(p.removesuffix("?") for p in parameters), required)
        entry.slots.setdefault(name, []).append(overload)
    elif word == "enum":
        pairs = (pair.split("=") for pair in rest.split())
        entry.enumerations.update({name: int(value) for name, value in pairs})
    elif word == "construct":
        entry.constructor = tuple(rest.split())
    else:
        raise ValueError(f"the table of {entry.name} has a line that starts with '{word}'")
