"""ctkComboBox and ctkCheckableComboBox."""

from typing import Any

from PySide6 import QtCore

from .behaviour import Behaviour, behind


@behind("ctkComboBox")
class ComboBox(Behaviour):
    def start(self) -> None:
        self.q.connect("currentIndexChanged(int)", self._changed)

    def get_currentUserDataAsString(self) -> str:
        data = self.q.itemData(self.q.currentIndex)
        return "" if data is None else str(data)

    def set_currentUserDataAsString(self, text: str) -> None:
        data = [str(self.q.itemData(i)) for i in range(self.q.count)]
        self.q.setCurrentIndex(data.index(text) if text in data else -1)

    def set_defaultText(self, text: str) -> None:
        self.values["defaultText"] = text
        self.q.setPlaceholderText(text)
        self.send("defaultTextChanged(QString)", text)

    def _changed(self, _index: int) -> None:
        self.send("currentUserDataAsStringChanged(QString)", self.get_currentUserDataAsString())


@behind("ctkCheckableComboBox")
class CheckableComboBox(Behaviour):
    """Entries that are checked in the list; any number of them."""

    def start(self) -> None:
        self.q.model().connect("rowsInserted(QModelIndex,int,int)", self._make_checkable)
        self.q.model().connect("dataChanged(QModelIndex,QModelIndex)", self._changed)

    def checkableModel(self) -> Any:
        return self.q.model()

    def checkedIndexes(self) -> list[Any]:
        return [i for i in self._indexes() if self.checkState(i) == QtCore.Qt.Checked]

    def allChecked(self) -> bool:
        return len(self.checkedIndexes()) == self.q.count

    def noneChecked(self) -> bool:
        return not self.checkedIndexes()

    def checkState(self, index: Any) -> QtCore.Qt.CheckState:
        return QtCore.Qt.CheckState(self.q.model().data(index, QtCore.Qt.CheckStateRole) or 0)

    def setCheckState(self, index: Any, state: Any) -> None:
        self.q.model().setData(index, QtCore.Qt.CheckState(state), QtCore.Qt.CheckStateRole)

    def _indexes(self) -> list[Any]:
        return [self.q.model().index(row, 0) for row in range(self.q.count)]

    def _make_checkable(self, _parent: Any, first: int, last: int) -> None:
        for row in range(first, last + 1):
            entry = self.q.model().item(row)
            entry.setFlags(QtCore.Qt.ItemIsUserCheckable | QtCore.Qt.ItemIsEnabled)
            entry.setData(QtCore.Qt.Unchecked, QtCore.Qt.CheckStateRole)

    def _changed(self) -> None:
        self.send("checkedIndexesChanged()")
