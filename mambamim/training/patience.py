"""When a run that validates has stopped getting better."""

from __future__ import annotations

WATCHED = "dice"  # the score that is watched; higher is better


class Patience:
    """Counts validations since the best one.

    Args:
        most: so many without a better score are enough; 0 never ends a run.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._best: float | None = None
        self._since = 0

    def see(self, scores: dict[str, float]) -> None:
        """The scores of one more validation."""
        score = scores.get(WATCHED)
        if score is None:
            return
        better = self._best is None or score > self._best
        self._since = 0 if better else self._since + 1
        self._best = score if better else self._best

    @property
    def over(self) -> bool:
        """Whether the run should end."""
        return 0 < self._most <= self._since

    def to_json(self) -> list[float | int | None]:
        """What a resumed run needs."""
        return [self._best, self._since]

    def restore(self, state: list[float | int | None]) -> None:
        """Take back what `to_json` gave."""
        best, since = state
        self._best, self._since = best, int(since or 0)
