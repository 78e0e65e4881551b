"""What stands behind a class of the tables, as the d-pointer stands behind a C++ one."""

from typing import Any

from ..pythonqt.signals import send
from .table import ClassEntry

_behaviours: dict[str, type["Behaviour"]] = {}


class Behaviour:
    """State of one object; `q` is the object itself.

    A property `x` is kept in `values`, unless there is a method `get_x` or `set_x`. A slot `f` is
    the method `f`. `start` is called when the object is there. `base_arguments` go to the Qt class.
    """

    base_arguments: tuple = ()

    def __init__(self, q: Any, values: dict[str, Any]) -> None:
        self.q, self.values = q, values

    def start(self) -> None:
        """Make what the object consists of."""

    def read(self, name: str) -> Any:
        getter = getattr(self, f"get_{name}", None)
        return self.values[name] if getter is None else getter()

    def write(self, name: str, value: Any) -> None:
        setter = getattr(self, f"set_{name}", None)
        if setter is None:
            self.values[name] = value
        else:
            setter(value)

    def send(self, signature: str, *values: Any) -> None:
        """Send the signal with this C++ signature, as the tables spell it."""
        send(self.q, signature, *values)


def behind(*class_names: str) -> Any:
    """Class decorator: this behaviour stands behind these classes of the tables."""

    def register(cls: type[Behaviour]) -> type[Behaviour]:
        _behaviours.update(dict.fromkeys(class_names, cls))
        return cls

    return register


def behaviour_of(entry: ClassEntry, inherited: type[Behaviour] | None) -> type[Behaviour]:
    """The behaviour of a class: its own, its base's, or none but keeping values."""
    return _behaviours.get(entry.name) or inherited or Behaviour
