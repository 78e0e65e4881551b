"""What PythonQt would refuse is refused; what it allows works."""

from functools import partial

import ctk
import pytest
import qt
import slicer


def test_properties_are_no_methods(app):
    button = qt.QPushButton("text")
    assert button.text == "text"
    assert button.name == button.objectName == ""
    for call in (lambda: button.text(), lambda: button.objectName(), lambda: qt.QSlider().value()):
        with pytest.raises(TypeError, match="not callable"):
            call()


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (qt.QSpinBox, "value", "3"),
        (qt.QSpinBox, "value", None),
        (qt.QLabel, "pixmap", "a.png"),
        (ctk.ctkSliderWidget, "value", "3"),
        (ctk.ctkSliderWidget, "decimals", None),
        (ctk.ctkRangeWidget, "minimumValue", [1]),
        (slicer.qMRMLNodeComboBox, "nodeTypes", "vtkMRMLModelNode"),
    ],
)
def test_properties_have_types(app, make, name, value):
    with pytest.raises(ValueError, match=f"Property '{name}' of type"):
        setattr(make(), name, value)


def test_all_has_a_truth_value(app, scene):
    """`enabled = selector.currentNode() and other.currentNode()` is in Slicer's own template."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode")
    for button in (qt.QPushButton(), ctk.ctkCollapsibleButton()):
        for value in (None, "", 0, []):
            button.enabled = True
            button.enabled = value
            assert button.enabled is False
            button.setEnabled(True)
            button.setEnabled(value)
            assert button.enabled is False
        button.setEnabled(node)
        button.checkable = node
        assert (button.enabled, button.checkable) == (True, True)


def test_all_becomes_text_in_a_property(app):
    label, path = qt.QLabel(), ctk.ctkPathLineEdit()
    for value in (None, ["a"], 5, ValueError("wrong")):
        label.text = value
        assert label.text == str(value)
    path.currentPath = None
    assert path.currentPath == "None"


def test_nought_is_no_parent(app):
    parent = qt.QWidget()
    widget = qt.QLabel(parent)
    widget.setParent(0)
    assert widget.parent() is None
    with pytest.raises(TypeError):
        widget.setParent(1)


def test_a_check_state_may_be_a_number(app):
    box, item = qt.QCheckBox(), qt.QTreeWidgetItem()
    box.setCheckState(2)
    item.setCheckState(0, 2)
    assert box.checkState() == item.checkState(0) == qt.Qt.Checked
    with pytest.raises((TypeError, ValueError), match="Checked"):
        box.setCheckState("Checked")


def test_numbers_become_each_other_and_text(app):
    label, bar = qt.QLabel(), qt.QProgressBar()
    label.text = 5
    bar.value = 33.4
    assert (label.text, bar.value) == ("5", 33)


def test_no_new_attributes(app):
    for widget in (qt.QPushButton(), ctk.ctkComboBox(), slicer.qMRMLWidget()):
        with pytest.raises(AttributeError, match="creating new attributes"):
            widget.something = 1
        with pytest.raises(AttributeError, match="no attribute named 'something'"):
            widget.something  # noqa: B018
    with pytest.raises(AttributeError, match="can not be overwritten"):
        qt.QPushButton().click = print
    with pytest.raises(AttributeError, match="can not be overwritten"):
        qt.QPushButton().clicked = print
    with pytest.raises(AttributeError, match="read only"):
        qt.QWidget().width = 5


def test_a_modules_own_class_may_have_attributes(app):
    class Mine(qt.QWidget):
        def __init__(self):
            qt.QWidget.__init__(self)
            self.something = 1

    assert Mine().something == 1


def test_dynamic_properties_are_attributes(app):
    widget = qt.QWidget()
    widget.setProperty("SlicerParameterName", "a")
    assert widget.SlicerParameterName == "a"
    widget.SlicerParameterName = "b"
    assert widget.property("SlicerParameterName") == "b"


def test_no_keywords_in_constructors(app):
    for make in (qt.QPushButton, qt.QSize, ctk.ctkCollapsibleButton):
        with pytest.raises(TypeError, match="keyword"):
            make(parent=None)


def test_enumerations_are_on_their_owner(app):
    assert qt.QSizePolicy.Expanding == 7
    assert int(qt.QMessageBox.Yes | qt.QMessageBox.No) == 0x14000
    assert qt.Qt.AlignLeft == 1
    with pytest.raises(AttributeError):
        qt.QMessageBox.StandardButton.Yes  # noqa: B018
    assert ctk.ctkPathLineEdit.Dirs == ctk.ctkPathLineEdit().Dirs == 1


def test_what_pyside_has_and_pythonqt_has_not(app):
    for name in ("Signal", "Slot", "Property", "QSignalBlocker"):
        assert not hasattr(qt, name)


def test_signals(app):
    button, got = qt.QPushButton(), []
    button.connect("clicked()", lambda *values: got.append(("text", values)))
    button.clicked.connect(lambda *values: got.append(("attribute", values)))
    button.clicked.connect(lambda: got.append("no argument"))
    button.click()
    assert got == [("text", ()), ("attribute", (False,)), "no argument"]
    with pytest.raises(AttributeError):
        button.clicked.emit()
    for wrong in ("clicked(int)", "pressed(bool)", "nothing()"):
        with pytest.raises(ValueError, match="no signal"):
            button.connect(wrong, print)
    with pytest.raises(ValueError, match="as text"):
        button.connect(button.clicked, print)


def test_disconnect(app):
    box, got = qt.QSpinBox(), []

    class Receiver:
        def take(self, value):
            got.append(value)

    receiver = Receiver()
    box.connect("valueChanged(int)", receiver.take)
    box.valueChanged.connect(got.append)
    box.value = 1
    assert box.disconnect("valueChanged(int)", receiver.take)
    assert not box.disconnect("valueChanged(int)", receiver.take)
    box.value = 2
    box.valueChanged.disconnect(got.append)
    box.value = 3
    assert got == [1, 1, 2]


def test_a_partial_gets_all_that_is_sent(app, no_uncaught):
    button = qt.QPushButton()
    button.clicked.connect(partial(lambda first: None, 1))
    button.click()
    assert isinstance(no_uncaught[0], TypeError)
    no_uncaught.clear()


def test_exceptions_in_slots_are_remembered(app, no_uncaught):
    def fail():
        raise KeyError("in a slot")

    button = qt.QPushButton()
    button.clicked.connect(fail)
    button.click()
    assert isinstance(no_uncaught[0], KeyError)
    no_uncaught.clear()


def test_members_that_headers_do_not_have(app):
    for call in (
        lambda: ctk.ctkCollapsibleButton().setCollapsed(True),
        lambda: ctk.ctkSliderWidget().setRange(0, 1),
        lambda: ctk.ctkSliderWidget().setMaximum(3),
        lambda: slicer.qMRMLNodeComboBox().setNodeTypes([]),
    ):
        with pytest.raises(AttributeError, match="no attribute named"):
            call()


def test_slots_have_types(app):
    selector = slicer.qMRMLNodeComboBox()
    for wrong in ([], object(), slicer.vtkMRMLScene()):
        with pytest.raises(ValueError, match="with wrong arguments"):
            selector.setCurrentNode(wrong)
    with pytest.raises(ValueError, match="with wrong arguments"):
        selector.setMRMLScene(slicer.mrmlScene, 1)


def test_known_but_not_done(app):
    with pytest.raises(NotImplementedError, match="does not do it"):
        slicer.qMRMLSegmentEditorWidget().installKeyboardShortcuts()


def test_deleted_objects_are_not_called(app):
    button, label = qt.QPushButton(), qt.QLabel()
    button.connect("clicked()", label.hide)
    label.deleteLater()
    qt.QCoreApplication.sendPostedEvents(None, qt.QEvent.DeferredDelete)
    button.click()
