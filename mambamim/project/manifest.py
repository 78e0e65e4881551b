"""manifest.json: all that a project knows of its cases; without it the files mean nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mambamim.errors import BadInputError
from mambamim.files import atomic_path
from mambamim.project.case import CaseRecord

FILE_NAME = "manifest.json"
NO_CLASS = ("background", "unknown")  # a value of the first is no class, of the second anything
_FORMAT, _VERSION = "mambamim-project", 1
UNKNOWN = 255  # the value that is called so in every project
_MOST_VALUES = 254
_LONGEST_NAME = 200


@dataclass
class Manifest:
    """The content of a project's manifest.

    Label maps are never written again: a class that is renamed or merged changes what their values
    are called here.

    Attributes:
        classes: names in the order in which they are learnt.
        values: value in the label maps -> class, "background" or "unknown".
        cases: in the order in which they came.
        next: number of the next case.
    """

    classes: list[str] = field(default_factory=list)
    values: dict[int, str] = field(default_factory=lambda: {UNKNOWN: NO_CLASS[1]})
    cases: list[CaseRecord] = field(default_factory=list)
    next: int = 1

    def value_of(self, name: str) -> int:
        """The label value of a class or of "unknown"; a new one where there is none.

        Raises:
            BadInputError: there are too many.
        """
        known = [value for value, other in self.values.items() if other == name]
        if known:
            return min(known)
        value = max((v for v in self.values if v != UNKNOWN), default=0) + 1
        if value > _MOST_VALUES:
            raise BadInputError(
                f"A project has room for {_MOST_VALUES} classes, those renamed included.",
                "Begin another project.",
            )
        self.values[value] = name
        return value

    def write(self, folder: Path) -> None:
        """Write it, whole or not at all.

        Raises:
            BadInputError: the folder cannot be written to, or the disk is full.
        """
        content = {
            "format": _FORMAT,
            "version": _VERSION,
            "classes": self.classes,
            "labels": {str(value): name for value, name in self.values.items()},
            "next": self.next,
            "cases": [case.to_json() for case in self.cases],
        }
        with atomic_path(folder / FILE_NAME) as temporary:
            temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest in a folder.

        Raises:
            BadInputError: there is none, it is damaged, or a newer version made it.
        """
        try:
            content = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        except OSError as error:
            raise BadInputError(
                f"The folder {folder.name} holds no training project ({FILE_NAME}: "
                f"{error.strerror}).",
                "Choose a project's folder, or begin a new one.",
            ) from error
        except ValueError as error:
            raise _damaged(folder) from error
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise BadInputError(
                f"{FILE_NAME} in {folder.name} belongs to something else.",
                "Choose a project's folder, or begin a new one.",
            )
        if content.get("version") != _VERSION:
            raise BadInputError(
                f"The project {folder.name} is of version {content.get('version')!r:.20}, not "
                f"{_VERSION}.",
                "Update the extension.",
            )
        try:
            return cls._of(content)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _damaged(folder) from error

    @classmethod
    def _of(cls, content: dict[str, Any]) -> Manifest:
        if not isinstance(content["cases"], list) or not isinstance(content["classes"], list):
            raise TypeError
        cases = [CaseRecord.from_json(entry) for entry in content["cases"]]
        values = {int(value): str(name) for value, name in content["labels"].items()}
        classes = [checked_class(name) for name in content["classes"]]
        number = int(content["next"])
        known = {value for case in cases for value in case.voxels}
        good = (
            len(set(classes)) == len(classes)
            and {*classes} <= {*values.values()}
            and all(0 < value <= UNKNOWN for value in values)
            and values.get(UNKNOWN) == NO_CLASS[1]
            and known <= {*values}
            and len({case.id for case in cases}) == len(cases)
            and all(int(case.id.removeprefix("case-")) < number for case in cases)
        )
        if not good:
            raise ValueError
        return cls(classes, values, cases, number)


def checked_class(name: Any) -> str:
    """A name that a class can have.

    Raises:
        BadInputError: it is none.
    """
    good = isinstance(name, str) and 0 < len(name.strip()) <= _LONGEST_NAME
    if not good or name.isdecimal() or name in (*NO_CLASS, "ignore"):
        raise BadInputError(
            f"A class cannot be called {name!r:.60}.",
            "Take a word; background, unknown and ignore mean something else.",
        )
    return str(name)


def _damaged(folder: Path) -> BadInputError:
    return BadInputError(
        f"{FILE_NAME} of the project {folder.name} is damaged.",
        "Take it from a backup; the scans and label maps beside it are not touched.",
    )
