"""Which widgets may show which types. As in Slicer, the widget's class has to be exactly the one
named: a ctkComboBox is no QComboBox here."""

import enum

import ctk
import qt
import slicer

from . import packs
from .annotations import (
    Choice,
    Decimals,
    Maximum,
    Minimum,
    RangeBounds,
    SingleStep,
    WithinRange,
    findFirstAnnotation,
    unannotatedType,
)
from .connector import GuiConnector, parameterNodeGuiConnector
from .serializers import _PATHS, getNodeTypes, isNodeOrUnionOfNodes


@parameterNodeGuiConnector
class CheckBoxConnector(GuiConnector):
    widgets, signal, attribute = (qt.QCheckBox, ctk.ctkCheckBox), "stateChanged", "checked"
    shows = staticmethod(lambda kind: kind is bool)


@parameterNodeGuiConnector
class CheckablePushButtonConnector(GuiConnector):
    widgets, signal = (ctk.ctkCheckablePushButton,), "checkBoxToggled"
    shows = staticmethod(lambda kind: kind is bool)

    def read(self):
        return self._widget.checkState == qt.Qt.Checked

    def write(self, value) -> None:
        self._widget.checkState = qt.Qt.Checked if value else qt.Qt.Unchecked


@parameterNodeGuiConnector
class PushButtonConnector(GuiConnector):
    widgets, signal, attribute = (qt.QPushButton,), "toggled", "checked"
    shows = staticmethod(lambda kind: kind is bool)

    def prepare(self, annotations) -> None:
        self._widget.checkable = True


_DOUBLE_WIDGETS = (
    qt.QDoubleSpinBox, ctk.ctkDoubleSpinBox, ctk.ctkDoubleSlider, ctk.ctkSliderWidget,
    slicer.qMRMLSliderWidget,
)  # fmt: skip
_SLIDERS = (qt.QSlider, ctk.ctkDoubleSlider, ctk.ctkSliderWidget, slicer.qMRMLSliderWidget)


class _NumberConnector(GuiConnector):
    signal, attribute = "valueChanged", "value"
    lowest: float
    highest: float

    def prepare(self, annotations) -> None:
        within = findFirstAnnotation(annotations, WithinRange)
        low = within or findFirstAnnotation(annotations, Minimum)
        high = within or findFirstAnnotation(annotations, Maximum)
        if type(self._widget) in _SLIDERS and not (low and high):
            raise RuntimeError("A slider needs a parameter with a minimum and a maximum.")
        for name in ("decimals", "singleStep"):
            kind = {"decimals": Decimals, "singleStep": SingleStep}[name]
            hint = findFirstAnnotation(annotations, kind)
            if hint is not None:
                setattr(self._widget, name, hint.value)
        self._widget.minimum = low.minimum if low else self.lowest
        self._widget.maximum = high.maximum if high else self.highest


@parameterNodeGuiConnector
class IntConnector(_NumberConnector):
    widgets, lowest, highest = (qt.QSpinBox, qt.QSlider, *_DOUBLE_WIDGETS), -(2**31), 2**31 - 1
    shows = staticmethod(lambda kind: kind is int)

    def prepare(self, annotations) -> None:
        super().prepare(annotations)
        if type(self._widget) in _DOUBLE_WIDGETS and hasattr(self._widget, "decimals"):
            self._widget.decimals = 0

    def read(self):
        return round(self._widget.value)


@parameterNodeGuiConnector
class FloatConnector(_NumberConnector):
    widgets, lowest, highest = _DOUBLE_WIDGETS, float("-inf"), float("inf")
    shows = staticmethod(lambda kind: kind is float)


@parameterNodeGuiConnector
class ChoiceConnector(GuiConnector):
    widgets, signal = (qt.QComboBox, ctk.ctkComboBox), "currentIndexChanged"
    shows = staticmethod(lambda kind: kind in (int, float, str, bool))

    def prepare(self, annotations) -> None:
        choice = findFirstAnnotation(annotations, Choice)
        if choice is None:
            raise RuntimeError("A QComboBox needs a parameter with the annotation Choice.")
        self.fill([(str(value), value) for value in choice.choices])

    def fill(self, entries) -> None:
        self._values = [value for _, value in entries]
        self._widget.clear()
        for label, _ in entries:
            self._widget.addItem(label)

    def read(self):
        return self._values[self._widget.currentIndex]

    def write(self, value) -> None:
        self._widget.currentIndex = self._values.index(value)


@parameterNodeGuiConnector
class EnumConnector(ChoiceConnector):
    shows = staticmethod(lambda kind: isinstance(kind, type) and issubclass(kind, enum.Enum))

    def prepare(self, annotations) -> None:
        kind = unannotatedType(self._datatype)
        label = getattr(kind, "label", lambda member: member.name)
        self.fill([(label(member), member) for member in kind])


@parameterNodeGuiConnector
class LineEditConnector(GuiConnector):
    widgets, signal, attribute = (qt.QLineEdit,), "textChanged", "text"
    shows = staticmethod(lambda kind: kind is str)


@parameterNodeGuiConnector
class TextEditConnector(GuiConnector):
    widgets, signal = (qt.QTextEdit, qt.QPlainTextEdit), "textChanged"
    shows = staticmethod(lambda kind: kind is str)

    def read(self):
        return self._widget.toPlainText()

    def write(self, value) -> None:
        if value != self._widget.toPlainText():
            self._widget.setPlainText(value)


class _PathConnector(GuiConnector):
    shows = staticmethod(lambda kind: kind in _PATHS)

    def read(self):
        return unannotatedType(self._datatype)(super().read())

    def write(self, value) -> None:
        super().write(str(value))


@parameterNodeGuiConnector
class PathLineEditConnector(_PathConnector):
    widgets, signal, attribute = (ctk.ctkPathLineEdit,), "currentPathChanged", "currentPath"


@parameterNodeGuiConnector
class DirectoryButtonConnector(_PathConnector):
    widgets, signal, attribute = (ctk.ctkDirectoryButton,), "directoryChanged", "directory"


@parameterNodeGuiConnector
class NodeComboBoxConnector(GuiConnector):
    widgets, signal = (slicer.qMRMLNodeComboBox,), "currentNodeChanged"
    shows = staticmethod(isNodeOrUnionOfNodes)

    def prepare(self, annotations) -> None:
        self._widget.nodeTypes = getNodeTypes(self._datatype)

    def read(self):
        return self._widget.currentNode()

    def write(self, value) -> None:
        self._widget.setCurrentNode(value)


@parameterNodeGuiConnector
class SubjectHierarchyComboBoxConnector(NodeComboBoxConnector):
    widgets, signal = (slicer.qMRMLSubjectHierarchyComboBox,), "currentItemChanged"

    def prepare(self, annotations) -> None:
        self._widget.setNodeTypes(list(getNodeTypes(self._datatype)))

    def read(self):
        item = self._widget.currentItem()
        return self._widget.subjectHierarchyNode().GetItemDataNode(item) if item else None

    def write(self, value) -> None:
        hierarchy = self._widget.subjectHierarchyNode()
        if value is None or hierarchy is None:
            self._widget.clearSelection()
        else:
            self._widget.setCurrentItem(hierarchy.GetItemByDataNode(value))


@parameterNodeGuiConnector
class TreeViewConnector(NodeComboBoxConnector):
    widgets, signal = (slicer.qMRMLSubjectHierarchyTreeView,), "currentItemsChanged"

    def write(self, value) -> None:
        if value is None:
            self._widget.clearSelection()
        else:
            self._widget.setCurrentNode(value)

    def read(self):
        item = self._widget.currentItem()
        return self._widget.subjectHierarchyNode().GetItemDataNode(item) if item else None


@parameterNodeGuiConnector
class RangeConnector(GuiConnector):
    widgets, signal = (
        (ctk.ctkRangeWidget, ctk.ctkDoubleRangeSlider, slicer.qMRMLRangeWidget),
        "valuesChanged",
    )
    shows = staticmethod(lambda kind: kind is packs.FloatRange)

    def prepare(self, annotations) -> None:
        bounds = findFirstAnnotation(annotations, RangeBounds)
        if bounds is None:
            raise RuntimeError("A range widget needs a FloatRange with the annotation RangeBounds.")
        self._widget.minimum, self._widget.maximum = bounds.minimum, bounds.maximum

    def read(self):
        return packs.FloatRange(self._widget.minimumValue, self._widget.maximumValue)

    def write(self, value) -> None:
        self._widget.setValues(value.minimum, value.maximum)
