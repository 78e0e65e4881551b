"""qt.QUiLoader: makes Slicer's widgets by name, and connects what Qt cannot connect by itself."""

from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree

from PySide6 import QtCore, QtUiTools, QtWidgets

from .objects import loading_ui, wrap_class
from .properties import declared_property

# Classes that are no PySide6 ones: class name -> class. The widgets register themselves here.
custom_widgets: dict[str, type] = {}


class QUiLoader(QtUiTools.QUiLoader):
    """Refuses a .ui file with a widget class, a property, a signal or a slot that is not there."""

    def load(self, file: QtCore.QIODevice, parent: QtWidgets.QWidget | None = None) -> Any:
        root = ElementTree.fromstring(file.readAll().data())
        connections = _taken_out(root, "connections")
        _taken_out(root, "customwidgets")
        for element in root.iter("widget"):
            self._prepare(element)
        buffer = QtCore.QBuffer()
        buffer.setData(ElementTree.tostring(root))
        buffer.open(QtCore.QIODevice.ReadOnly)
        with loading_ui():
            widget = super().load(buffer, parent)
        if widget is None:
            raise RuntimeError(f"QUiLoader: {self.errorString()}")
        for connection in connections:
            _connect(widget, *(connection.findtext(tag) for tag in _ENDS))
        _loaders.add(self)  # widgets made in Python live as long as their loader
        widget.connect("destroyed()", lambda: _loaders.discard(self))
        return widget

    def _prepare(self, element: ElementTree.Element) -> None:
        name = element.get("class", "")
        cls = custom_widgets.get(name)
        if cls is not None:
            self.registerCustomWidget(cls)
            for prop in element.findall("property"):
                _check_property(prop, cls, element.get("name", ""))
                _resolve_enumerators(prop, cls)
        elif not hasattr(QtWidgets, name) and name != "Line":
            raise RuntimeError(
                f"QUiLoader: the stand-in has no widget class {name} "
                f"(object {element.get('name')}); widgets/tables lists those that it has"
            )


_ENDS = ("sender", "signal", "receiver", "slot")
_loaders: set[QUiLoader] = set()


def _taken_out(root: ElementTree.Element, tag: str) -> Iterable[ElementTree.Element]:
    element = root.find(tag)
    if element is None:
        return []
    root.remove(element)
    return list(element)


def _check_property(prop: ElementTree.Element, cls: type, owner: str) -> None:
    name = prop.get("name", "")
    # Designer marks a dynamic property, such as SlicerParameterName, with stdset="0".
    if declared_property(cls, name) is None and prop.get("stdset") != "0":
        raise RuntimeError(f"QUiLoader: {cls.__name__} has no property '{name}' (object {owner})")


def _resolve_enumerators(prop: ElementTree.Element, cls: type) -> None:
    """Write enumerators as numbers: Qt does not know those of classes made in Python."""
    if not isinstance(declared_property(cls, prop.get("name", "")), QtCore.Property):
        return
    for value in [*prop.findall("set"), *prop.findall("enum")]:
        number = 0
        for enumerator in (value.text or "").split("|"):
            number |= int(_enumerator(enumerator.strip(), cls))
        value.tag, value.text = "number", str(number)


def _enumerator(name: str, cls: type) -> Any:
    owner, _, member = name.rpartition("::")
    places = (cls, getattr(QtWidgets, owner, None), getattr(QtCore, owner, None))
    for place in filter(None, places):
        if hasattr(place, member):
            return getattr(place, member)
    raise RuntimeError(f"QUiLoader: there is no enumerator {name}")


def _connect(top: Any, sender: str, signal: str, receiver: str, slot: str) -> None:
    _named(top, sender).connect(signal, _named(top, receiver), slot)


def _named(top: Any, name: str) -> Any:
    found = top if top.objectName == name else top.findChild(QtCore.QObject, name)
    if found is None:
        raise RuntimeError(f"QUiLoader: a connection names '{name}', which is not in the file")
    return found


wrap_class(QUiLoader)
