"""Signals as PythonQt gives them: connected by attribute or by C++ signature, and called to be
sent."""

import inspect
import sys
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import SIGNAL, QMetaMethod, QMetaObject, QObject, SignalInstance
from shiboken6 import getCppPointer, isValid

_qt_connect = QObject.connect
_qt_disconnect = QObject.disconnect
_meta_object = QObject.metaObject

# Signatures of signals of classes made in Python -> the PySide6 signal that carries them. Qt sees
# their VTK arguments as Python objects, so the C++ signature has to be kept beside.
DECLARED = "_declared_signals"

_connections: dict[int, list[tuple[str, Any, Callable]]] = {}


class SignalHandle:
    """`widget.clicked`: has connect and disconnect, and sends when called. There is no emit."""

    def __init__(self, owner: QObject, signature: str) -> None:
        self._owner, self._signature = owner, signature

    def connect(self, slot: Callable) -> bool:
        return connect(self._owner, self._signature, slot)

    def disconnect(self, slot: Callable | None = None) -> bool:
        return disconnect(self._owner, self._signature, slot)

    def __call__(self, *values: Any) -> None:
        send(self._owner, self._signature, *values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SignalHandle) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((id(self._owner), self._signature))


class SignalAttribute:
    """The class attribute behind `widget.clicked`; `signal` is PySide6's own."""

    def __init__(self, name: str, signal: Any) -> None:
        self.name, self.signal = name, signal

    def __get__(self, owner: Any, cls: type | None = None) -> Any:
        return self if owner is None else SignalHandle(owner, first_signature(owner, self.name))

    def __set__(self, owner: Any, value: Any) -> None:
        if isinstance(value, SignalInstance):  # PySide6 keeps what it has made; nobody else has one
            return
        raise AttributeError(
            f"Signal '{self.name}' can not be overwritten on {class_name(owner)} object"
        )


def normalized(signature: str) -> str:
    return QMetaObject.normalizedSignature(signature).data().decode()


def class_name(owner: QObject) -> str:
    return _meta_object(owner).className()


def first_signature(owner: QObject, name: str) -> str:
    """The signature that `owner.name` stands for: the first one declared."""
    for cls in type(owner).__mro__:
        for signature in cls.__dict__.get(DECLARED, ()):
            if signature.split("(")[0] == name:
                return signature
    meta = _meta_object(owner)
    for index in range(meta.methodCount()):
        method = meta.method(index)
        if method.methodType() == QMetaMethod.Signal and method.name().data().decode() == name:
            return method.methodSignature().data().decode()
    raise AttributeError(f"{class_name(owner)} has no signal '{name}'")


def connect(owner: QObject, signal: str, receiver: Any, slot: Any = None) -> bool:
    """`owner.connect('clicked(bool)', callable)` or `owner.connect('clicked()', receiver,
    'show()')`."""
    if not isinstance(signal, str):
        raise ValueError("Called connect with wrong arguments: the signal is given as text")
    target = receiver if slot is None else _slot_of(receiver, slot)
    if not callable(target):
        raise ValueError(f"Called connect('{signal}') with something that cannot be called")
    signature = _checked(owner, signal)
    call = _caller(target, _parameter_count(signature))
    _attach(owner, signature, call)
    _remember(owner).append((signature, target, call))
    return True


def disconnect(owner: QObject, signal: str, receiver: Any = None, slot: Any = None) -> bool:
    """Take one connection to `receiver` back, or all of the signal's; False where there was
    none."""
    signature = _checked(owner, signal)
    target = receiver if slot is None else _slot_of(receiver, slot)
    known = _remember(owner)
    found = [c for c in known if c[0] == signature and (target is None or c[1] == target)]
    for connection in found if target is None else found[:1]:
        _detach(owner, signature, connection[2])
        known.remove(connection)
    return bool(found)


def send(owner: QObject, signal: str, *values: Any) -> None:
    """Send the signal with this C++ signature."""
    name, types = _checked(owner, signal)[:-1].split("(", 1)
    if _parameter_count(f"{name}({types})") != len(values):
        raise ValueError(f"Called {name}({types}) with wrong arguments: {values}")
    instance = _declared(owner, f"{name}({types})")
    if instance is None:
        signal = _class_attribute(owner, name).signal
        instance = signal.__get__(owner, type(owner))
        if ";" in str(signal):  # one of several with the same name
            instance = instance[types]
    instance.emit(*values)


def _checked(owner: QObject, signal: str) -> str:
    signature = normalized(signal)
    if _declared(owner, signature) is None and _meta_object(owner).indexOfSignal(signature) < 0:
        raise ValueError(f"{class_name(owner)}: there is no signal '{signature}'")
    return signature


def _declared(owner: QObject, signature: str) -> Any:
    for cls in type(owner).__mro__:
        signal = cls.__dict__.get(DECLARED, {}).get(signature)
        if signal is not None:
            return signal.__get__(owner, type(owner))
    return None


def _class_attribute(owner: QObject, name: str) -> SignalAttribute:
    return next(c.__dict__[name] for c in type(owner).__mro__ if name in c.__dict__)


def _attach(owner: QObject, signature: str, call: Callable) -> None:
    declared = _declared(owner, signature)
    if declared is None:
        _qt_connect(owner, SIGNAL(signature), call)
    else:
        declared.connect(call)


def _detach(owner: QObject, signature: str, call: Callable) -> None:
    declared = _declared(owner, signature)
    if declared is None:
        _qt_disconnect(owner, SIGNAL(signature), call)
    else:
        declared.disconnect(call)


def _remember(owner: QObject) -> list:
    address = getCppPointer(owner)[0]
    if address not in _connections:
        _connections[address] = []
        _qt_connect(owner, SIGNAL("destroyed()"), lambda: _connections.pop(address, None))
    return _connections[address]


def _slot_of(receiver: QObject, slot: str) -> Callable:
    name = slot.split("(")[0]
    found = getattr(receiver, name, None)
    if not callable(found):
        raise ValueError(f"{class_name(receiver)}: there is no slot '{slot}'")
    return found


def _parameter_count(signature: str) -> int:
    types = signature[signature.index("(") + 1 : -1]
    depth, count = 0, bool(types)
    for letter in types:
        depth += (letter == "<") - (letter == ">")
        count += letter == "," and depth == 0
    return int(count)


def _caller(target: Callable, sent: int) -> Callable:
    """A function of exactly `sent` arguments that hands over as many as a Python function takes. To
    anything else, a partial or a Qt method, PythonQt hands all of them."""
    function = target.__func__ if inspect.ismethod(target) else target
    taken = sent
    if inspect.isfunction(function) and not function.__code__.co_flags & inspect.CO_VARARGS:
        taken = min(sent, function.__code__.co_argcount - inspect.ismethod(target))

    def call(*values: Any) -> None:
        owner = getattr(target, "__self__", None)
        if isinstance(owner, QObject) and not isValid(owner):
            return
        try:
            target(*values[:taken])
        except Exception:
            # PythonQt prints it and goes on; so does the hook, which also remembers it.
            sys.excepthook(*sys.exc_info())

    # PySide6 counts the parameters of what it calls: this one takes what the signal sends.
    arguments = ", ".join(f"a{i}" for i in range(sent))
    return eval(f"lambda {arguments}: call({arguments})", {"call": call})
