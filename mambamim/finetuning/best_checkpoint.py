"""The best weights of a run, kept apart from its last."""

from __future__ import annotations

import shutil
from pathlib import Path

from mambamim.checkpoint_header import read_header
from mambamim.files import atomic_path


class BestCheckpoint:
    """Decides whether the checkpoint just written is the best so far, and keeps it.

    Its score is read from the file itself, so a resumed run knows it.

    Args:
        name: NAME.safetensors in the run folder.
        score: which one counts; higher is better.
    """

    def __init__(self, name: str, score: str) -> None:
        self._name, self._score, self._fresh = name, score, False

    def scored(self) -> None:
        """The scores that `keep` will be given are of the weights that it will be given."""
        self._fresh = True

    def keep(self, last: Path, run: Path, scores: dict[str, float]) -> None:
        """Copy `last` to NAME.safetensors where it is better, or where nothing can be compared."""
        best = run / f"{self._name}.safetensors"
        fresh, self._fresh = self._fresh, False
        if best.exists() and scores:
            known = read_header(best).training.get("scores", {}).get(self._score)
            if not fresh or (known is not None and known >= scores[self._score]):
                return
        with atomic_path(best) as temporary:
            shutil.copyfile(last, temporary)
