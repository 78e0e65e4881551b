"""slicer.util.loadUI makes what is in the file, and refuses what is nowhere."""

import pytest
import qt
import slicer

_FILE = """<?xml version="1.0" encoding="UTF-8"?>
<ui version="4.0"><class>Form</class>
<widget class="qMRMLWidget" name="Form"><layout class="QVBoxLayout" name="layout">
 <item><widget class="{cls}" name="inner">
  <property name="{prop}"{mark}>{value}</property></widget></item>
</layout></widget>
<connections><connection><sender>Form</sender><signal>{signal}</signal>
<receiver>inner</receiver><slot>{slot}</slot></connection></connections></ui>"""
_GOOD = {
    "cls": "qMRMLNodeComboBox",
    "prop": "noneEnabled",
    "mark": "",
    "value": "<bool>true</bool>",
    "signal": "mrmlSceneChanged(vtkMRMLScene*)",
    "slot": "setMRMLScene(vtkMRMLScene*)",
}


@pytest.fixture
def load(app, tmp_path):
    def load(**changes):
        path = tmp_path / "form.ui"
        path.write_text(_FILE.format(**{**_GOOD, **changes}), encoding="utf-8")
        return slicer.util.loadUI(str(path))

    return load


def test_widgets_and_connections(load, scene):
    form = load()
    ui = slicer.util.childWidgetVariables(form)
    assert type(ui.inner) is slicer.qMRMLNodeComboBox
    assert ui.inner.noneEnabled is True
    assert ui.inner.mrmlScene() is None
    form.setMRMLScene(scene)
    assert ui.inner.mrmlScene() is scene
    assert not hasattr(form, "inner")


def test_dynamic_property(load):
    form = load(prop="SlicerParameterName", mark=' stdset="0"', value="<string>a</string>")
    assert form.findChild(qt.QWidget, "inner").SlicerParameterName == "a"


def test_enumerators_of_slicers_classes(load):
    form = load(
        cls="ctkPathLineEdit",
        prop="filters",
        value="<set>ctkPathLineEdit::Files|ctkPathLineEdit::Writable</set>",
        slot="hide()",
    )
    inner = form.findChild(qt.QWidget, "inner")
    assert inner.filters == inner.Files | inner.Writable


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"cls": "qMRMLImaginaryWidget"}, "no widget class"),
        ({"prop": "imaginary"}, "no property 'imaginary'"),
        ({"signal": "sceneChanged()"}, "no signal"),
        ({"slot": "imaginary()"}, "no slot"),
    ],
)
def test_refusals(load, changes, error):
    with pytest.raises((RuntimeError, ValueError), match=error):
        load(**changes)


def test_a_file_that_is_not_there(app):
    with pytest.raises(RuntimeError, match="not found"):
        slicer.util.loadUI("/nowhere/form.ui")
