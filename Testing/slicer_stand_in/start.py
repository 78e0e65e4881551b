"""Starts the application, opens modules in it, and ends it."""

import gc
import importlib
import logging
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from . import environment

_HERE = Path(__file__).parent
_PYTHON = _HERE / "python"
# The modules that Slicer's widgets come from; some import them from there.
_PYTHON_QT_MODULES = (
    "qMRMLWidgets", "qSlicerBaseQTGUI", "qSlicerBaseQTCore", "qSlicerSubjectHierarchyModuleWidgets",
    "qSlicerSegmentationsModuleWidgets",
)  # fmt: skip
_BEHAVIOURS = (
    "application.application", "application.files", "application.main_window",
    "application.modules", "views.layout_manager",
    "widgets.buttons", "widgets.collapsible", "widgets.combo_boxes", "widgets.coordinates",
    "widgets.markups", "widgets.node_combo_box", "widgets.numbers", "widgets.paths",
    "widgets.segment_editor", "widgets.segments", "widgets.subject_hierarchy",
    "widgets.subject_hierarchy_models",
)  # fmt: skip
_started: dict[str, Any] = {}


def boot(testing: bool | None = None, slicer_python: str | Path | None = None) -> Any:
    """Start the application and return slicer.app; a second call returns the one that runs.

    `testing` is what slicer.app.testingEnabled() says: True at first, and None leaves it as it is.
    `slicer_python` is a folder Base/Python/slicer of Slicer's source, by default what the
    environment variable SLICER_BASE_PYTHON says: its ScriptedLoadableModule, parameterNodeWrapper
    and so on come before the stand-in's. Raises RuntimeError with one sentence where a package or
    a library is missing.
    """
    if "app" not in _started:
        if environment.missing():
            raise RuntimeError(environment.missing())
        environment.set_variables()
        slicer_python = slicer_python or os.environ.get("SLICER_BASE_PYTHON")
        _started["app"] = _start(Path(slicer_python) if slicer_python else None)
    if testing is not None:
        _behind(_started["app"]).testing = testing
    return _started["app"]


def open_module(path: str | Path, enter: bool = True) -> Any:
    """Load the scripted module in this file and return its panel, a
    qSlicerScriptedLoadableModuleWidget; `.self()` of that is the module's own widget object. A
    module that is open is opened anew."""
    app, path = boot(), Path(path).resolve()
    manager = _behind(app.moduleManager())
    if path.stem in manager.modules:
        manager.unload(path.stem)
    panel = manager.load(path).widgetRepresentation()
    if enter:
        panel.enter()
    return panel


def close_module(name: str) -> None:
    """Unload a scripted module: its cleanup is called, its panel deleted."""
    _behind(boot().moduleManager()).unload(name)


def show_application(module: str, size: tuple[int, int] = (1400, 900)) -> Any:
    """Return a main window with the panel of an open module at the left and the views at the right.
    slicer.util.mainWindow() finds it, and slicer.util.selectModule() works, until it is deleted."""
    boot()
    from .application.main_window import show_main_window

    return show_main_window(module, size)


def dialogs() -> Any:
    """Return the list of dialogs so far, which also takes the answers to those that come."""
    boot()
    return _started["dialogs"]


def installs() -> Any:
    """Return what slicer.packaging would have installed, and what it is to believe."""
    boot()
    return importlib.import_module("slicer.packaging").recorded


def uncaught() -> list[BaseException]:
    """Return the exceptions that no one caught in slots and observers so far, which Slicer only
    prints; the list may be cleared."""
    boot()
    return _started["uncaught"]


def shut_down() -> None:
    """End the application: modules are unloaded, aboutToQuit() is sent, the scene is emptied."""
    import slicer
    from PySide6 import QtCore

    app = _started.get("app")
    if app is None:
        return
    manager = _behind(app.moduleManager())
    for name, module in list(manager.modules.items()):
        if module.className() == "qSlicerScriptedLoadableModule":
            manager.unload(name)
    QtCore.QTimer.singleShot(0, app.quit)
    app.exec()
    slicer.mrmlScene.Clear(False)
    gc.collect()


def _start(slicer_python: Path | None) -> Any:
    from .pythonqt.qt_module import qt_module

    qt_module()
    from PySide6 import QtCore

    slicer = _import_slicer()
    QtCore.qInstallMessageHandler(_log_qt)

    _put_python_on_path(slicer, slicer_python)
    _put_extension_modules(slicer)
    from .application.dialogs import Dialogs, record_dialogs
    from .application.scene import make_scene
    from .widgets.factory import made_classes

    for name in _BEHAVIOURS:  # each registers itself
        importlib.import_module(f"{__package__}.{name}")
    classes = made_classes()
    _put_classes(slicer, classes)
    _put_names_into_main(slicer)
    app = slicer.app = classes["qSlicerApplication"]()
    app.setStyle("Fusion")
    scene = make_scene()
    cache = slicer.vtkCacheManager()
    cache.SetRemoteCacheDirectory(f"{app.temporaryPath}/RemoteIO")
    scene.mrml.SetCacheManager(cache)
    slicer.mrmlScene = scene.mrml
    private = _behind(app)
    private.scene = scene
    private.manager = classes["qSlicerModuleManager"](app)
    private.files = classes["qSlicerCoreIOManager"](app)
    for name, logic in scene.module_logics.items():
        _behind(private.manager).add(name, logic)
    _start_views(private, classes, app, scene)
    _started["dialogs"], _started["uncaught"] = Dialogs(), []
    record_dialogs(_started["dialogs"])
    _remember_uncaught(_started["uncaught"])
    _behind(private.manager).load(_PYTHON / "SegmentEditor.py")
    return app


def _log_qt(_kind: Any, _context: Any, message: str) -> None:
    """Qt's messages go to Python's log, but for the one that the offscreen platform repeats."""
    if "propagateSizeHints" not in message:
        logging.getLogger("qt").warning(message)


def _import_slicer() -> ModuleType:
    """Import slicer-core's `slicer`. It would take every folder called slicer that is on sys.path
    for a part of itself, and tests of a Slicer module live in one beside this package."""
    path, beside = list(sys.path), _HERE.parent
    sys.path[:] = [entry for entry in path if Path(entry or ".").resolve() != beside]
    try:
        slicer = importlib.import_module("slicer")
        importlib.import_module("slicer.util")
    finally:
        sys.path[:] = path
    return slicer


def _start_views(private: Any, classes: dict[str, type], app: Any, scene: Any) -> None:
    from .views import view_widgets

    view_widgets.prepare(scene)
    private.layouts = classes["qMRMLLayoutManager"](app)
    private.layouts.setMRMLScene(scene.mrml)


def _put_python_on_path(slicer: ModuleType, slicer_python: Path | None) -> None:
    """Slicer's own files, where someone has them, come before the stand-in's; all but packaging,
    which would install."""
    ours = str(_PYTHON / "slicer")
    slicer.__path__.insert(0, ours)
    importlib.import_module("slicer.packaging")
    slicer.__path__.remove(ours)
    if slicer_python is not None:
        slicer.__path__.append(str(slicer_python))
        sys.path.append(str(slicer_python.parent))
    slicer.__path__.append(ours)
    sys.path.append(str(_PYTHON))


def _put_extension_modules(slicer: ModuleType) -> None:
    """slicer-core's VTK modules under the names that they have in Slicer."""
    for name in ("vtkITK", "vtkTeem", "vtkSegmentationCore", "vtkRemoteIO"):
        module = importlib.import_module(f"slicer_core.{name}")
        sys.modules[name] = sys.modules[f"{name}Python"] = module
    for name in ("modules", "moduleNames"):
        module = ModuleType(f"slicer.{name}")
        setattr(slicer, name, module)
        sys.modules[module.__name__] = module


def _put_classes(slicer: ModuleType, classes: dict[str, type]) -> None:
    from .widgets.factory import module_of

    ctk = sys.modules["ctk"] = ModuleType("ctk")
    for name, cls in classes.items():
        setattr(ctk if module_of(name) == "ctk" else slicer, name, cls)
    ours = {name: cls for name, cls in classes.items() if module_of(name) == "slicer"}
    for name in _PYTHON_QT_MODULES:
        python_qt = sys.modules[f"{name}PythonQt"] = ModuleType(f"{name}PythonQt")
        vars(python_qt).update(ours)


def _put_names_into_main(slicer: ModuleType) -> None:
    """In Slicer, `__main__` is the console, which has these; older modules import them from it."""
    main = vars(sys.modules["__main__"])
    main.setdefault("slicer", slicer)
    for name in ("vtk", "qt", "ctk"):
        main.setdefault(name, importlib.import_module(name))


def _remember_uncaught(exceptions: list[BaseException]) -> None:
    before = sys.excepthook

    def hook(kind: type, exception: BaseException, traceback: Any) -> None:
        exceptions.append(exception)
        before(kind, exception, traceback)

    sys.excepthook = hook


def _behind(owner: Any) -> Any:
    from .widgets.factory import behaviour

    return behaviour(owner)
