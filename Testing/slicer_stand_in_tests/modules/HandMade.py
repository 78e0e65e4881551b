"""In the idiom of older modules: the panel is made by hand, the parameter node holds text."""

import ctk
import qt
import slicer
import vtk
from slicer.ScriptedLoadableModule import *
from slicer.util import VTKObservationMixin


class HandMade(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = "Hand made"
        self.parent.categories = ["Examples"]
        self.parent.helpText = self.getDefaultModuleDocumentationLink()


class HandMadeWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self._updatingGUI = False

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        button = ctk.ctkCollapsibleButton()
        button.text = "Parameters"
        self.layout.addWidget(button)
        form = qt.QFormLayout(button)
        self.selector = slicer.qMRMLNodeComboBox()
        self.selector.nodeTypes = ["vtkMRMLModelNode"]
        self.selector.noneEnabled = True
        self.selector.addEnabled = True
        self.selector.setMRMLScene(slicer.mrmlScene)
        self.selector.setToolTip("Pick a model")
        form.addRow("Model:", self.selector)
        self.opacity = ctk.ctkSliderWidget()
        self.opacity.singleStep = 0.1
        self.opacity.minimum = 0
        self.opacity.maximum = 1
        self.opacity.decimals = 1
        form.addRow("Opacity:", self.opacity)
        self.range = ctk.ctkRangeWidget()
        self.range.maximum = 50
        form.addRow("Range:", self.range)
        self.color = ctk.ctkColorPickerButton()
        self.color.setColor(qt.QColor(200, 30, 30))
        form.addRow("Color:", self.color)
        self.status = qt.QLabel()
        self.status.setWordWrap(True)
        form.addRow(self.status)
        row = qt.QHBoxLayout()
        self.group = qt.QButtonGroup()
        for index, name in enumerate(("One", "Two")):
            radio = qt.QRadioButton(name)
            self.group.addButton(radio, index)
            row.addWidget(radio)
        self.group.button(0).checked = True
        form.addRow("Choice:", row)
        self.apply = qt.QPushButton("Apply")
        self.apply.setSizePolicy(qt.QSizePolicy.Expanding, qt.QSizePolicy.Fixed)
        self.layout.addWidget(self.apply)
        self.layout.addStretch(1)
        self.logic = HandMadeLogic()
        self.selector.connect("currentNodeChanged(vtkMRMLNode*)", self.updateParameterNode)
        self.opacity.connect("valueChanged(double)", self.updateParameterNode)
        self.range.connect("valuesChanged(double, double)", self.onRange)
        self.group.connect("buttonClicked(int)" if False else "idClicked(int)", self.onChoice)
        self.apply.clicked.connect(self.onApply)
        self.addObserver(
            self.logic.getParameterNode(), vtk.vtkCommand.ModifiedEvent, self.updateGUI
        )
        self.updateGUI()

    def cleanup(self):
        self.removeObservers()

    def updateGUI(self, caller=None, event=None):
        node = self.logic.getParameterNode()
        self._updatingGUI = True
        self.selector.setCurrentNode(node.GetNodeReference("Model"))
        self.opacity.value = float(node.GetParameter("Opacity") or 1)
        self.apply.enabled = node.GetNodeReference("Model") is not None
        self._updatingGUI = False

    def updateParameterNode(self, *unused):
        if self._updatingGUI:
            return
        node = self.logic.getParameterNode()
        with slicer.util.NodeModify(node):
            node.SetNodeReferenceID("Model", self.selector.currentNodeID)
            node.SetParameter("Opacity", str(self.opacity.value))

    def onRange(self, low, high):
        self.status.text = f"{low:.0f} to {high:.0f}"

    def onChoice(self, index):
        self.status.text = self.group.checkedButton().text

    def onApply(self):
        self.logic.run(self.selector.currentNode(), self.opacity.value, self.color.color)
        self.apply.setText("Applied")


class HandMadeLogic(ScriptedLoadableModuleLogic):
    def run(self, model, opacity, color):
        if model.GetDisplayNode() is None:
            model.CreateDefaultDisplayNodes()
        model.GetDisplayNode().SetOpacity(opacity)
        model.GetDisplayNode().SetColor(color.redF(), color.greenF(), color.blueF())


class HandMadeTest(ScriptedLoadableModuleTest):
    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        self.setUp()
        self.test_opacity()

    def test_opacity(self):
        model = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode")
        HandMadeLogic().run(model, 0.5, qt.QColor("red"))
        self.assertAlmostEqual(model.GetDisplayNode().GetOpacity(), 0.5)
        self.delayDisplay("passed")
