"""parameterNodeWrapper: a class whose members are parameters of a vtkMRMLScriptedModuleNode."""

import qt
import slicer
from vtkmodules.vtkCommonCore import vtkCommand

from .connector import GuiConnector, createGuiConnector
from .packs import data_type, members_of, split_name

SlicerParameterNamePropertyName = "SlicerParameterName"


def parameterNodeWrapper(cls=None):
    """Class decorator: the annotated members become parameters."""
    return _make if cls is None else _make(cls)


def isParameterNodeWrapper(kind) -> bool:
    return getattr(kind, "_is_parameter_node_wrapper", False)


def findChildWidgetForParameter(widget, parameter):
    children = widget.findChildren(qt.QWidget)
    return next(
        (c for c in children if c.property(SlicerParameterNamePropertyName) == parameter), None
    )


class _Wrapper:
    """What every wrapped class has."""

    def __init__(self, parameterNode, prefix=None):
        self.parameterNode, self._prefix = parameterNode, prefix or ""
        self._guis, self._next_tag, self._updating, self._observer = {}, 0, False, None
        for name, member in self.allParameters.items():
            if not member.serializer.isIn(parameterNode, self._prefix + name):
                member.serializer.write(parameterNode, self._prefix + name, member.fresh_default())

    def default(self, name):
        return self.allParameters[name].default

    def getValue(self, name):
        self._check(name)
        first, rest = split_name(name)
        value = getattr(self, first)
        return value if rest is None else value.getValue(rest)

    def setValue(self, name, value):
        self._check(name)
        first, rest = split_name(name)
        if rest is None:
            setattr(self, first, value)
        else:
            getattr(self, first).setValue(rest, value)

    def connectGui(self, gui):
        """Bind each widget with the dynamic property SlicerParameterName; `gui` is a widget, or an
        object with widgets as attributes. Returns a tag for disconnectGui."""
        is_widget = getattr(gui, "isWidgetType", lambda: False)()
        widgets = gui.findChildren(qt.QWidget) if is_widget else vars(gui).values()
        named = [(w.property(SlicerParameterNamePropertyName), w) for w in widgets]
        return self.connectParametersToGui({name: widget for name, widget in named if name})

    def connectParametersToGui(self, mapping):
        for name in mapping:
            self._check(name)
        connectors = {
            name: w if isinstance(w, GuiConnector) else createGuiConnector(w, self.dataType(name))
            for name, w in mapping.items()
        }
        tag, self._next_tag = self._next_tag, self._next_tag + 1
        self._guis[tag] = connectors
        for name, connector in connectors.items():
            connector.write(self.getValue(name))
            connector.onChanged(self._reader(name, connector))
        if self._observer is None:
            self._observer = self.AddObserver(vtkCommand.ModifiedEvent, self._update_guis)
        return tag

    def disconnectGui(self, tag):
        for connector in self._guis.pop(tag, {}).values():
            connector.onChanged(None)
        if not self._guis and self._observer is not None:
            self.RemoveObserver(self._observer)
            self._observer = None

    def StartModify(self):
        return self.parameterNode.StartModify()

    def EndModify(self, was_modified):
        return self.parameterNode.EndModify(was_modified)

    def AddObserver(self, event, callback, priority=0.0):
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag):
        return self.parameterNode.RemoveObserver(tag)

    def Modified(self):
        return self.parameterNode.Modified()

    def isCached(self, name):
        self._check(name)
        return False

    def _check(self, name):
        data_type(type(self), name)

    def _reader(self, name, connector):
        def changed():
            if not self._updating:
                with slicer.util.NodeModify(self):
                    self.setValue(name, connector.read())

        return changed

    def _update_guis(self, _caller, _event):
        if self._updating:
            return
        self._updating = True
        try:
            for connectors in self._guis.values():
                for name, connector in connectors.items():
                    connector.write(self.getValue(name))
        finally:
            self._updating = False


def _make(cls):
    members = members_of(cls)
    reserved = [name for name in members if hasattr(_Wrapper, name)]
    if reserved:
        raise ValueError(f"Cannot use reserved name '{reserved[0]}' in a parameterNodeWrapper")
    cls.allParameters, cls._is_parameter_node_wrapper = members, True
    cls.dataType = classmethod(data_type)
    for name, value in vars(_Wrapper).items():
        if name == "__init__" or not name.startswith("__"):
            setattr(cls, name, value)
    for name, member in members.items():
        setattr(cls, name, _property(name, member))
    return cls


def _property(name, member):
    def get(self):
        if not member.serializer.isIn(self.parameterNode, self._prefix + name):
            member.serializer.write(self.parameterNode, self._prefix + name, member.fresh_default())
        return member.serializer.read(self.parameterNode, self._prefix + name)

    def put(self, value):
        with slicer.util.NodeModify(self.parameterNode):
            member.serializer.write(self.parameterNode, self._prefix + name, value)

    return property(get, put)
