"""Time that passes when a test says so."""

import itertools


class FakeTime:
    """Call it as one calls `MambaMIMLib.Timer.after`; `advance` lets seconds pass."""

    def __init__(self):
        self.now = 0.0
        self._numbers = itertools.count()
        self._due = {}

    def __call__(self, seconds, call):
        number = next(self._numbers)
        self._due[number] = (self.now + seconds, call)
        return _Timer(lambda: self._due.pop(number, None))

    def advance(self, seconds=0.0):
        """Make the calls that come due, in their order, those of the calls themselves included."""
        end = self.now + seconds
        while due := sorted((t, n) for n, (t, _) in self._due.items() if t <= end):
            self.now, number = due[0]
            self._due.pop(number)[1]()
        self.now = end


class _Timer:
    def __init__(self, stop):
        self.stop = stop
