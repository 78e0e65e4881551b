"""In the idiom of modules that take files: drag and drop, settings, file dialogs, questions."""

import os

import qt
import slicer
from slicer.ScriptedLoadableModule import *


class DropArea(qt.QFrame):
    def __init__(self, onDropped, parent=None):
        qt.QFrame.__init__(self, parent)
        self.onDropped = onDropped
        self.setAcceptDrops(True)
        self.setMinimumHeight(60)
        layout = qt.QVBoxLayout(self)
        layout.addWidget(qt.QLabel("Drop a folder here"))

    def dragEnterEvent(self, event):
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event):
        self.onDropped([url.toLocalFile() for url in event.mimeData().urls()])
        event.acceptProposedAction()


class DropsFolders(ScriptedLoadableModule):
    def __init__(self, parent):
        super().__init__(parent)
        parent.title = "Drops folders"
        parent.categories = ["Utilities"]
        parent.hidden = True


class DropsFoldersWidget(ScriptedLoadableModuleWidget):
    def setup(self):
        super().setup()
        self.area = DropArea(self.add)
        self.list = qt.QListWidget()
        self.list.setSelectionMode(qt.QAbstractItemView.ExtendedSelection)
        self.table = qt.QTableWidget(0, 2)
        self.table.setHorizontalHeaderLabels(["Folder", "Files"])
        self.button = qt.QPushButton("Choose...")
        self.clearButton = qt.QPushButton("Clear")
        for widget in (self.area, self.list, self.table, self.button, self.clearButton):
            self.layout.addWidget(widget)
        self.button.clicked.connect(self.choose)
        self.clearButton.clicked.connect(self.clear)
        for folder in slicer.util.settingsValue("DropsFolders/last", "").split(";"):
            self.add([folder])

    def add(self, folders):
        for folder in folders:
            if os.path.isdir(folder):
                self.list.addItem(folder)
                row = self.table.rowCount
                self.table.insertRow(row)
                self.table.setItem(row, 0, qt.QTableWidgetItem(folder))
                self.table.setItem(row, 1, qt.QTableWidgetItem(str(len(os.listdir(folder)))))
        qt.QSettings().setValue("DropsFolders/last", ";".join(self.folders()))

    def folders(self):
        return [self.list.item(i).text() for i in range(self.list.count)]

    def choose(self):
        folder = qt.QFileDialog.getExistingDirectory(self.parent, "Folder", "")
        if folder:
            self.add([folder])
        else:
            slicer.util.warningDisplay("Nothing was chosen")

    def clear(self):
        if slicer.util.confirmYesNoDisplay("Forget all folders?", "Drops folders"):
            self.list.clear()
            self.table.setRowCount(0)
