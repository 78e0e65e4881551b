"""What may stand beside a type in Annotated: defaults, validators, hints for widgets."""

import dataclasses
import typing
from typing import Any

__all__ = [
    "Choice", "Decimals", "Default", "Exclude", "IsInstance", "Maximum", "Minimum", "NotNone",
    "RangeBounds", "SingleStep", "Validator", "WithinRange",
]  # fmt: skip


@dataclasses.dataclass
class Default:
    value: Any


@dataclasses.dataclass
class Decimals:
    value: int


@dataclasses.dataclass
class SingleStep:
    value: float


class Validator:
    """Raises ValueError or TypeError in validate(value)."""

    def validate(self, value) -> None:
        raise NotImplementedError


class NotNone(Validator):
    def validate(self, value) -> None:
        if value is None:
            raise ValueError("Value must not be None")


@dataclasses.dataclass
class IsInstance(Validator):
    classtype: Any

    def validate(self, value) -> None:
        if value is not None and not isinstance(value, self.classtype):
            raise TypeError(f"Value must be of type {self.classtype}, is {value!r}")


@dataclasses.dataclass
class WithinRange(Validator):
    minimum: float
    maximum: float

    def validate(self, value) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Value must be in [{self.minimum}, {self.maximum}], is {value}")


@dataclasses.dataclass
class Minimum(Validator):
    minimum: float

    def validate(self, value) -> None:
        if value < self.minimum:
            raise ValueError(f"Value must be at least {self.minimum}, is {value}")


@dataclasses.dataclass
class Maximum(Validator):
    maximum: float

    def validate(self, value) -> None:
        if value > self.maximum:
            raise ValueError(f"Value must be at most {self.maximum}, is {value}")


@dataclasses.dataclass
class Choice(Validator):
    choices: Any

    def validate(self, value) -> None:
        if value not in self.choices:
            raise ValueError(f"Value must be one of {self.choices}, is {value!r}")


@dataclasses.dataclass
class Exclude(Validator):
    excludedValues: Any

    def validate(self, value) -> None:
        if value in self.excludedValues:
            raise ValueError(f"Value must not be one of {self.excludedValues}, is {value!r}")


@dataclasses.dataclass
class RangeBounds(Validator):
    minimum: float
    maximum: float

    def validate(self, value) -> None:
        if value.minimum < self.minimum or value.maximum > self.maximum:
            raise ValueError(f"Range must be within [{self.minimum}, {self.maximum}]")


def splitAnnotations(possiblyAnnotated):
    """Annotated[int, a, b] -> (int, [a, b]); int -> (int, [])."""
    if typing.get_origin(possiblyAnnotated) is typing.Annotated:
        return typing.get_args(possiblyAnnotated)[0], list(typing.get_args(possiblyAnnotated)[1:])
    return possiblyAnnotated, []


def unannotatedType(possiblyAnnotated):
    return splitAnnotations(possiblyAnnotated)[0]


def findFirstAnnotation(annotations, kind):
    return next((a for a in annotations if isinstance(a, kind)), None)
