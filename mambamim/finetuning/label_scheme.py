"""Which class or region a value of a user's label maps is in, and what a case has no labels for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mambamim.data.class_sets import UNKNOWN, ClassSets
from mambamim.data.regions import Region, Regions
from mambamim.errors import BadInputError

_VALUES = 256
_BACKGROUND, _UNKNOWN = "background", "unknown"
_NO_CLASS = (_BACKGROUND, _UNKNOWN)
_IGNORED = "ignore"  # what nnU-Net calls it
_ORDER = "regions_class_order"  # nnU-Net's: the value that each region is painted with


@dataclass(frozen=True)
class LabelScheme:
    """From values in files to the classes that are learnt.

    Attributes:
        classes: names, values 1, 2, ... of the network.
        values: value in the files -> class name; "background" drops it, "unknown" makes its voxels
            count for nothing. Several values with one name are merged. A value that is not listed
            is an error, so that nothing is dropped by mistake.
        unlabelled: classes that no case has labels for where a case says so: file name of its
            image -> names. There, background may be any of them.
        regions: where regions that overlap are learnt; `classes` are their names then, and each of
            `values` bears the name of the region that it is painted as.
    """

    classes: tuple[str, ...]
    values: dict[int, str]
    unlabelled: dict[str, tuple[str, ...]]
    regions: Regions | None = None

    @property
    def sets(self) -> ClassSets | Regions:
        """What label values mean in training; one merged set per kind of partly labelled case."""
        return self._sets() if self.regions is None else self.regions

    def _sets(self) -> ClassSets:
        kinds = {self._open(names) for names in self.unlabelled.values()}
        everything = tuple(range(len(self.classes) + 1))
        kinds = {kind for kind in kinds if 1 < len(kind) < len(everything)}
        return ClassSets(len(self.classes) + 1, tuple(sorted(kinds)))

    def lookup(self, image: str, found: Sequence[int]) -> np.ndarray:
        """The table from values of a case's label map to values for the loss.

        Values of regions stay as they are.

        Args:
            image: file name of the case's image.
            found: values above 0 that its label map holds.

        Returns:
            (256,) uint8.

        Raises:
            BadInputError: it holds a value that the scheme does not know, or one of a class that
                it is said not to have labels for.
        """
        absent = self.unlabelled.get(image, ())
        table = np.full(_VALUES, UNKNOWN, np.uint8)
        table[0] = 0 if self.regions else self._sets().value(self._open(absent))
        for value, name in self.values.items():
            if name == _BACKGROUND:
                table[value] = table[0]
            elif name != _UNKNOWN:
                table[value] = value if self.regions else 1 + self.classes.index(name)
        for value in found:
            if value not in self.values:
                raise BadInputError(
                    f"The label map of {image} holds the value {value}, of which nothing is said.",
                    'Name its class, or "background" or "unknown", in the label map\'s names.',
                )
            if self.values[value] in absent:
                raise BadInputError(
                    f"The label map of {image} holds {self.values[value]}, which it is said not to"
                    " have labels for.",
                    "Take it off the list of what is not labelled there.",
                )
        return table

    def _open(self, absent: Sequence[str]) -> tuple[int, ...]:
        return tuple(sorted({0, *(1 + self.classes.index(name) for name in absent)}))


def scheme_of(content: dict[str, Any], where: str) -> LabelScheme:
    """A scheme from what a file says.

    Args:
        content: {"labels": {"1": "liver", "2": "spleen", "3": "background"}}, with "classes":
            ["spleen", "liver"] to choose and order, and "unlabelled": {"case_1.nii.gz":
            ["spleen"]} for cases that lack some. A Decathlon or nnU-Net `dataset.json` fits too:
            there, "labels" may be turned around. With nnU-Net's "regions_class_order" they are
            regions that overlap, each with its list of values.
        where: the file's name, for messages.

    Raises:
        BadInputError: it does not fit; says where.
    """
    labels = content.get("labels")
    if not isinstance(labels, dict) or not labels:
        raise BadInputError(
            f"{where} does not say what the label values are.",
            'It needs "labels": {"1": "liver", "2": "spleen"}.',
        )
    if _ORDER in content:
        return _regions_of(content, where)
    values: dict[int, str] = {}
    for one, other in labels.items():
        value, name = (one, other) if str(one).isdecimal() else (other, one)
        number = int(value) if str(value).isdecimal() else _VALUES
        if number >= _VALUES or not isinstance(name, str):
            raise BadInputError(
                f"{where}: {one!r}: {other!r} is no label value with its name.",
                f'Values are whole numbers from 0 to 255; overlapping regions need "{_ORDER}".',
            )
        if number in values:
            raise BadInputError(f"{where} gives the value {number} two names.")
        if number > 0:
            values[number] = _UNKNOWN if name == _IGNORED else name
    named = [name for _, name in sorted(values.items()) if name not in _NO_CLASS]
    classes = _names(content.get("classes"), where) or tuple(dict.fromkeys(named))
    chosen = {v: n if n in (*classes, *_NO_CLASS) else _BACKGROUND
              for v, n in values.items()}  # fmt: skip
    absent = content.get("unlabelled") or {}
    if not isinstance(absent, dict):
        raise BadInputError(f'"unlabelled" in {where} must be file names, each with its classes.')
    given = {image: _names(names, where) for image, names in absent.items()}
    strange = [n for names in (classes, *given.values()) for n in names if n not in named]
    if strange:
        raise BadInputError(
            f"{where} names the class {strange[0]!r}, which no label value has.",
            f"It has {', '.join(dict.fromkeys(named))}.",
        )
    if not classes:
        raise BadInputError(f"{where} names no class besides background.")
    unlabelled = {k: tuple(n for n in names if n in classes) for k, names in given.items()}
    return LabelScheme(classes, chosen, unlabelled)


def _regions_of(content: dict[str, Any], where: str) -> LabelScheme:
    """Regions as nnU-Net names them: {"tumour": [1, 2], "core": 2}, painted in this order."""
    for part in ("classes", "unlabelled"):
        if content.get(part):
            raise BadInputError(
                f'"{part}" in {where} goes with classes that exclude each other, not with regions.',
                "Leave it out; of regions, every case needs labels of all.",
            )
    members: dict[str, tuple[int, ...]] = {}
    dropped: dict[int, str] = {}
    for one, other in content["labels"].items():
        value, name = (one, other) if str(one).isdecimal() else (other, one)
        numbers = tuple(
            int(v) if str(v).isdecimal() else _VALUES
            for v in (value if isinstance(value, list) else [value])
        )
        if not isinstance(name, str) or not numbers or max(numbers) >= _VALUES:
            raise BadInputError(
                f"{where}: {one!r}: {other!r} is no region with its label values.",
                'Write "tumour": [1, 2]; values are whole numbers from 0 to 255.',
            )
        if name in (*_NO_CLASS, _IGNORED):
            kind = _BACKGROUND if name == _BACKGROUND else _UNKNOWN
            dropped |= dict.fromkeys((v for v in numbers if v > 0), kind)
        else:
            members[name] = numbers
    order = content[_ORDER]
    if not isinstance(order, list) or len(order) != len(members):
        raise BadInputError(
            f'"{_ORDER}" in {where} is {order!r:.60} for {len(members)} regions.',
            "It needs the value that each region is painted with, in the order of the regions.",
        )
    if not all(type(p) is int and p in v for p, v in zip(order, members.values(), strict=True)):
        raise BadInputError(
            f'"{_ORDER}" in {where} is {order!r:.60}: not each is a value of its region.',
            "Paint every region with one of its own values.",
        )
    named = zip(members.items(), order, strict=True)
    regions = Regions(tuple(Region(name, own, painted) for (name, own), painted in named))
    both = sorted(set(dropped) & set(regions.values))
    if both:
        raise BadInputError(f"{where} says two things of the value {both[0]}.")
    values = {v: region.name for region in regions.members for v in region.values}
    return LabelScheme(tuple(members), {**values, **dropped}, {}, regions)


def _names(given: Any, where: str) -> tuple[str, ...]:
    """A list of names as JSON has it; nothing is an empty one."""
    if not isinstance(given or [], list) or not all(isinstance(name, str) for name in given or []):
        raise BadInputError(f"{where}: {given!r:.60} is no list of names.", 'Write ["liver"].')
    return tuple(given or ())


def read_scheme(path: Path) -> LabelScheme:
    """`scheme_of` a JSON file.

    Raises:
        BadInputError: it cannot be read or does not fit.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadInputError(f"{path.name} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise BadInputError(f"{path.name} is damaged: it is not JSON.") from error
    if not isinstance(content, dict):
        raise BadInputError(f"{path.name} is no list of labels.")
    return scheme_of(content, path.name)
