"""The panel of dependencies without what it depends on."""

import qt

from MambaMIMLib.Signal import Signal


class FakeDependencies:
    """Says what a test wants it to say of what is installed."""

    def __init__(self, ready=True):
        self.widget, self.pythonWidget = qt.QWidget(), qt.QLabel("Slicer's Python")
        self.ready, self.changed = ready, Signal()

    def cleanup(self):
        pass
