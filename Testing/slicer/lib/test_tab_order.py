import qt

from MambaMIMLib import TabOrder


def _edit(name):
    edit = qt.QLineEdit()
    edit.objectName = name
    return edit


def test_tab_goes_from_top_to_bottom(app):
    panel = qt.QWidget()
    column = qt.QVBoxLayout(panel)
    last, first, third, second = map(_edit, ("last", "first", "third", "second"))
    inner = qt.QWidget()
    row = qt.QHBoxLayout(inner)
    row.addWidget(second)
    row.addWidget(third)
    nested = qt.QHBoxLayout()
    nested.addWidget(first)
    nested.addWidget(qt.QLabel("no stop"))
    column.addLayout(nested)
    column.addWidget(inner)
    column.addWidget(last)
    TabOrder.followLayout(panel)
    names, here = [], first
    for _step in range(4):
        names.append(here.objectName)
        here = here.nextInFocusChain()
        while not here.focusPolicy & qt.Qt.TabFocus:
            here = here.nextInFocusChain()
    assert names == ["first", "second", "third", "last"]
