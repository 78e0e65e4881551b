"""Turns PySide6 into PythonQt, once, in place. The order of the steps matters; each says why."""

import ctypes
import enum
import functools
import sys
from types import ModuleType
from typing import Any

from .. import environment

environment.set_variables()

# From CPython 3.12 on these objects are never freed, and PySide6 6.12 counts on it: on 3.11 it
# gives back more references to None, True and False than it took, and the interpreter crashes when
# they run out.
if sys.version_info < (3, 12):
    for _constant in (None, True, False, NotImplemented, Ellipsis, (), "", b""):
        ctypes.c_ssize_t.from_address(id(_constant)).value += 1 << 40

import shiboken6  # noqa: E402
from PySide6 import QtCore, QtGui, QtNetwork, QtSvg, QtUiTools, QtWidgets  # noqa: E402

from .enumerations import flatten_enumerations  # noqa: E402
from .objects import wrap_class, wrap_qobject  # noqa: E402
from .properties import QtProperty, turn_getters_into_attributes  # noqa: E402
from .signals import SignalAttribute, connect, disconnect  # noqa: E402

MODULES: tuple[ModuleType, ...] = (QtCore, QtGui, QtWidgets, QtNetwork, QtSvg, QtUiTools)


@functools.cache
def put_on() -> None:
    """Change the PySide6 classes; from here on they behave as PythonQt's."""
    _read_signature_tables()
    # PySide6's modules make their classes when asked for them by name.
    found = (getattr(m, n) for m in MODULES for n in dir(m))
    classes = dict.fromkeys(
        c for c in found if isinstance(c, type) and not issubclass(c, enum.Enum)
    )
    wrapped = [c for c in classes if issubclass(c, shiboken6.Object)]
    objects = [c for c in wrapped if issubclass(c, QtCore.QObject)]
    for cls in objects:
        turn_getters_into_attributes(cls)
        _hide_emit(cls)
        _let_setters_take_truth(cls)
    for cls in (QtCore.QObject, QtWidgets.QWidget):
        _let_set_parent_take_zero(cls)
    for cls in wrapped:
        if "setCheckState" in cls.__dict__:
            _let_check_state_be_a_number(cls)
    for cls in wrapped:
        flatten_enumerations(cls)
        wrap_class(cls)
    flatten_enumerations(QtCore.Qt)
    QtCore.QObject.connect, QtCore.QObject.disconnect = connect, disconnect
    wrap_qobject()


def _read_signature_tables() -> None:
    """Let Shiboken read its tables of signatures, which spell enumerations in the scoped way,
    before that way is taken off. A wrong call makes it do so."""
    wrong_calls = (
        lambda: QtCore.QObject().setObjectName(1, 2),
        lambda: QtGui.QColor().setRed("x"),
        lambda: QtWidgets.QSizePolicy().setHorizontalStretch("x"),
        lambda: QtNetwork.QHostAddress().setAddress(b"", 1, 2),
        lambda: QtSvg.QSvgRenderer().load(1, 2),
        lambda: QtUiTools.QUiLoader().load(1, 2, 3),
    )
    for call in wrong_calls:
        try:
            call()
        except (TypeError, ValueError):
            continue


def _hide_emit(cls: type) -> None:
    for name, value in list(cls.__dict__.items()):
        if isinstance(value, QtCore.Signal):
            setattr(cls, name, SignalAttribute(name, value))


def _let_setters_take_truth(cls: type) -> None:
    """Let `setEnabled` and its like take anything that has a truth value, as PythonQt does."""
    for name, prop in list(cls.__dict__.items()):
        setter = f"set{name[:1].upper()}{name[1:]}"
        if isinstance(prop, QtProperty) and prop.type_name == "bool" and hasattr(cls, setter):
            setattr(cls, setter, _taking_truth(getattr(cls, setter)))


def _taking_truth(setter: Any) -> Any:
    @functools.wraps(setter)
    def call(self: Any, *values: Any) -> Any:
        return setter(self, *(map(bool, values) if len(values) == 1 else values))

    return call


def _let_set_parent_take_zero(cls: type) -> None:
    """0 is a null pointer in PythonQt."""
    original = cls.setParent

    def set_parent(self: Any, parent: Any, *rest: Any) -> None:
        original(self, None if isinstance(parent, int) and parent == 0 else parent, *rest)

    cls.setParent = set_parent


def _let_check_state_be_a_number(cls: type) -> None:
    """PythonQt takes any number for an enumeration; modules use that for this one."""
    original = cls.setCheckState

    def set_check_state(self: Any, *arguments: Any) -> None:
        *before, state = arguments
        original(self, *before, QtCore.Qt.CheckState(state))

    cls.setCheckState = set_check_state
