"""Makes a Python class for each entry of the tables, with those members and no others."""

from collections.abc import Callable
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from ..pythonqt.objects import PRIVATE, set_attribute, wrap_class
from ..pythonqt.signals import DECLARED, SignalAttribute, normalized
from ..pythonqt.ui_loader import custom_widgets
from ..pythonqt.values import WrongTypeError, converted, converted_for_property
from .behaviour import Behaviour, behaviour_of
from .table import ClassEntry, Overload, PropertyEntry, class_entries

# What Qt calls and a behaviour may answer; the class has such a method only if its behaviour does.
_VIRTUALS = (
    "paintEvent", "resizeEvent", "showEvent", "mousePressEvent", "mouseReleaseEvent", "childEvent",
    "hitButton", "eventFilter", "dragEnterEvent", "dropEvent", "event",
)  # fmt: skip
_PYSIDE_TYPES = {"bool": bool, "int": int, "double": float, "QString": str, "QStringList": list}

_classes: dict[str, type] = {}
_entries: dict[type, ClassEntry] = {}
_behaviours: dict[type, type[Behaviour]] = {}


def made_classes() -> dict[str, type]:
    """Return all classes of the tables by name, made on the first call."""
    if not _classes:
        _make_properties_attributes()
        for entry in class_entries().values():
            _classes[entry.name] = _made(entry)
    return _classes


def module_of(name: str) -> str:
    """The module, ctk or slicer, that a class of the tables is in."""
    return class_entries()[name].module


def behaviour(owner: Any) -> Any:
    """Return what stands behind an object of one of these classes."""
    return owner.__dict__[PRIVATE]


def _made(entry: ClassEntry) -> type:
    places = (QtWidgets, QtCore, QtGui)
    base = _classes.get(entry.base) or next(
        getattr(place, entry.base) for place in places if hasattr(place, entry.base)
    )
    private = behaviour_of(entry, _behaviours.get(base))
    own: dict[str, Any] = dict(entry.enumerations)
    own.update({name: _property(name, prop) for name, prop in entry.properties.items()})
    own.update({name: _slot(entry, name, overloads) for name, overloads in entry.slots.items()})
    own.update({n: _virtual(base, n) for n in _VIRTUALS if hasattr(private, n)})
    signals = {_signal_name(entry, s, i): s for i, s in enumerate(entry.signals)}
    own.update({name: _pyside_signal(signature) for name, signature in signals.items()})
    own["__init__"] = _constructor(base)
    cls = type(base)(entry.name, (base,), own)
    declared = {normalized(signature): cls.__dict__[n] for n, signature in signals.items()}
    setattr(cls, DECLARED, declared)
    for name in signals:
        setattr(cls, name, SignalAttribute(name, cls.__dict__[name]))
    wrap_class(cls)
    _entries[cls], _behaviours[cls] = entry, private
    if issubclass(cls, QtWidgets.QWidget):
        custom_widgets[entry.name] = cls
    return cls


def _constructor(base: type) -> Callable:
    def construct(self: Any, *arguments: Any) -> None:
        if PRIVATE in self.__dict__:  # called by the constructor of a derived class
            base.__init__(self, *arguments)
            return
        cls = next(c for c in type(self).__mro__ if c in _entries)
        parents = [a for a in arguments if a is None or isinstance(a, QtCore.QObject)]
        leading = [a for a in arguments if a not in parents]
        names = _entries[cls].constructor
        if len(leading) > len(names) or len(parents) > 1:
            raise ValueError(f"Called {cls.__name__} with wrong arguments: {arguments}")
        lineage = [_entries[c] for c in reversed(cls.__mro__) if c in _entries]
        values = {n: _copied(p.default) for e in lineage for n, p in e.properties.items()}
        set_attribute(self, PRIVATE, _behaviours[cls](self, values))
        base.__init__(self, *_behaviours[cls].base_arguments, *parents)
        self.__dict__[PRIVATE].start()
        for name, value in zip(names, leading, strict=False):
            setattr(self, name, value)

    return construct


def _copied(default: Any) -> Any:
    return list(default) if isinstance(default, list) else default


def _property(name: str, entry: PropertyEntry) -> QtCore.Property:
    def get(self: Any) -> Any:
        try:
            return self.__dict__[PRIVATE].read(name)
        except AttributeError as error:  # would read as if there were no such property
            raise RuntimeError(f"{type(self).__name__}.{name}: {error}") from error

    def put(self: Any, value: Any) -> None:
        try:
            value = converted_for_property(entry.type_name, value)
        except WrongTypeError as refusal:
            raise ValueError(f"Property '{name}' of {refusal}") from None
        self.__dict__[PRIVATE].write(name, value)

    kind = _PYSIDE_TYPES.get(entry.type_name, "QVariant")
    return QtCore.Property(
        kind if kind is not list else "QStringList", get, put if entry.writable else None
    )


def _slot(entry: ClassEntry, name: str, overloads: list[Overload]) -> Callable:
    setter = name[3:4].lower() + name[4:] if name.startswith("set") else ""

    def call(self: Any, *arguments: Any) -> Any:
        values = _fitting(f"{entry.name}.{name}", overloads, arguments)
        private = self.__dict__[PRIVATE]
        method = getattr(private, name, None)
        if method is not None:
            return method(*values)
        if setter in private.values:
            return private.write(setter, *values)
        raise NotImplementedError(f"the stand-in knows {entry.name}.{name}, but does not do it")

    call.__name__ = name
    return call


def _fitting(called: str, overloads: list[Overload], arguments: tuple) -> list[Any]:
    for overload in overloads:
        if overload.required <= len(arguments) <= len(overload.types):
            try:
                return [converted(t, a) for t, a in zip(overload.types, arguments, strict=False)]
            except WrongTypeError:
                continue
    raise ValueError(f"Called {called} with wrong arguments: {arguments}")


def _virtual(base: type, name: str) -> Callable:
    def call(self: Any, *arguments: Any) -> Any:
        private = self.__dict__.get(PRIVATE)
        if private is None:  # Qt calls while it constructs
            return getattr(base, name)(self, *arguments)
        return getattr(private, name)(*arguments)

    return call


def _signal_name(entry: ClassEntry, signature: str, index: int) -> str:
    name = signature.split("(")[0]
    first = next(i for i, s in enumerate(entry.signals) if s.split("(")[0] == name)
    return name if index == first else f"_{name}_{index}"


def _pyside_signal(signature: str) -> QtCore.Signal:
    types = signature[signature.index("(") + 1 : -1]
    kinds = {"bool": bool, "int": int, "double": float, "QString": str}
    return QtCore.Signal(*(kinds.get(t, object) for t in types.split(",") if t))


def _make_properties_attributes() -> None:
    """Let properties of classes made in Python be read and written as attributes: without
    PySide6's own attribute look-up, which PythonQt's face replaces, nobody else would."""

    def get(prop: QtCore.Property, owner: Any, cls: type | None = None) -> Any:
        return prop if owner is None else prop.fget(owner)

    def put(prop: QtCore.Property, owner: Any, value: Any) -> None:
        if prop.fset is None:
            raise AttributeError("the attribute is read only")
        prop.fset(owner, value)

    QtCore.Property.__get__, QtCore.Property.__set__ = get, put
