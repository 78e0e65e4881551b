"""Wrapped C++ objects: no new attributes, no keywords in constructors, `name`, `className`,
`delete`."""

import contextlib
import ctypes
import enum
from collections.abc import Callable, Iterator
from typing import Any

from PySide6.QtCore import QObject

from .properties import QtProperty, read_property, write_property
from .signals import SignalAttribute, class_name

# object.__setattr__ refuses types that have a C-level one of their own; this is what it would call.
set_attribute = ctypes.pythonapi.PyObject_GenericSetAttr
set_attribute.argtypes = [ctypes.py_object] * 3
set_attribute.restype = ctypes.c_int

# The one attribute that classes made in Python for this stand-in keep their state in.
PRIVATE = "_d"

_find_children = QObject.findChildren
_find_child = QObject.findChild
_dynamic_names = QObject.dynamicPropertyNames
_wrapped_classes: set[type] = set()
_loading: list[bool] = []  # one entry for each .ui file that is being loaded


@contextlib.contextmanager
def loading_ui() -> Iterator[None]:
    """While a .ui file is loaded, children do not become attributes."""
    _loading.append(True)
    try:
        yield
    finally:
        _loading.pop()


def is_wrapped_class(cls: type) -> bool:
    """True for a class that stands for a C++ one, False for a module's own subclass of it."""
    return cls in _wrapped_classes


def wrap_class(cls: type) -> None:
    """Give a class that stands for a C++ one the manners of a PythonQt wrapper."""
    _wrapped_classes.add(cls)
    if "__init__" in cls.__dict__:
        cls.__init__ = _constructor(cls.__name__, cls.__init__)
    cls.__setattr__ = _set


def wrap_qobject() -> None:
    """Give every QObject what PythonQt's instance wrapper has."""
    QObject.name = property(lambda self: read_property(self, "objectName"), _set_name)
    QObject.className = class_name
    QObject.delete = lambda self: self.deleteLater()
    QObject.findChildren = _children_of
    QObject.findChild = _child_of
    QObject.__getattr__ = _missing
    # Without this, PySide6 finds its own connect before any other.
    QObject.__getattribute__ = object.__getattribute__


def _constructor(name: str, original: Callable) -> Callable:
    def construct(self: Any, *arguments: Any, **keywords: Any) -> None:
        if keywords:
            raise TypeError(f"Called {name} with keyword arguments: {', '.join(keywords)}")
        try:
            original(self, *arguments)
        except TypeError:
            # Where no constructor fits, PythonQt takes what objects are as text, numbers too.
            texts = [str(a) if _can_be_text(a) else a for a in arguments]
            if all(text is argument for text, argument in zip(texts, arguments, strict=True)):
                raise
            original(self, *texts)

    return construct


def _can_be_text(value: Any) -> bool:
    """True for a number and for an object of a class that is neither Python's nor Qt's own."""
    if isinstance(value, enum.Enum):
        return True
    plain = (str, bytes, type(None), list, tuple, dict, set)
    return not isinstance(value, plain) and not any(
        is_wrapped_class(c) for c in type(value).__mro__
    )


def _set(self: Any, name: str, value: Any) -> None:
    cls = type(self)
    if name == PRIVATE or not is_wrapped_class(cls):
        set_attribute(self, name, value)
        return
    # PySide6's QUiLoader makes each named child an attribute of the widget that it loads.
    if _loading and isinstance(value, QObject) and read_property(value, "objectName") == name:
        return
    known = next((c.__dict__[name] for c in cls.__mro__ if name in c.__dict__), None)
    if isinstance(known, QtProperty | SignalAttribute | property) or hasattr(known, "__set__"):
        set_attribute(self, name, value)
    elif known is not None:
        raise AttributeError(f"Slot '{name}' can not be overwritten on {cls.__name__} object")
    elif isinstance(self, QObject) and _is_dynamic(self, name):
        write_property(self, name, value)
    else:
        raise AttributeError(
            f"'{name}' does not exist on {cls.__name__} and creating new attributes on C++ objects "
            "is not allowed"
        )


def _missing(self: QObject, name: str) -> Any:
    if not name.startswith("__") and _is_dynamic(self, name):
        return read_property(self, name)
    raise AttributeError(f"{type(self).__name__} has no attribute named '{name}'")


def _is_dynamic(owner: QObject, name: str) -> bool:
    return name in [known.data().decode() for known in _dynamic_names(owner)]


def _set_name(self: QObject, name: str) -> None:
    write_property(self, "objectName", name)


def _children_of(self: QObject, kind: Any = QObject, name: str = "") -> list[QObject]:
    if isinstance(kind, str):
        wanted = [c for c in _find_children(self, QObject) if c.inherits(kind)]
        return [c for c in wanted if not name or read_property(c, "objectName") == name]
    return _find_children(self, kind, name) if name else _find_children(self, kind)


def _child_of(self: QObject, kind: Any = QObject, name: str = "") -> QObject | None:
    return next(iter(_children_of(self, kind, name)), None)
