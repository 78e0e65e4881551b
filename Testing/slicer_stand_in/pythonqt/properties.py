"""Qt properties as attributes: `label.text` is the text, and there is no `label.text()`."""

import threading
from typing import Any

from PySide6.QtCore import Property, QObject, Signal

from .values import WrongTypeError, converted_for_property

read_property = QObject.property
write_property = QObject.setProperty


class QtProperty:
    """One Q_PROPERTY of a PySide6 class as a data descriptor.

    Qt itself looks for Python overrides of virtual getters such as sizeHint under the same name.
    Such a look-up happens while the property is being read: then the C++ method is what it gets.
    """

    def __init__(self, name: str, type_name: str, writable: bool, method: Any) -> None:
        self.name, self.type_name, self.writable = name, type_name, writable
        self._method = method
        self._being_read: set[tuple[int, int]] = set()

    def __get__(self, owner: Any, cls: type | None = None) -> Any:
        if owner is None:
            return self if self._method is None else self._method.__get__(None, cls)
        key = (threading.get_ident(), id(owner))
        if key in self._being_read and self._method is not None:
            return self._method.__get__(owner, cls)
        self._being_read.add(key)
        try:
            return read_property(owner, self.name)
        finally:
            self._being_read.discard(key)

    def __set__(self, owner: Any, value: Any) -> None:
        if not self.writable:
            raise AttributeError(f"Attribute '{self.name}' is read only")
        try:
            value_there = converted_for_property(self.type_name, value)
            accepted = write_property(owner, self.name, value_there)
        except WrongTypeError as refusal:
            raise ValueError(f"Property '{self.name}' of {refusal}") from None
        if not accepted:
            raise ValueError(
                f"Property '{self.name}' of type '{self.type_name}' does not accept an object of "
                f"type {type(value).__name__} ({value!r})"
            )


def turn_getters_into_attributes(cls: type) -> None:
    """Put a descriptor on `cls` for each property that it declares or whose getter it declares
    again (as QLabel does with sizeHint)."""
    meta = cls.__dict__.get("staticMetaObject")
    if meta is None:
        return
    for index in range(meta.propertyCount()):
        prop = meta.property(index)
        name = prop.name()
        own = cls.__dict__.get(name)
        if (index >= meta.propertyOffset() or own is not None) and not isinstance(own, Signal):
            setattr(cls, name, QtProperty(name, prop.typeName(), prop.isWritable(), own))


def declared_property(cls: type, name: str) -> QtProperty | Property | None:
    """Return the property called `name` of a class: Qt's own, or one of a class made in Python."""
    for base in cls.__mro__:
        found = base.__dict__.get(name)
        if isinstance(found, QtProperty | Property):
            return found
    return None
