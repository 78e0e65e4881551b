"""What signals have sent."""


class Recorder:
    """Connects to signals of an object; `told` has what came, in order, as (name, *values)."""

    def __init__(self, sender, *names):
        self.told = []
        for name in names:
            getattr(sender, name).connect(self._taking(name))

    def of(self, name):
        """The values of one signal: a list of tuples."""
        return [tuple(values) for told, *values in self.told if told == name]

    def names(self):
        return [name for name, *_ in self.told]

    def _taking(self, name):
        return lambda *values: self.told.append((name, *values))


JOB_SIGNALS = ("progressed", "previewed", "metric", "logged", "succeeded", "failed", "ended")
