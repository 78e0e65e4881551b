"""A module as they were written years ago, many of which are still in use."""

from __main__ import ctk, qt, slicer, vtk


class OlderIdioms:
    def __init__(self, parent):
        parent.title = "Older idioms"
        parent.categories = ["Examples"]
        parent.dependencies = []
        parent.contributors = ["Nobody"]
        parent.helpText = "Joins two models."
        parent.acknowledgementText = ""
        self.parent = parent


class OlderIdiomsWidget:
    def __init__(self, parent=None):
        self.parent = parent
        self.layout = parent.layout()

    def setup(self):
        group = ctk.ctkCollapsibleGroupBox()
        group.title = "Models"
        self.layout.addWidget(group)
        form = qt.QFormLayout(group)
        self.selectors = []
        for text in ("First", "Second"):
            selector = slicer.qMRMLNodeComboBox()
            selector.nodeTypes = (("vtkMRMLModelNode"), "")
            selector.noneEnabled = True
            selector.setMRMLScene(slicer.mrmlScene)
            selector.connect("currentNodeChanged(vtkMRMLNode*)", self.onSelect)
            label = qt.QLabel(qt.Qt.Horizontal, None)
            label.setText(text)
            form.addRow(label, selector)
            self.selectors.append(selector)
        self.merge = qt.QCheckBox()
        self.merge.setCheckState(2)
        self.spacing = slicer.qMRMLCoordinatesWidget()
        self.spacing.coordinates = "1,1,1"
        self.applyButton = qt.QPushButton("Apply")
        self.applyButton.connect("clicked(bool)", self.onApply)
        for widget in (self.merge, self.spacing, self.applyButton):
            form.addRow(widget)
        self.layout.addStretch(1)
        self.onSelect()

    def onSelect(self):
        first, second = self.selectors
        self.applyButton.enabled = first.currentNode() and second.currentNode()

    def onApply(self):
        append = vtk.vtkAppendPolyData()
        for selector in self.selectors:
            append.AddInputData(selector.currentNode().GetPolyData())
        append.Update()
        self.result = append.GetOutput()

    def removeApply(self):
        self.applyButton.setParent(0)

    def cleanup(self):
        self.removeApply()
