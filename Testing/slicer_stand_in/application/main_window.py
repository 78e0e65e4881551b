"""The main window: the panel of a module at the left, the views at the right."""

from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets

from .. import environment
from ..widgets.behaviour import Behaviour, behind
from ..widgets.factory import behaviour, made_classes

# Colours of the bars over the views, as in Slicer.
_BARS = {"Red": "#f34a33", "3D": "#7178bd", "Green": "#6eb04b", "Yellow": "#edd54c"}
_PANEL_PERCENT = 32  # of the window's width


@behind("qSlicerMainWindow")
class MainWindow(Behaviour):
    """slicer.util.mainWindow() finds it as long as there is one."""

    def start(self) -> None:
        self.q.name = "qSlicerMainWindow"
        self.q.setWindowTitle("3D Slicer stand-in")
        self.selector = made_classes()["qSlicerModuleSelectorToolBar"](self.q)
        self.q.addToolBar(self.selector)
        self.dock = QtWidgets.QDockWidget("", self.q)
        self.dock.name = "PanelDockWidget"
        self.area = QtWidgets.QScrollArea()
        self.area.name = "ModulePanel"
        self.area.widgetResizable = True
        self.dock.setWidget(self.area)
        self.q.addDockWidget(QtCore.Qt.LeftDockWidgetArea, self.dock)
        self.q.setCentralWidget(_four_views(slicer.app.layoutManager()))
        self.q.statusBar()

    def moduleSelector(self) -> Any:
        return self.selector

    def show_panel(self, panel: Any) -> None:
        """Put the panel of a module at the left, in the place of the one that is there."""
        if self.area.widget() is not None:
            self.area.takeWidget().setParent(None)
        self.area.setMinimumWidth(self.q.width * _PANEL_PERCENT // 100)
        self.area.setWidget(panel)
        panel.show()


@behind("qSlicerModuleSelectorToolBar")
class ModuleSelector(Behaviour):
    def start(self) -> None:
        self.label = QtWidgets.QLabel("Modules:")
        self.names = QtWidgets.QComboBox()
        self.names.setMinimumContentsLength(24)
        self.q.addWidget(self.label)
        self.q.addWidget(self.names)

    def selectModule(self, name: str) -> None:
        modules = behaviour(slicer.app.moduleManager()).modules
        if name not in modules:
            raise ValueError(f"there is no module {name}")
        left = modules.get(self.values["selectedModule"])
        if left is not None and left.widgetRepresentation().isEntered:
            left.widgetRepresentation().exit()
        self.values["selectedModule"] = name
        self.names.clear()
        self.names.addItem(modules[name].title or name)
        panel = modules[name].widgetRepresentation()
        behaviour(self.q.parent()).show_panel(panel)
        if not panel.isEntered:
            panel.enter()
        self.send("moduleSelected(QString)", name)


def show_main_window(module: str, size: tuple[int, int] = (1400, 900)) -> Any:
    """Return a main window of `size` pixels in which this module is selected."""
    window = made_classes()["qSlicerMainWindow"]()
    window.resize(*size)
    environment.missing_for_rendering()  # takes a while, and not when a view is painted first
    window.moduleSelector().selectModule(module)
    slicer.app.layoutManager().resetThreeDViews()
    slicer.app.layoutManager().resetSliceViews()
    window.show()
    return window


def _four_views(layouts: Any) -> QtWidgets.QWidget:
    views = QtWidgets.QWidget()
    grid = QtWidgets.QGridLayout(views)
    grid.setSpacing(2)
    grid.setContentsMargins(0, 0, 0, 0)
    for index, (name, color) in enumerate(_BARS.items()):
        view = QtWidgets.QWidget()
        column = QtWidgets.QVBoxLayout(view)
        column.setSpacing(0)
        column.setContentsMargins(0, 0, 0, 0)
        bar = QtWidgets.QLabel(f" {'1' if name == '3D' else name[0]}")
        bar.setStyleSheet(f"background: {color}; color: black")
        bar.setFixedHeight(18)
        column.addWidget(bar)
        widget = layouts.threeDWidget(0) if name == "3D" else layouts.sliceWidget(name)
        column.addWidget(widget, 1)
        grid.addWidget(view, index // 2, index % 2)
    return views
