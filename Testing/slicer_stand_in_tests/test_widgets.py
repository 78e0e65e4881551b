"""The widgets of CTK and Slicer do what modules rely on."""

import ctk
import numpy as np
import pytest
import qt
import slicer
from slicer_stand_in.widgets.table import class_entries


def _listened(widget, signal):
    got = []
    widget.connect(signal, lambda *values: got.append(values[0] if values else None))
    return got


@pytest.fixture
def selector(scene):
    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = ["vtkMRMLModelNode"]
    selector.setMRMLScene(scene)
    return selector


def _model(scene, name="model"):
    return scene.AddNewNodeByClass("vtkMRMLModelNode", name)


def test_every_class_of_the_tables_can_be_made(app):
    for name, entry in class_entries().items():
        if name == "qSlicerApplication":
            continue
        owner = getattr(ctk if entry.module == "ctk" else slicer, name)()
        assert owner.className() == name
        for prop, declared in entry.properties.items():
            value = getattr(owner, prop)
            if declared.writable and value is not None:
                setattr(owner, prop, value)


def test_node_selector_takes_the_first_node(selector, scene):
    got = _listened(selector, "currentNodeChanged(vtkMRMLNode*)")
    valid = _listened(selector, "currentNodeChanged(bool)")
    assert selector.currentNode() is None
    first, second = _model(scene), _model(scene)
    assert selector.currentNode() is first
    selector.setCurrentNode(second)
    scene.RemoveNode(second)
    assert selector.currentNode() is first
    scene.RemoveNode(first)
    assert selector.currentNodeID == ""
    assert got == [first, second, first, None]
    assert valid == [True, True, True, False]


def test_node_selector_keeps_none(selector, scene):
    selector.noneEnabled = True
    model = _model(scene)
    assert (selector.currentNode(), selector.nodeCount()) == (None, 1)
    selector.setCurrentNodeID(model.GetID())
    assert selector.currentNode() is model
    selector.setCurrentNode(None)
    assert selector.currentNode() is None


def test_node_selector_filters(selector, scene):
    hidden = _model(scene)
    hidden.SetHideFromEditors(True)
    marked = _model(scene)
    marked.SetAttribute("Kind", "organ")
    _model(scene)
    selector.addAttribute("vtkMRMLModelNode", "Kind", "organ")
    assert (selector.nodeCount(), selector.currentNode()) == (1, marked)
    made = selector.addNode()
    assert made.GetAttribute("Kind") == "organ"
    assert selector.currentNode() is made


def test_node_selector_follows_names(selector, scene):
    model = _model(scene)
    renamed = _listened(selector, "currentNodeRenamed(QString)")
    model.SetName("liver")
    assert renamed == ["liver"]


def test_checkable_node_selector(scene):
    selector = slicer.qMRMLCheckableNodeComboBox()
    selector.nodeTypes = ["vtkMRMLModelNode"]
    selector.setMRMLScene(scene)
    first, second = _model(scene), _model(scene)
    changes = _listened(selector, "checkedNodesChanged()")
    selector.check(second)
    selector.setCheckState(second, qt.Qt.Checked)
    assert selector.checkedNodes() == [second]
    assert selector.uncheckedNodes() == [first]
    assert len(changes) == 1


def test_subject_hierarchy(scene):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "folder")
    volume = slicer.util.addVolumeFromArray(np.zeros((2, 2, 2)), name="volume")
    item = hierarchy.GetItemByDataNode(volume)
    hierarchy.SetItemParent(item, folder)
    box, tree = slicer.qMRMLSubjectHierarchyComboBox(), slicer.qMRMLSubjectHierarchyTreeView()
    box.setNodeTypes(["vtkMRMLScalarVolumeNode"])
    for widget in (box, tree):
        widget.setMRMLScene(scene)
        got = _listened(widget, "currentItemChanged(vtkIdType)")
        widget.setCurrentItem(item)
        assert (widget.currentItem(), got[-1]) == (item, item)
    assert box.currentText == "folder / volume"
    assert tree.displayedItemCount() == 2
    scene.RemoveNode(volume)
    assert hierarchy.GetItemByDataNode(volume) == 0
    assert tree.displayedItemCount() == 1


def test_slider(app):
    slider = ctk.ctkSliderWidget()
    got = _listened(slider, "valueChanged(double)")
    slider.minimum, slider.maximum, slider.decimals = -10, 10, 1
    slider.value = 2.5
    slider.value = 99
    assert (slider.value, got) == (10, [2.5, 10])
    slider.minimum = 20
    assert (slider.minimum, slider.maximum) == (20, 20)


def test_range(app):
    values = ctk.ctkRangeWidget()
    got = _listened(values, "minimumValueChanged(double)")
    values.setValues(5, 20)
    values.minimumValue = 30
    assert (values.minimumValue, values.maximumValue, got) == (30, 30, [5, 30])
    values.maximum = 10
    assert (values.minimumValue, values.maximumValue) == (10, 10)


def test_collapsible_button_hides_and_shows(app):
    button, hidden, shown = ctk.ctkCollapsibleButton("title"), qt.QLabel("a"), qt.QLabel("b")
    layout = qt.QVBoxLayout(button)
    layout.addWidget(hidden)
    layout.addWidget(shown)
    hidden.hide()
    button.show()
    got = _listened(button, "contentsCollapsed(bool)")
    button.collapsed = True
    assert not shown.visible
    button.click()
    assert (hidden.visible, shown.visible, button.collapsed) == (False, True, False)
    assert got == [True, False]


def test_path_line_edit(app, dialogs, tmp_path):
    edit = ctk.ctkPathLineEdit()
    edit.filters = ctk.ctkPathLineEdit.Dirs
    edit.settingKey = "test"
    changed = _listened(edit, "currentPathChanged(QString)")
    valid = _listened(edit, "validInputChanged(bool)")
    dialogs.answer(str(tmp_path))
    edit.browse()
    assert (edit.currentPath, changed, valid) == (str(tmp_path), [str(tmp_path)], [True])
    assert dialogs.shown[-1].kind == "getExistingDirectory"
    edit.addCurrentPathToHistory()
    assert qt.QSettings().value("ctkPathLineEdit/test") in (str(tmp_path), [str(tmp_path)])


def test_combo_boxes(app):
    box = ctk.ctkComboBox()
    box.addItem("one", "1")
    box.addItem("two", "2")
    box.currentUserDataAsString = "2"
    assert (box.currentText, box.currentUserDataAsString) == ("two", "2")
    checkable = ctk.ctkCheckableComboBox()
    checkable.addItems(["a", "b"])
    got = _listened(checkable, "checkedIndexesChanged()")
    checkable.setCheckState(checkable.model().index(1, 0), qt.Qt.Checked)
    assert [index.row() for index in checkable.checkedIndexes()] == [1]
    assert len(got) == 1


def test_segment_selector_and_editor(scene):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "organs")
    node.GetSegmentation().AddEmptySegment("liver", "Liver")
    selector = slicer.qMRMLSegmentSelectorWidget()
    selector.setMRMLScene(scene)
    selector.setCurrentNode(node)
    selector.setCurrentSegmentID("liver")
    assert (selector.currentNodeID(), selector.currentSegmentID()) == (node.GetID(), "liver")
    editor = slicer.qMRMLSegmentEditorWidget()
    editor.setMRMLScene(scene)
    editor.setMRMLSegmentEditorNode(scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
    editor.setSegmentationNode(node)
    assert editor.mrmlSegmentEditorNode().GetSegmentationNode() is node


def test_segments_table(scene):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    table = slicer.qMRMLSegmentsTableView()
    table.setSegmentationNode(node)
    for name in ("liver", "spleen"):
        node.GetSegmentation().AddEmptySegment(name, name)
    assert table.segmentCount == 2
    table.textFilter = "spl"
    assert table.displayedSegmentIDs() == ["spleen"]
