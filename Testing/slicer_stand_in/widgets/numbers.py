"""Sliders, ranges and spin boxes of CTK, with doubles for values."""

from PySide6 import QtCore, QtWidgets

from .behaviour import Behaviour, behind
from .layouts import row

_TICKS = 1000  # positions of a Qt slider, which counts in integers


@behind("ctkSliderWidget", "qMRMLSliderWidget")
class SliderWidget(Behaviour):
    def start(self) -> None:
        self.slider = QtWidgets.QSlider(QtCore.Qt.Horizontal)
        self.slider.setRange(0, _TICKS)
        self.spin_box = QtWidgets.QDoubleSpinBox()
        row(self.q, self.slider, self.spin_box)
        self.spin_box.connect("valueChanged(double)", self._changed)
        self.slider.connect("sliderMoved(int)", self._moved)
        self._apply()

    def write(self, name: str, value: object) -> None:
        if name == "value":
            self.spin_box.setValue(value)
            return
        if name == "decimals" and value != self.values[name]:
            self.send("decimalsChanged(int)", value)
        self.values[name] = value
        if name == "minimum":
            self.values["maximum"] = max(value, self.values["maximum"])
        elif name == "maximum":
            self.values["minimum"] = min(value, self.values["minimum"])
        self._apply()

    def get_value(self) -> float:
        return self.spin_box.value

    def setValue(self, value: float) -> None:
        self.spin_box.setValue(value)

    def setSpinBoxVisible(self, visible: bool) -> None:
        self.write("spinBoxVisible", visible)

    def reset(self) -> None:
        self.spin_box.setValue(0)

    def mrmlScene(self) -> object:
        return self.values.get("scene")

    def setMRMLScene(self, scene: object) -> None:
        self.values["scene"] = scene

    def _apply(self) -> None:
        spin_box, values = self.spin_box, self.values
        spin_box.decimals = values["decimals"]
        spin_box.setRange(values["minimum"], values["maximum"])
        spin_box.singleStep = values["singleStep"]
        spin_box.prefix, spin_box.suffix = values["prefix"], values["suffix"]
        spin_box.setVisible(values["spinBoxVisible"])
        self._show()

    def _show(self) -> None:
        span = self.values["maximum"] - self.values["minimum"]
        part = (self.spin_box.value - self.values["minimum"]) / span if span else 0
        self.slider.setSliderPosition(round(part * _TICKS))

    def _changed(self, value: float) -> None:
        self._show()
        self.send("valueChanged(double)", value)

    def _moved(self, position: int) -> None:
        span = self.values["maximum"] - self.values["minimum"]
        self.spin_box.setValue(self.values["minimum"] + span * position / _TICKS)


@behind("ctkDoubleSlider")
class DoubleSlider(Behaviour):
    def start(self) -> None:
        self.slider = QtWidgets.QSlider(QtCore.Qt.Horizontal)
        self.slider.setRange(0, _TICKS)
        row(self.q, self.slider)
        self.slider.connect("sliderMoved(int)", self._moved)

    def set_value(self, value: float) -> None:
        low, high = self.values["minimum"], self.values["maximum"]
        value = min(max(value, low), high)
        if value != self.values["value"]:
            self.values["value"] = self.values["sliderPosition"] = value
            part = (value - low) / (high - low) if high > low else 0
            self.slider.setSliderPosition(round(part * _TICKS))
            self.send("valueChanged(double)", value)

    def set_minimum(self, minimum: float) -> None:
        self._bound(minimum, max(minimum, self.values["maximum"]))

    def set_maximum(self, maximum: float) -> None:
        self._bound(min(maximum, self.values["minimum"]), maximum)

    def set_orientation(self, orientation: int) -> None:
        self.values["orientation"] = orientation
        self.slider.setOrientation(QtCore.Qt.Orientation(orientation))

    def _bound(self, low: float, high: float) -> None:
        self.values["minimum"], self.values["maximum"] = low, high
        self.send("rangeChanged(double,double)", low, high)
        self.set_value(self.values["value"])

    def _moved(self, position: int) -> None:
        span = self.values["maximum"] - self.values["minimum"]
        self.set_value(self.values["minimum"] + span * position / _TICKS)


@behind("ctkRangeWidget", "qMRMLRangeWidget", "ctkDoubleRangeSlider")
class RangeWidget(Behaviour):
    """Two values, minimum <= minimumValue <= maximumValue <= maximum."""

    def start(self) -> None:
        self.boxes = [QtWidgets.QDoubleSpinBox(), QtWidgets.QDoubleSpinBox()]
        self.bar = QtWidgets.QSlider(QtCore.Qt.Horizontal)
        self.bar.enabled = False
        row(self.q, self.bar, *self.boxes)
        self.q.layout().insertWidget(0, self.boxes[0])
        for box in self.boxes:
            box.connect("valueChanged(double)", self._typed)
        self._show()

    def set_minimum(self, minimum: float) -> None:
        self._bound(minimum, max(minimum, self.values["maximum"]))

    def set_maximum(self, maximum: float) -> None:
        self._bound(min(maximum, self.values["minimum"]), maximum)

    def set_minimumValue(self, value: float) -> None:
        self.setValues(value, max(value, self.values["maximumValue"]))

    def set_maximumValue(self, value: float) -> None:
        self.setValues(min(value, self.values["minimumValue"]), value)

    def setValues(self, low: float, high: float) -> None:
        least, most = self.values["minimum"], self.values["maximum"]
        new = [min(max(v, least), most) for v in sorted((low, high))]
        names = ("minimumValue", "maximumValue")
        changed = [n for n, v in zip(names, new, strict=True) if v != self.values[n]]
        self.values.update(zip(names, new, strict=True))
        self._show()
        for name in changed:
            self.send(f"{name}Changed(double)", self.values[name])
        if changed:
            self.send("valuesChanged(double,double)", *new)

    def setRange(self, low: float, high: float) -> None:
        self._bound(low, max(low, high))

    def reset(self) -> None:
        self.setValues(0, 0)

    def write(self, name: str, value: object) -> None:
        super().write(name, value)
        self._show()

    def mrmlScene(self) -> object:
        return self.values.get("scene")

    def setMRMLScene(self, scene: object) -> None:
        self.values["scene"] = scene

    def _bound(self, low: float, high: float) -> None:
        self.values["minimum"], self.values["maximum"] = low, high
        self.send("rangeChanged(double,double)", low, high)
        self.setValues(self.values["minimumValue"], self.values["maximumValue"])

    def _show(self) -> None:
        for box, name in zip(self.boxes, ("minimumValue", "maximumValue"), strict=True):
            box.blockSignals(True)
            box.decimals = self.values.get("decimals", 2)
            box.suffix = self.values.get("suffix", "")
            box.setRange(self.values["minimum"], self.values["maximum"])
            box.setValue(self.values[name])
            box.blockSignals(False)

    def _typed(self, _value: float) -> None:
        self.setValues(*(box.value for box in self.boxes))


@behind("ctkDoubleSpinBox", "qMRMLSpinBox")
class DoubleSpinBox(Behaviour):
    _shared = (
        "value", "minimum", "maximum", "singleStep", "decimals", "prefix", "suffix", "readOnly",
        "cleanText", "alignment", "frame",
    )  # fmt: skip

    def start(self) -> None:
        self.spin_box = QtWidgets.QDoubleSpinBox()
        row(self.q, self.spin_box)
        self.spin_box.connect(
            "valueChanged(double)", lambda v: self.send("valueChanged(double)", v)
        )
        self.spin_box.connect("editingFinished()", lambda: self.send("editingFinished()"))

    def read(self, name: str) -> object:
        return getattr(self.spin_box, name) if name in self._shared else super().read(name)

    def write(self, name: str, value: object) -> None:
        if name in self._shared:
            before = self.spin_box.decimals
            setattr(self.spin_box, name, value)
            if before != self.spin_box.decimals:
                self.send("decimalsChanged(int)", value)
        else:
            super().write(name, value)

    def setValueIfDifferent(self, value: float) -> None:
        self.spin_box.setValue(value)

    def setValueAlways(self, value: float) -> None:
        self.spin_box.setValue(value)

    def setDecimals(self, decimals: int) -> None:
        self.write("decimals", decimals)

    def stepUp(self) -> None:
        self.spin_box.stepUp()

    def stepDown(self) -> None:
        self.spin_box.stepDown()
