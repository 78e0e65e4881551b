"""A row that tells which Python does the work, and lets one choose."""

from __future__ import annotations

import sys

import qt
import slicer.util
from slicer.i18n import tr as _

from MambaMIMLib.Dependencies import Dependencies


class PythonRow:
    """Name of the Python, a button for another one, a button back to Slicer's.

    Args:
        dependencies: tries the Python that is chosen.

    Attributes:
        widget: for the owner's layout.
    """

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies
        self.widget = qt.QWidget()
        self.widget.objectName = "pythonRow"
        line = qt.QHBoxLayout(self.widget)
        line.setContentsMargins(0, 0, 0, 0)
        self._name = qt.QLineEdit()
        self._name.objectName = "pythonName"
        self._name.readOnly = True
        self._name.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
        self._change = qt.QPushButton(_("Change..."))
        self._change.objectName = "changePythonButton"
        self._change.toolTip = _("Let another Python do the work, one that has mambamim's packages")
        self._change.connect("clicked()", lambda: askForPython(dependencies))
        self._back = qt.QPushButton(_("Slicer's"))
        self._back.objectName = "slicerPythonButton"
        self._back.toolTip = _("Let Slicer's own Python do the work again")
        self._back.connect("clicked()", lambda: dependencies.usePython(""))
        line.addWidget(self._name, 1)
        line.addWidget(self._change)
        line.addWidget(self._back)
        self.show()

    def show(self) -> None:
        """Show which Python it is now."""
        python = self._dependencies.python
        atWork = self._dependencies.state in ("installing", "verifying")
        self._name.text = _("none") if python is None else python.describe()
        self._name.toolTip = self._name.text  # there may be no room for a long path
        self._change.enabled = self._back.enabled = not atWork
        self._back.setVisible(python is not None and not python.own)


def askForPython(dependencies: Dependencies) -> None:
    """Let the user choose a Python, and try it."""
    filters = _("Python (python*.exe)") if sys.platform == "win32" else _("All files (*)")
    program = qt.QFileDialog.getOpenFileName(
        slicer.util.mainWindow(), _("Python that has mambamim's packages"), "", filters
    )
    if program:
        dependencies.usePython(program)
