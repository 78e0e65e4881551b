"""The module `qt` of Slicer's Python."""

import enum
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from PySide6 import QtCore

from .face import MODULES, put_on
from .ui_loader import QUiLoader
from .values import converted

_qt_start_process = QtCore.QProcess.start

# What PySide6 has and PythonQt has not.
_HIDDEN = {
    "Signal", "SignalInstance", "Slot", "Property", "ClassInfo", "QEnum", "QFlag", "SIGNAL", "SLOT",
    "QSignalBlocker", "QMetaMethod", "QMetaObject", "QtMsgType",
}  # fmt: skip


def qt_module() -> ModuleType:
    """Return the module `qt`, made and put into sys.modules by the first call."""
    if "qt" in sys.modules:
        return sys.modules["qt"]
    put_on()
    QtCore.QTimer.singleShot = staticmethod(_single_shot)
    QtCore.QProcess.start = _start_process
    qt = ModuleType("qt")
    for module in MODULES:
        for name in dir(module):
            if not name.startswith("_") and name not in _HIDDEN:
                setattr(qt, name, getattr(module, name))
    qt.QUiLoader = QUiLoader
    sys.modules["qt"] = qt
    _put_python_qt(qt)
    return qt


def _put_python_qt(qt: ModuleType) -> None:
    """PythonQt's own package, which `qt` is made of; some modules import from there."""
    package = sys.modules["PythonQt"] = ModuleType("PythonQt")
    for name in ("QtCore", "QtGui", "QtNetwork", "QtSvg", "QtUiTools"):
        part = sys.modules[f"PythonQt.{name}"] = ModuleType(f"PythonQt.{name}")
        vars(part).update({n: v for n, v in vars(qt).items() if not n.startswith("__")})
        setattr(package, name, part)


def _start_process(process: QtCore.QProcess, program: Any = None, *rest: Any) -> None:
    """PySide6's own takes nothing but text; programs are often paths, and arguments numbers."""
    if program is None or isinstance(program, enum.Enum):
        _qt_start_process(process, *(a for a in (program, *rest) if a is not None))
        return
    arguments = [converted("QStringList", rest[0])] if rest else []
    _qt_start_process(process, converted("QString", program), *arguments, *rest[1:])


def _single_shot(milliseconds: int, receiver: Any, slot: str | None = None) -> None:
    """qt.QTimer.singleShot(ms, callable) or (ms, receiver, 'slot()'). PySide6's own goes through
    the connect that is hidden."""
    target: Callable = receiver if slot is None else getattr(receiver, slot.split("(")[0])
    timer = QtCore.QTimer(QtCore.QCoreApplication.instance())
    timer.setSingleShot(True)
    timer.connect("timeout()", target)
    timer.connect("timeout()", timer.deleteLater)
    timer.start(milliseconds)
