"""What PythonQt makes of a Python value that is to become a C++ one."""

import os
from collections.abc import Sequence
from typing import Any

_INTEGERS = {"int", "uint", "qlonglong", "qulonglong", "short", "ushort", "long", "vtkIdType"}
_NUMBERS = {"double", "float", "qreal"}
_LISTS = {"QStringList", "QVariantList", "QList<QVariant>", "QList<int>"}


class WrongTypeError(ValueError):
    """A value that cannot become what the C++ side declares."""


def converted(type_name: str, value: Any) -> Any:
    """Return `value` as PythonQt would hand it to a C++ parameter of type `type_name`.

    Numbers become each other, numbers and paths become text, and all has a truth value, as in
    PythonQt. Text that is to be a number, None that is to be text and the like raise
    WrongTypeError. Types that are not known here pass unchanged.
    """
    if type_name == "bool":
        return bool(value)
    if type_name in _INTEGERS:
        return int(_number(type_name, value))
    if type_name in _NUMBERS:
        return float(_number(type_name, value))
    if type_name == "QString":
        return _text(value)
    if type_name in _LISTS:
        return _list(type_name, value)
    if type_name.startswith("vtk") and type_name.endswith("*"):
        return _vtk_object(type_name[:-1], value)
    return value


def converted_for_property(type_name: str, value: Any) -> Any:
    """Return `value` as PythonQt would write it to a property: there, all becomes text that is to
    be text, None too."""
    return str(value) if type_name == "QString" else converted(type_name, value)


def _number(type_name: str, value: Any) -> int | float:
    # numpy's numbers are no int or float, but have these two.
    if isinstance(value, str | bytes) or not (
        hasattr(value, "__index__") or hasattr(value, "__float__")
    ):
        raise _refusal(type_name, value)
    return value if isinstance(value, int | float) else float(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool | int | float | os.PathLike):
        return str(value)
    raise _refusal("QString", value)


def _list(type_name: str, value: Any) -> list:
    if isinstance(value, str | bytes) or not isinstance(value, Sequence | set | frozenset):
        raise _refusal(type_name, value)
    entries = list(value)
    return [_text(entry) for entry in entries] if type_name == "QStringList" else entries


def _vtk_object(class_name: str, value: Any) -> Any:
    if value is None or (hasattr(value, "IsA") and value.IsA(class_name)):
        return value
    raise _refusal(f"{class_name}*", value)


def _refusal(type_name: str, value: Any) -> WrongTypeError:
    return WrongTypeError(
        f"type '{type_name}' does not accept an object of type {type(value).__name__} ({value!r})"
    )
