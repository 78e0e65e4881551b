"""Buttons of CTK that do more than be clicked."""

from PySide6 import QtCore, QtGui, QtWidgets

from .behaviour import Behaviour, behind


@behind("ctkCheckablePushButton")
class CheckablePushButton(Behaviour):
    """A button with a check box, which controls whether the button is checkable."""

    def set_checkState(self, state: int) -> None:
        if int(state) == int(self.values["checkState"]):
            return
        self.values["checkState"] = QtCore.Qt.CheckState(int(state))
        checked = int(state) == int(QtCore.Qt.Checked)
        if self.values["checkBoxControlsButton"]:
            self.q.setCheckable(checked)
            if self.values["checkBoxControlsButtonToggleState"]:
                self.q.setChecked(checked)
        self.send("checkBoxToggled(bool)", checked)
        self.send("checkStateChanged(Qt::CheckState)", self.values["checkState"])


@behind("ctkColorPickerButton")
class ColorPickerButton(Behaviour):
    def start(self) -> None:
        self.values["color"] = QtGui.QColor("black")
        self.q.connect("clicked()", self.changeColor)
        self._show()

    def set_color(self, color: QtGui.QColor) -> None:
        if not isinstance(color, QtGui.QColor):
            raise ValueError(f"Property 'color' of type 'QColor' does not accept {color!r}")
        if color != self.values["color"]:
            self.values["color"] = color
            self._show()
            self.send("colorChanged(QColor)", color)

    def changeColor(self) -> None:
        color = QtWidgets.QColorDialog.getColor(self.values["color"], self.q)
        if color.isValid():
            self.set_color(color)

    def set_displayColorName(self, display: bool) -> None:
        self.values["displayColorName"] = display
        self._show()
        self.send("displayColorNameChanged(bool)", display)

    def _show(self) -> None:
        swatch = QtGui.QPixmap(16, 16)
        swatch.fill(self.values["color"])
        self.q.setIcon(QtGui.QIcon(swatch))
        if self.values["displayColorName"]:
            # `name` is the object's name in PythonQt, for QObjects only: QColor keeps its own.
            self.q.setText(self.values["color"].name())


@behind("ctkFittedTextBrowser")
class FittedTextBrowser(Behaviour):
    """Of a text in several lines, only the first is shown while it is collapsed."""

    text = ""

    def collapsibleText(self) -> str:
        return self.text

    def setCollapsibleText(self, text: str) -> None:
        self.text = text
        self._show()

    def set_collapsed(self, collapsed: bool) -> None:
        self.values["collapsed"] = collapsed
        self._show()

    def _show(self) -> None:
        if not self.text:
            return
        first, line_break, _rest = self.text.partition("<br>")
        collapsed = self.values["collapsed"]
        link = self.values["showDetailsText" if collapsed else "hideDetailsText"]
        shown = first if collapsed else self.text
        self.q.setHtml(f'{shown} <a href="#">{link}</a>' if line_break else self.text)
