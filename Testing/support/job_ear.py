"""A job's context that keeps what it is told, and says stop after so many rows of losses."""

from __future__ import annotations


class Ear:
    """Stands where a `JobContext` would.

    Args:
        cancel_after: losses that are told before the job is cancelled, None for never.
        cancel_at: a message at which it is.
    """

    def __init__(self, cancel_after=None, cancel_at=None):
        self.fractions, self.messages, self.metrics = [], [], []
        self.previews, self.logs = [], []
        self._after, self._at = cancel_after, cancel_at

    def progress(self, fraction, message):
        self.fractions.append(fraction)
        self.messages.append(message)

    def metric(self, step, name, value):
        self.metrics.append((step, name, value))

    def preview(self, path):
        self.previews.append(path)

    def log(self, level, message):
        self.logs.append((level, message))

    def cancelled(self):
        losses = sum(name == "loss" for _, name, _ in self.metrics)
        late = self._after is not None and losses >= self._after
        return late or (self._at is not None and self._at in self.messages)
