"""Says which packages are missing, and gets them on a click. Not to be seen while all is there."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import qt
import slicer.util
from slicer.i18n import tr as _

from MambaMIMLib import Packages
from MambaMIMLib.Dependencies import Dependencies
from MambaMIMLib.Disclosure import Disclosure
from MambaMIMLib.JobPanel import PRIMARY_STYLE
from MambaMIMLib.MessageArea import MessageArea
from MambaMIMLib.PythonRow import PythonRow, askForPython
from MambaMIMLib.Signal import Signal

_LINES = 2000  # of the log
_HEIGHT = 32  # pixels


class DependenciesPanel:
    """What is missing, how large it is, and three ways out: install, a folder, another Python.

    Args:
        dependencies: what it shows and drives.

    Attributes:
        widget: for the top of the owner's layout; hidden while all is there.
        pythonWidget: a row that tells which Python works and lets one choose, for the settings.
        changed: Signal(), after which `ready` may be another or the Python has changed: a worker
            that runs is to be restarted.
    """

    def __init__(self, dependencies: Dependencies) -> None:
        self.changed = Signal()
        self.dependencies = dependencies
        self._ready, self._told = dependencies.ready, None
        self._row = PythonRow(dependencies)
        self.pythonWidget = self._row.widget
        self._build()
        dependencies.changed.connect(self._onChanged)
        dependencies.pythonChanged.connect(self.changed)
        dependencies.said.connect(self._onLine)
        self._show()

    @property
    def ready(self) -> bool:
        """Whether jobs can run, as far as it was looked for."""
        return self.dependencies.ready

    def cleanup(self) -> None:
        """The owner goes."""
        self.dependencies.stop()

    def _build(self) -> None:
        self.widget = qt.QWidget()
        self.widget.objectName = "dependenciesPanel"
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        self._message, self._trouble = MessageArea(), MessageArea()
        layout.addWidget(self._message.widget)
        layout.addWidget(self._trouble.widget)
        self._what = qt.QLabel()
        self._what.objectName = "dependenciesWhat"
        # Long lines of pip are cut rather than that the panel gets wider.
        self._what.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Preferred)
        self._bar = qt.QProgressBar()
        self._bar.setRange(0, 0)
        self._bar.textVisible = False
        self._bar.setFixedHeight(8)
        layout.addWidget(self._what)
        layout.addWidget(self._bar)
        self._faster = qt.QCheckBox()
        self._faster.objectName = "fasterCheckBox"
        self._faster.checked = True
        layout.addWidget(self._faster)
        layout.addWidget(self._buttons())
        self._addDetails(layout)

    def _buttons(self) -> Any:
        row = self._buttonRow = qt.QWidget()
        lines = qt.QVBoxLayout(row)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(6)
        line = qt.QHBoxLayout()
        self._install = qt.QPushButton(_("Install..."))
        self._install.objectName = "installButton"
        self._install.styleSheet = PRIMARY_STYLE
        self._install.setFixedHeight(_HEIGHT)
        self._install.toolTip = _("See what is downloaded, then agree or not")
        self._fromFolder = qt.QPushButton(_("From a folder..."))
        self._fromFolder.objectName = "installFromFolderButton"
        self._fromFolder.toolTip = _("Without a network: install from a folder of wheels (.whl)")
        self._another = qt.QPushButton(_("Another Python..."))
        self._another.objectName = "anotherPythonButton"
        self._another.toolTip = _("Let a Python that has the packages do the work")
        self._own = qt.QPushButton(_("Slicer's Python"))
        self._own.objectName = "ownPythonButton"
        self._own.toolTip = _("Let Slicer's own Python do the work again")
        for button, slot in (
            (self._install, self._onInstall),
            (self._fromFolder, self._onFromFolder),
            (self._another, lambda: askForPython(self.dependencies)),
            (self._own, lambda: self.dependencies.usePython("")),
        ):
            button.connect("clicked()", slot)
            if button is self._install:
                lines.addWidget(button)
            else:
                line.addWidget(button, 1)
        lines.addLayout(line)
        return row

    def _addDetails(self, layout: Any) -> None:
        self._list = qt.QLabel()
        self._list.objectName = "dependenciesList"
        self._list.textFormat = qt.Qt.RichText
        self._list.textInteractionFlags = qt.Qt.TextSelectableByMouse
        self._list.wordWrap = True
        self._list.indent = 20
        self._listArrow = Disclosure(_("What is missing"), self._list)
        self._log = qt.QPlainTextEdit()
        self._log.objectName = "dependenciesLog"
        self._log.readOnly = True
        self._log.maximumBlockCount = _LINES
        self._log.setFixedHeight(140)
        self._logArrow = Disclosure(_("Log"), self._log)
        for arrow in (self._listArrow, self._logArrow):
            layout.addWidget(arrow.button, 0, qt.Qt.AlignLeft)
            layout.addWidget(arrow.content)

    def _onChanged(self) -> None:
        trouble = self.dependencies.trouble
        if trouble is not self._told:
            self._told = trouble
            if trouble is not None and trouble.detail:
                self._log.appendPlainText(trouble.detail)
        self._show()
        if self.dependencies.ready != self._ready:
            self._ready = self.dependencies.ready
            self.changed()

    def _show(self) -> None:
        state, trouble = self.dependencies.state, self.dependencies.trouble
        missing = self.dependencies.missing()
        python = self.dependencies.python
        atWork = state in ("installing", "verifying")
        own = python is None or python.own
        shown = atWork or state == "missing" or trouble is not None
        if not shown or self.widget.parentWidget() is not None:  # else it would be a window
            self.widget.setVisible(shown)
        if state == "missing":
            self._message.show(self._headline(len(missing)), self._hint(own), "warning")
        else:
            self._message.clear()
        if trouble is not None:
            self._trouble.show(trouble.message, trouble.hint, "error")
        else:
            self._trouble.clear()
        for part in (self._what, self._bar):
            part.setVisible(atWork)
        self._what.text = _("Trying the packages") if state == "verifying" else _("Installing")
        self._buttonRow.setVisible(state == "missing")
        self._install.setVisible(own)
        self._fromFolder.setVisible(own)
        self._own.setVisible(not own)
        self._showFaster(state == "missing" and own)
        self._list.text = _table(missing)
        self._setShown(self._listArrow, state == "missing" and bool(missing))
        self._setShown(self._logArrow, bool(self._log.plainText))
        self._row.show()

    def _showFaster(self, shown: bool) -> None:
        faster = self.dependencies.faster()
        self._faster.setVisible(shown and bool(faster))
        for package in faster:
            self._faster.text = _("Also {name} (faster, {size})").format(
                name=package.name, size=package.size
            )
            self._faster.toolTip = package.purpose[:1].upper() + package.purpose[1:]

    def _headline(self, count: int) -> str:
        if count == 1:
            return _("A Python package is missing: install it first")
        return _("{count} Python packages are missing: install them first").format(count=count)

    def _hint(self, own: bool) -> str:
        if own:
            return " ".join(
                [
                    _("The work is done with PyTorch, in a process of its own."),
                    self.dependencies.explain(),
                    _("What Slicer comes with is not changed."),
                ]
            )
        return _("They are missing in the Python that was chosen: {program}").format(
            program=self.dependencies.python.program
        )

    @staticmethod
    def _setShown(arrow: Disclosure, shown: bool) -> None:
        arrow.button.setVisible(shown)
        arrow.content.setVisible(shown and arrow.isOpen)

    def _onLine(self, line: str) -> None:
        self._what.text = line.strip()
        self._log.appendPlainText(line)
        self._setShown(self._logArrow, True)
        # While torch's installer blocks, this is the only time to draw.
        slicer.app.processEvents(qt.QEventLoop.ExcludeUserInputEvents)

    def _onInstall(self) -> None:
        wanted = self.dependencies.missing()
        if self._faster.checked:
            wanted += self.dependencies.faster()
        text = _("Install {count} packages into Slicer's Python?").format(count=len(wanted))
        text += "\n\n" + self.dependencies.explain(wanted)
        if any(package.name == "torch" for package in wanted):
            text += "\n" + _("Slicer does not react for some minutes while torch is installed.")
        details = "\n".join(f"{p.requirement}: {p.purpose}" for p in wanted)
        if self._agreed(text, details):
            self.dependencies.install(wanted)

    def _onFromFolder(self) -> None:
        folder = qt.QFileDialog.getExistingDirectory(
            self.widget, _("Folder of wheels (.whl), those that they need included")
        )
        if folder:
            text = _("Install {count} packages from this folder into Slicer's Python?")
            wanted = self.dependencies.missing()
            if self._faster.checked:
                faster = self.dependencies.faster()
                wanted += [p for p in faster if any(Path(folder).glob(f"{p.name}-*.whl"))]
            details = "\n".join(package.requirement for package in wanted)
            if self._agreed(text.format(count=len(wanted)), details):
                self.dependencies.installFromFolder(folder, wanted)

    def _agreed(self, text: str, details: str) -> bool:
        return slicer.util.confirmOkCancelDisplay(
            text, _("Install Python packages"), parent=self.widget, detailedText=details
        )


def _table(packages: list[Packages.Package]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(package.requirement)}&nbsp;&nbsp;</td>"
        f"<td>{html.escape(package.purpose)}&nbsp;&nbsp;</td>"
        f"<td align='right'>{html.escape(package.size)}</td></tr>"
        for package in packages
    )
    return f"<table cellspacing='2'>{rows}</table>"
