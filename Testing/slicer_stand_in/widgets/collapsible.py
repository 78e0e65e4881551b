"""ctkCollapsibleButton and ctkCollapsibleGroupBox: a header that hides what is under it."""

from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from .behaviour import Behaviour, behind

_HEADER = 24  # pixels
_NO_LIMIT = 16777215  # QWIDGETSIZE_MAX


class _Collapsible(Behaviour):
    """Children that were hidden by their owner stay hidden when the rest is shown again."""

    header = _HEADER

    def start(self) -> None:
        self.hidden: list[QtWidgets.QWidget] = []
        self.q.setContentsMargins(0, self.header, 0, 0)
        self.q.setSizePolicy(QtWidgets.QSizePolicy.Preferred, QtWidgets.QSizePolicy.Preferred)

    def set_collapsed(self, collapsed: bool) -> None:
        if collapsed == self.values["collapsed"]:
            return
        self.values["collapsed"] = collapsed
        if collapsed:
            children = [c for c in self.q.children() if isinstance(c, QtWidgets.QWidget)]
            self.hidden = [c for c in children if not c.isHidden()]
            for child in self.hidden:
                child.hide()
        else:
            for child in self.hidden:
                child.show()
            self.hidden = []
        self.q.setMaximumHeight(self.header if collapsed else _NO_LIMIT)
        self.q.updateGeometry()
        self.q.update()

    def childEvent(self, event: QtCore.QChildEvent) -> None:
        # Not when it is added: then the child is not yet of its own class, and Python would keep
        # it so.
        if event.polished() and self.values["collapsed"]:
            child = event.child()
            if isinstance(child, QtWidgets.QWidget) and not child.isHidden():
                child.hide()
                self.hidden.append(child)


@behind("ctkCollapsibleButton")
class CollapsibleButton(_Collapsible):
    def start(self) -> None:
        super().start()
        self.q.setCheckable(True)
        self.q.setChecked(True)
        self.q.connect("toggled(bool)", lambda checked: setattr(self.q, "collapsed", not checked))

    def set_collapsed(self, collapsed: bool) -> None:
        changed = collapsed != self.values["collapsed"]
        super().set_collapsed(collapsed)
        if changed:
            self.q.setChecked(not collapsed)
            self.send("contentsCollapsed(bool)", collapsed)

    def hitButton(self, position: QtCore.QPoint) -> bool:
        return position.y() < self.header

    def paintEvent(self, event: Any) -> None:
        painter = QtWidgets.QStylePainter(self.q)
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self.q)
        option.rect = QtCore.QRect(0, 0, self.q.width, self.header - 2)
        painter.drawControl(QtWidgets.QStyle.CE_PushButtonBevel, option)
        arrow = QtWidgets.QStyleOption()
        arrow.initFrom(self.q)
        arrow.rect = QtCore.QRect(6, self.header // 2 - 6, 10, 10)
        down = QtWidgets.QStyle.PE_IndicatorArrowDown
        right = QtWidgets.QStyle.PE_IndicatorArrowRight
        painter.drawPrimitive(right if self.values["collapsed"] else down, arrow)
        text = QtCore.QRect(22, 0, self.q.width - 24, self.header - 2)
        left = QtCore.Qt.AlignLeft | QtCore.Qt.AlignVCenter | QtCore.Qt.TextShowMnemonic
        painter.drawItemText(
            text, int(left), self.q.palette, self.q.enabled, self.q.text, QtGui.QPalette.ButtonText
        )


@behind("ctkCollapsibleGroupBox")
class CollapsibleGroupBox(_Collapsible):
    def start(self) -> None:
        self.hidden = []
        self.q.setCheckable(True)
        self.q.connect("toggled(bool)", lambda checked: setattr(self.q, "collapsed", not checked))

    def set_collapsed(self, collapsed: bool) -> None:
        super().set_collapsed(collapsed)
        self.q.setChecked(not collapsed)
