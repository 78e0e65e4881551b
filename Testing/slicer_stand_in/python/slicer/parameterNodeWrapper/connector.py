"""What connects a parameter to a widget, and which of them fits."""

from .annotations import splitAnnotations, unannotatedType

_registered: list[type["GuiConnector"]] = []


class GuiConnector:
    """Reads a value from a widget, writes it there and tells when it changes."""

    widgets: tuple = ()
    signal = ""
    attribute = ""

    def __init__(self, widget, datatype):
        self._widget, self._datatype, self._callback = widget, datatype, None
        self.prepare(splitAnnotations(datatype)[1])

    @classmethod
    def canRepresent(cls, widget, datatype) -> bool:
        return type(widget) in cls.widgets and cls.shows(unannotatedType(datatype))

    @classmethod
    def create(cls, widget, datatype):
        return cls(widget, datatype)

    @staticmethod
    def shows(kind) -> bool:
        raise NotImplementedError

    def prepare(self, annotations) -> None:
        """Set the widget up for what the annotations ask."""

    def onChanged(self, callback) -> None:
        signal = getattr(self._widget, self.signal)
        if callback is None:
            signal.disconnect(self.changed)
        else:
            signal.connect(self.changed)
        self._callback = callback

    def changed(self) -> None:
        if self._callback is not None:
            self._callback()

    def widget(self):
        return self._widget

    def read(self):
        return getattr(self._widget, self.attribute)

    def write(self, value) -> None:
        setattr(self._widget, self.attribute, value)


def parameterNodeGuiConnector(cls=None):
    """Class decorator: `cls` connects widgets and types that it can represent."""

    def register(cls):
        _registered.append(cls)
        return cls

    return register if cls is None else register(cls)


def createGuiConnector(widget, datatype) -> GuiConnector:
    for cls in _registered:
        if cls.canRepresent(widget, datatype):
            return cls.create(widget, datatype)
    raise RuntimeError(
        f"Unable to create GUI connector from datatype '{datatype}' to widget type '{type(widget)}'"
    )
