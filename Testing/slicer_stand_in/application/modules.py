"""slicer.modules and slicer.app.moduleManager(): Slicer's own modules, and scripted ones from
files."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets
from shiboken6 import isValid

from ..widgets.behaviour import Behaviour, behind
from ..widgets.factory import behaviour, made_classes
from ..widgets.mrml_widget import MRMLWidget


@behind("qSlicerAbstractCoreModule", "qSlicerLoadableModule")
class LoadableModule(Behaviour):
    """One of Slicer's own modules: its logic is real, its panel is empty."""

    module_logic: Any = None
    representation: Any = None

    def logic(self) -> Any:
        return self.module_logic

    def widgetRepresentation(self) -> Any:
        if self.representation is None or not isValid(self.representation):
            self.representation = self.createNewWidgetRepresentation()
        return self.representation

    def createNewWidgetRepresentation(self) -> Any:
        widget = made_classes()["qSlicerAbstractModuleWidget"]()
        behaviour(widget).values["moduleName"] = self.values["name"]
        widget.setMRMLScene(slicer.mrmlScene)
        return widget


@behind("qSlicerScriptedLoadableModule")
class ScriptedModule(LoadableModule):
    """A module from a Python file."""

    python: ModuleType | None = None

    def load(self, path: Path) -> None:
        """Import the file and make the object of its module class."""
        name = path.stem
        self.values.update(name=name, path=str(path))
        if str(path.parent) not in sys.path:
            sys.path.insert(0, str(path.parent))
        self.python = importlib.import_module(name)
        if Path(self.python.__file__ or "") != path:
            raise RuntimeError(f"{path}: another Python module is called '{name}' already")
        setattr(slicer.modules, name.lower(), self.q)
        setattr(slicer.moduleNames, name, name)
        instance = self.class_named(name)(self.q)
        setattr(slicer.modules, f"{name}Instance", instance)
        if hasattr(instance, "setup"):
            instance.setup()

    def class_named(self, name: str) -> type:
        if not hasattr(self.python, name):
            raise RuntimeError(f"{self.values['path']}: there is no class {name}")
        return getattr(self.python, name)

    def createNewWidgetRepresentation(self) -> Any:
        widget = made_classes()["qSlicerScriptedLoadableModuleWidget"]()
        QtWidgets.QVBoxLayout(widget)
        behaviour(widget).values["moduleName"] = self.values["name"]
        self.representation = widget
        widget.setMRMLScene(slicer.mrmlScene)
        behaviour(widget).make(self)
        return widget


@behind("qSlicerAbstractModuleWidget")
class ModuleWidget(MRMLWidget):
    """The panel of one of Slicer's own modules, which is empty here."""

    def enter(self) -> None:
        self.values["isEntered"] = True

    def exit(self) -> None:
        self.values["isEntered"] = False

    def setEditedNode(self, node: Any, role: str = "", context: str = "") -> bool:
        return False

    def nodeEditable(self, node: Any) -> float:
        return 0.0


@behind("qSlicerScriptedLoadableModuleWidget")
class ScriptedModuleWidget(ModuleWidget):
    """The panel of a scripted module; `self()` is the module's own Python object."""

    python: Any = None
    module: Any = None

    def make(self, module: ScriptedModule) -> None:
        self.module, name = module, f"{module.values['name']}Widget"
        self.python = module.class_named(name)(self.q)
        setattr(slicer.modules, name, self.python)
        self.python.setup()

    def self(self) -> Any:
        return self.python

    def reload(self) -> None:
        self.module.python = sys.modules[self.module.values["name"]]
        self.make(self.module)
        if self.values["isEntered"]:
            self.enter()

    def enter(self) -> None:
        super().enter()
        if hasattr(self.python, "enter"):
            self.python.enter()

    def exit(self) -> None:
        super().exit()
        if hasattr(self.python, "exit"):
            self.python.exit()


@behind("qSlicerModuleManager")
class ModuleManager(Behaviour):
    def start(self) -> None:
        self.modules: dict[str, Any] = {}

    def add(self, name: str, logic: Any) -> None:
        """Register one of Slicer's own modules."""
        module = made_classes()["qSlicerLoadableModule"]()
        behaviour(module).values.update(name=name, title=name)
        behaviour(module).module_logic = logic
        self.modules[name] = module
        setattr(slicer.modules, name.lower(), module)
        setattr(slicer.moduleNames, name, name)

    def load(self, path: Path) -> Any:
        """Load a scripted module; after it, whatever waits for the end of the start is called."""
        module = made_classes()["qSlicerScriptedLoadableModule"]()
        self.modules[path.stem] = module
        behaviour(module).load(path)
        self.send("moduleLoaded(QString)", path.stem)
        slicer.app.startupCompleted()
        slicer.app.disconnect("startupCompleted()")  # each is called once, as at Slicer's start
        return module

    def unload(self, name: str) -> None:
        module = self.modules[name]
        widget = behaviour(module).representation
        if widget is not None and not isValid(widget):  # gone with a window that it was in
            widget = None
        if widget is not None and widget.isEntered:
            widget.exit()
        self.send("moduleAboutToBeUnloaded(QString)", name)
        del self.modules[name]
        if widget is not None:
            widget.deleteLater()
        for attribute in (name.lower(), f"{name}Instance", f"{name}Widget"):
            if hasattr(slicer.modules, attribute):
                delattr(slicer.modules, attribute)
        sys.modules.pop(name, None)
        self.send("moduleUnloaded(QString)", name)
        QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.DeferredDelete)

    def module(self, name: str) -> Any:
        return self.modules.get(name)

    def modulesNames(self) -> list[str]:
        return list(self.modules)

    def factoryManager(self) -> Any:
        return self.q

    def loadedModuleNames(self) -> list[str]:
        return list(self.modules)
