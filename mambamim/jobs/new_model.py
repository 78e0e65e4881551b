"""A trained network becomes one of the user's models."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from mambamim.catalogue import list_models, user_models_folder
from mambamim.checkpoint_header import read_header
from mambamim.errors import BadInputError, CheckpointError
from mambamim.files import atomic_path

_SUFFIX = ".safetensors"
_RECORD = "model.json"  # in a run's folder: what it has put among the user's models


class NewModel:
    """The place that a run's network will have among the user's models.

    Args:
        name: of the model.
        run: the run folder.
        overwrite: whether another of the user's models may have the name.

    Attributes:
        path: of the model.

    Raises:
        BadInputError: a model that this run did not make has the name.
    """

    def __init__(self, name: str, run: Path, overwrite: bool) -> None:
        self.path = user_models_folder() / f"{name}{_SUFFIX}"
        self._run = run
        taken = next((entry for entry in list_models() if entry.name == name), None)
        if taken is None or self._is_own():
            return
        if taken.origin != "user" or not overwrite:
            raise BadInputError(
                f"There is a model called {name} already.", "Give the new one another name."
            )

    def put(self, checkpoint: Path) -> None:
        """Copy a checkpoint there, whole or not at all.

        Raises:
            BadInputError: the place cannot be written to, or the disk is full.
            CheckpointError: there is none, or it is damaged.
        """
        sha256 = read_header(checkpoint).sha256
        with atomic_path(self._run / _RECORD) as temporary:
            temporary.write_text(json.dumps({"name": self.path.stem, "sha256": sha256}), "utf-8")
        with atomic_path(self.path) as temporary:
            shutil.copyfile(checkpoint, temporary)

    def _is_own(self) -> bool:
        """Whether what has the name was put there by this run."""
        try:
            made = json.loads((self._run / _RECORD).read_text(encoding="utf-8"))
            there = read_header(self.path).sha256
            return bool(made == {"name": self.path.stem, "sha256": there})
        except (OSError, ValueError, CheckpointError):
            return False
