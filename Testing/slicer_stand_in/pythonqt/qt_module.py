"""The module `qt` of Slicer's Python."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from PySide6 import QtCore

from .face import MODULES, put_on
from .ui_loader import QUiLoader

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
    qt = ModuleType("qt")
    for module in MODULES:
        for name in dir(module):
            if not name.startswith("_") and name not in _HIDDEN:
                setattr(qt, name, getattr(module, name))
    qt.QUiLoader = QUiLoader
    sys.modules["qt"] = qt
    return qt


def _single_shot(milliseconds: int, receiver: Any, slot: str | None = None) -> None:
    """qt.QTimer.singleShot(ms, callable) or (ms, receiver, 'slot()'). PySide6's own goes through
    the connect that is hidden."""
    target: Callable = receiver if slot is None else getattr(receiver, slot.split("(")[0])
    timer = QtCore.QTimer(QtCore.QCoreApplication.instance())
    timer.setSingleShot(True)
    timer.connect("timeout()", target)
    timer.connect("timeout()", timer.deleteLater)
    timer.start(milliseconds)
