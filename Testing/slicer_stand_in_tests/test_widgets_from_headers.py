"""Widgets that other people's modules brought up: filtered trees, coordinates, points."""

import ctk
import pytest
import slicer


def _listened(widget, signal):
    got = []
    widget.connect(signal, lambda *values: got.append(values[0] if values else None))
    return got


def _model(scene, name):
    return scene.AddNewNodeByClass("vtkMRMLModelNode", name)


def test_subject_hierarchy_tree_is_filtered(scene):
    first, _second = _model(scene, "first"), _model(scene, "second")
    scene.AddNewNodeByClass("vtkMRMLMarkupsCurveNode", "first curve")
    tree = slicer.qMRMLSubjectHierarchyTreeView()
    tree.setMRMLScene(scene)
    tree.setColumnHidden(tree.model().transformColumn, True)
    hierarchy = tree.subjectHierarchyNode()
    filters = tree.sortFilterProxyModel()
    filters.setNodeTypes(["vtkMRMLModelNode"])
    assert tree.nodeTypes == ["vtkMRMLModelNode"]
    assert tree.displayedItemCount() == filters.acceptedItemCount(hierarchy.GetSceneItemID()) == 2
    tree.nameFilter = "FIRST"
    assert (filters.nameFilter, tree.displayedItemCount()) == ("FIRST", 1)
    tree.nameFilter = ""
    item = hierarchy.GetItemByDataNode(first)
    hierarchy.SetItemAttribute(item, "kind", "good")
    tree.setAttributeFilter("kind", "good")
    assert tree.displayedItemCount() == 1
    assert (
        filters.subjectHierarchyItemFromIndex(filters.indexFromSubjectHierarchyItem(item)) == item
    )
    tree.setAttributeFilter("kind", "bad")
    assert tree.displayedItemCount() == 0
    tree.removeAttributeFilter()
    tree.setCurrentNode(first)
    assert tree.currentItem() == item
    tree.deleteSelectedItems()
    assert tree.displayedItemCount() == 1
    assert not scene.IsNodePresent(first)


def test_coordinates(app):
    widget = slicer.qMRMLCoordinatesWidget()
    got = _listened(widget, "coordinatesChanged(double*)")
    widget.unitAwareProperties = slicer.qMRMLCoordinatesWidget.Precision
    widget.minimum, widget.maximum, widget.decimals = 0, 10, 1
    widget.coordinates = "1, 2.55,30"
    assert widget.coordinates == "1,2.5,10"
    assert len(got) == 1
    widget.dimension = 2
    assert widget.coordinates == "1,2.5"
    with pytest.raises(AttributeError):
        widget.setMinimum(1)


def test_double_spin_box(app):
    box = ctk.ctkDoubleSpinBox()
    got, decimals = _listened(box, "valueChanged(double)"), _listened(box, "decimalsChanged(int)")
    box.decimalsOption = box.DecimalsByKey | ctk.ctkDoubleSpinBox.DecimalsByValue
    box.decimals = 0
    box.value = 3.4
    assert (box.value, box.cleanText, got, decimals) == (3, "3", [3], [0])
    for wrong in (lambda: box.text, lambda: box.setRange(0, 1), lambda: box.selectAll()):
        with pytest.raises(AttributeError):
            wrong()


def test_markups_place_widget(scene):
    widget, simple = slicer.qSlicerMarkupsPlaceWidget(), slicer.qSlicerSimpleMarkupsWidget()
    got = _listened(widget, "activeMarkupsPlaceModeChanged(bool)")
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    widget.setMRMLScene(scene)
    widget.setPlaceModeEnabled(True)
    assert not widget.placeModeEnabled
    widget.setCurrentNode(points)
    widget.placeMultipleMarkups = slicer.qSlicerMarkupsPlaceWidget.ForcePlaceMultipleMarkups
    widget.setPlaceModeEnabled(True)
    assert got == [True]
    assert widget.selectionNode().GetActivePlaceNodeID() == points.GetID()
    assert widget.interactionNode().GetCurrentInteractionMode() == widget.interactionNode().Place
    widget.placeModeEnabled = False
    points.AddControlPoint(1, 2, 3)
    widget.deleteLastPoint()
    assert points.GetNumberOfControlPoints() == 0
    simple.setCurrentNode(points)
    assert widget.currentNode() is widget.currentMarkupsFiducialNode() is simple.currentNode()
