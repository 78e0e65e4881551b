"""ctkPathLineEdit and ctkDirectoryButton."""

from pathlib import Path

from PySide6 import QtCore, QtWidgets

from .behaviour import Behaviour, behind
from .layouts import row

_FILES, _WRITABLE = 2, 32  # ctkPathLineEdit::Filter
_HISTORY = 5


@behind("ctkPathLineEdit")
class PathLineEdit(Behaviour):
    def start(self) -> None:
        self.combo = QtWidgets.QComboBox()
        self.combo.setEditable(True)
        self.combo.setSizePolicy(QtWidgets.QSizePolicy.Expanding, QtWidgets.QSizePolicy.Fixed)
        self.combo.setMinimumContentsLength(12)
        self.button = QtWidgets.QToolButton()
        self.button.text = "..."
        row(self.q, self.combo, self.button)
        self.valid = False
        self.combo.connect("editTextChanged(QString)", self._changed)
        self.button.connect("clicked()", self.browse)

    def comboBox(self) -> QtWidgets.QComboBox:
        return self.combo

    def get_currentPath(self) -> str:
        return self.combo.currentText

    def set_currentPath(self, path: str) -> None:
        self.combo.setEditText(path)

    def set_showBrowseButton(self, visible: bool) -> None:
        self.values["showBrowseButton"] = visible
        self.button.setVisible(visible)

    def set_settingKey(self, key: str) -> None:
        self.values["settingKey"] = key
        self.retrieveHistory()

    def setCurrentPath(self, path: str) -> None:
        self.set_currentPath(path)

    def browse(self) -> None:
        dialog, label = QtWidgets.QFileDialog, self.values["label"] or "Select path"
        wildcards = ";;".join(self.values["nameFilters"])
        if not self.values["filters"] & _FILES:
            path = dialog.getExistingDirectory(self.q, label, self.get_currentPath())
        elif self.values["filters"] & _WRITABLE:
            path = dialog.getSaveFileName(self.q, label, self.get_currentPath(), wildcards)
        else:
            path = dialog.getOpenFileName(self.q, label, self.get_currentPath(), wildcards)
        if path:
            self.set_currentPath(path)

    def retrieveHistory(self) -> None:
        current = self.get_currentPath()
        self.combo.blockSignals(True)
        self.combo.clear()
        self.combo.addItems(self._history())
        self.combo.setEditText(current)
        self.combo.blockSignals(False)

    def addCurrentPathToHistory(self) -> None:
        if self.get_currentPath():
            paths = dict.fromkeys([self.get_currentPath(), *self._history()])
            QtCore.QSettings().setValue(self._key(), list(paths)[:_HISTORY])
            self.retrieveHistory()

    def _history(self) -> list[str]:
        known = QtCore.QSettings().value(self._key()) or []
        return [known] if isinstance(known, str) else list(known)

    def _key(self) -> str:
        return f"ctkPathLineEdit/{self.values['settingKey'] or self.q.objectName}"

    def _changed(self, path: str) -> None:
        self.send("currentPathChanged(QString)", path)
        wants_file = self.values["filters"] & _FILES and self.values["filters"] & 7 == _FILES
        valid = Path(path).is_file() if wants_file else Path(path).exists()
        if path and valid != self.valid:
            self.valid = valid
            self.send("validInputChanged(bool)", valid)


@behind("ctkDirectoryButton")
class DirectoryButton(Behaviour):
    def start(self) -> None:
        self.button = QtWidgets.QPushButton()
        row(self.q, self.button)
        self.values["directory"] = str(Path.cwd())
        self.button.connect("clicked()", self.browse)
        self._show()

    def set_directory(self, path: str) -> None:
        changed, self.values["directory"] = path != self.values["directory"], path
        self._show()
        self.send("directorySelected(QString)", path)
        if changed:
            self.send("directoryChanged(QString)", path)

    def set_text(self, text: str) -> None:
        self.values["text"] = text
        self._show()

    def browse(self) -> str:
        caption = self.values["caption"] or self.q.toolTip
        path = QtWidgets.QFileDialog.getExistingDirectory(self.q, caption, self.values["directory"])
        if path:
            self.set_directory(path)
        return path

    def _show(self) -> None:
        self.button.text = self.values["text"] or self.values["directory"]
