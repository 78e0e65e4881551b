"""What each field of a checkpoint's header may hold."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from mambamim.data.regions import Region, Regions
from mambamim.errors import BadInputError

KINDS = ("segmentation", "pretraining")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_HASH = re.compile(r"([0-9a-f]{64})?")
_CODED = ("category", "type", "modifier")


class MisfitError(Exception):
    """A field that does not fit; never leaves `checkpoint_header`."""

    def __init__(self, field: str, fault: str) -> None:
        super().__init__(f"{field} {fault}")
        self.field = field
        self.fault = fault


def integer(field: str, value: Any, low: int, high: int = 2**31) -> int:
    """`value` if it is an int (a bool is none) from low to high."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise MisfitError(field, f"must be an integer from {low} to {high}, not {value!r:.60}")
    return value


def number(field: str, value: Any, low: float, high: float) -> float:
    """`value` as a float if it is a finite number from low to high."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not low <= value <= high:
        raise MisfitError(field, f"must be a number from {low:g} to {high:g}, not {value!r:.60}")
    return float(value)


def text(field: str, value: Any, longest: int = 10_000) -> str:
    """`value` if it is a text that is not absurdly long."""
    if not isinstance(value, str) or len(value) > longest:
        raise MisfitError(field, f"must be a text of at most {longest} characters")
    return value


def _items(field: str, value: Any, count: int) -> list[Any]:
    if not isinstance(value, (list, tuple)) or len(value) != count:
        raise MisfitError(field, f"must be a list of {count}, not {value!r:.60}")
    return list(value)


def _object(field: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MisfitError(field, f"must be a JSON object, not {value!r:.60}")
    return value


def _name(field: str, value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise MisfitError(
            field, f"must be letters, digits, '-', '_' or '.', at most 100, not {value!r:.60}"
        )
    return value


def _kind(field: str, value: Any) -> str:
    if value not in KINDS:
        raise MisfitError(field, f"must be one of {', '.join(KINDS)}, not {value!r:.60}")
    return str(value)


def _hash(field: str, value: Any) -> str:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise MisfitError(field, "must be 64 hexadecimal digits")
    return value


def _flag(field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise MisfitError(field, f"must be true or false, not {value!r:.60}")
    return value


def _architecture(field: str, value: Any) -> dict[str, Any]:
    architecture = _object(field, value)
    text(f"{field}.name", architecture.get("name"), 100)
    integer(f"{field}.in_channels", architecture.get("in_channels"), 1, 64)
    integer(f"{field}.num_classes", architecture.get("num_classes"), 1, 65_535)
    return architecture


_OPTIONS: dict[str, Callable[[str, Any], Any]] = {
    "image_size": lambda field, value: integer(field, value, 16, 4096),
    "mask_ratio": lambda field, value: number(field, value, 0, 1),
    "fill": lambda field, value: text(field, value, 100),
    "transition": lambda field, value: text(field, value, 100),
    "form": lambda field, value: text(field, value, 100),
    "bottom_up": lambda field, value: _flag(field, value),
    "skips": lambda field, value: _flag(field, value),
    "target": lambda field, value: text(field, value, 100),
    "in_channels": lambda field, value: integer(field, value, 1, 64),
    "width": lambda field, value: integer(field, value, 16, 65_536),
}


def _pretraining(field: str, value: Any) -> dict[str, Any]:
    """All options of MambaMIM, or none; which values they may have, it says itself."""
    options = _object(field, value)
    for name in options:
        if name not in _OPTIONS:
            raise MisfitError(f"{field}.{name}", "is unknown")
    for name, rule in _OPTIONS.items() if options else ():
        if name not in options:
            raise MisfitError(f"{field}.{name}", "is missing")
        rule(f"{field}.{name}", options[name])
    return options


def _labels(field: str, value: Any) -> dict[int, str]:
    labels = {}
    for key, name in _object(field, value).items():
        if not key.isascii() or not key.isdigit() or str(int(key)) != key:
            raise MisfitError(field, f"must have integers as keys, not {key!r:.60}")
        if not text(f"{field}.{key}", name, 200).strip():
            raise MisfitError(f"{field}.{key}", "must not be empty")
        labels[int(key)] = name
    if len(set(labels.values())) != len(labels):
        raise MisfitError(field, "must not name two classes the same")
    return dict(sorted(labels.items()))  # JSON sorts its keys as text: 1, 10, 11, ..., 2


def _terms(field: str, value: Any) -> dict[str, dict[str, Any]]:
    for name, term in _object(field, value).items():
        place = f"{field}.{name}"
        for key, content in _object(place, term).items():
            if key == "colour":
                for part in _items(f"{place}.{key}", content, 3):
                    integer(f"{place}.{key}", part, 0, 255)
            elif key in _CODED:
                for part in _items(f"{place}.{key}", content, 2) if content is not None else ():
                    text(f"{place}.{key}", part, 200)
            elif key in ("name", "title"):
                text(f"{place}.{key}", content, 200)
            else:
                raise MisfitError(f"{place}.{key}", "is unknown")
    return value


def _regions(field: str, value: Any) -> tuple[Region, ...]:
    if not isinstance(value, list):
        raise MisfitError(field, f"must be a list, not {value!r:.60}")
    regions = []
    for item in value:
        region = _object(field, item)
        if region.keys() != {"name", "values", "painted"} or not isinstance(region["values"], list):
            raise MisfitError(field, "must have name, values and painted in each item")
        values = tuple(integer(f"{field}.values", one, 1, 254) for one in region["values"])
        painted = integer(f"{field}.painted", region["painted"], 1, 254)
        regions.append(Region(text(f"{field}.name", region["name"], 200), values, painted))
    try:
        return Regions(tuple(regions)).members if regions else ()
    except BadInputError as error:
        raise MisfitError(field, f"does not fit: {error.message}") from None


def _channels(field: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise MisfitError(field, f"must be a list of names, not {value!r:.60}")
    return tuple(text(field, name, 200) for name in value)


def _spacing(field: str, value: Any) -> tuple[float, ...]:
    return tuple(number(field, part, 0.05, 20) for part in _items(field, value, 3))


def _window(field: str, value: Any) -> tuple[float, ...]:
    low, high = (number(field, part, -1e6, 1e6) for part in _items(field, value, 2))
    if low >= high:
        raise MisfitError(field, f"must rise from low to high, not {value!r:.60}")
    return low, high


def _patch(field: str, value: Any) -> tuple[int, ...]:
    sides = tuple(integer(field, part, 16, 4096) for part in _items(field, value, 3))
    if any(side % 16 for side in sides):
        raise MisfitError(field, f"must be multiples of 16, not {value!r:.60}")
    return sides


_RULES: dict[str, Callable[[str, Any], Any]] = {
    "format_version": lambda field, value: integer(field, value, 1),
    "name": _name,
    "title": text,
    "description": text,
    "kind": _kind,
    "architecture": _architecture,
    "pretraining": _pretraining,
    "labels": _labels,
    "regions": _regions,
    "channels": _channels,
    "terms": _terms,
    "modality": lambda field, value: text(field, value, 50),
    "spacing_mm": _spacing,
    "window_hu": _window,
    "patch_size": _patch,
    "training": _object,
    "licence": lambda field, value: text(field, value, 1000),
    "sha256": _hash,
}


def check_fields(data: dict[str, Any]) -> dict[str, Any]:
    """Check each field by its rule, and labels and pre-training against the architecture.

    Raises:
        MisfitError: the first field that does not fit.
    """
    checked = {field: _RULES[field](field, value) for field, value in data.items()}
    classes = checked["architecture"]["num_classes"]
    if checked.get("kind", KINDS[0]) == "segmentation" and not checked["labels"]:
        raise MisfitError("labels", "must name at least one class")
    options = checked.get("pretraining")
    if options:
        if checked.get("kind") != "pretraining":
            raise MisfitError("pretraining", "belongs to the kind pretraining")
        if options["in_channels"] != checked["architecture"]["in_channels"]:
            raise MisfitError("pretraining.in_channels", "is not that of the architecture")
    _check_output(checked, classes)
    channels, taken = checked.get("channels", ()), checked["architecture"]["in_channels"]
    if channels and len(channels) != taken:
        raise MisfitError("channels", f"names {len(channels)} of {taken} channels")
    for name in checked.get("terms", {}):
        if name not in checked["labels"].values():
            raise MisfitError("terms", f"describes '{name}', which is no label")
    return checked


def _check_output(checked: dict[str, Any], classes: int) -> None:
    """What the labels are to the channels of the output."""
    regions = checked.get("regions")
    if not regions:
        for value in checked["labels"]:
            if not 1 <= value < classes:
                raise MisfitError("labels", f"has the value {value}, not in 1..{classes - 1}")
        return
    if checked.get("kind", KINDS[0]) != "segmentation":
        raise MisfitError("regions", "belongs to the kind segmentation")
    if len(regions) != classes:
        raise MisfitError("regions", f"describes {len(regions)} of {classes} channels")
    if Regions(regions).labels != checked["labels"]:
        raise MisfitError("labels", "is not what the regions are painted as")
