"""ctkCoordinatesWidget and qMRMLCoordinatesWidget."""

from typing import Any

from PySide6 import QtWidgets

from .behaviour import Behaviour, behind
from .layouts import row

_OF_EACH = ("decimals", "singleStep", "minimum", "maximum")


@behind("ctkCoordinatesWidget", "qMRMLCoordinatesWidget")
class CoordinatesWidget(Behaviour):
    """A spin box for each coordinate; the property has them as text, with commas."""

    def start(self) -> None:
        self.boxes: list[QtWidgets.QDoubleSpinBox] = []
        self.scene: Any = None
        row(self.q)
        self.set_dimension(self.values["dimension"])

    def set_dimension(self, dimension: int) -> None:
        while len(self.boxes) > dimension:
            self.boxes.pop().deleteLater()
        while len(self.boxes) < dimension:
            box = QtWidgets.QDoubleSpinBox()
            box.connect("valueChanged(double)", self._changed)
            self.q.layout().addWidget(box)
            self.boxes.append(box)
        self.values["dimension"] = dimension
        self._apply()

    def write(self, name: str, value: Any) -> None:
        super().write(name, value)
        if name in _OF_EACH:
            self._apply()

    def get_coordinates(self) -> str:
        return ",".join(f"{box.value:g}" for box in self.boxes)

    def set_coordinates(self, text: str) -> None:
        before = self._values()
        parts = [float(part) for part in text.split(",")]
        for box, value in zip(self.boxes, parts, strict=False):
            box.blockSignals(True)
            box.setValue(value)
            box.blockSignals(False)
        if self._values() != before:
            self._changed()

    def set_normalized(self, normalized: bool) -> None:
        self.values["normalized"] = normalized
        if normalized:
            self.values.update(minimum=-1.0, maximum=1.0)
            self.normalize()
            self._apply()

    def normalize(self) -> None:
        values = self._values()
        length = sum(value * value for value in values) ** 0.5
        if length:
            self.set_coordinates(",".join(str(value / length) for value in values))

    def mrmlScene(self) -> Any:
        return self.scene

    def setMRMLScene(self, scene: Any) -> None:
        if scene is not self.scene:
            self.scene = scene
            self.send("mrmlSceneChanged(vtkMRMLScene*)", scene)

    def set_quantity(self, quantity: str) -> None:
        if quantity != self.values["quantity"]:
            self.values["quantity"] = quantity
            self.send("quantityChanged(QString)", quantity)

    def _values(self) -> list[float]:
        return [box.value for box in self.boxes]

    def _apply(self) -> None:
        for box in self.boxes:
            box.decimals = self.values["decimals"]
            box.singleStep = self.values["singleStep"]
            box.setRange(self.values["minimum"], self.values["maximum"])

    def _changed(self, _value: float = 0.0) -> None:
        self.send("coordinatesChanged(double*)", self._values())
