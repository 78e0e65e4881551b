"""List the models at hand and find one by its name or path."""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
from pathlib import Path
from typing import Any

from mambamim.catalogue.entry import ModelEntry, entry_from_file
from mambamim.catalogue.folders import model_folders, shipped_model_folders
from mambamim.catalogue.timings import read_seconds
from mambamim.errors import BadInputError, CheckpointError

SUFFIX = ".safetensors"
_BUILT_IN = Path(__file__).with_name("models.json")


def list_models() -> list[ModelEntry]:
    """Every model at hand by name: built-in ones first, then the user's.

    A file that cannot be used is listed with its `problem`. Where two folders hold the same name,
    the first folder of `model_folders()` wins.
    """
    entries = {entry.name: entry for entry in _built_in_entries()}
    shipped = shipped_model_folders()
    seconds = read_seconds()
    seen = set()
    for folder in model_folders():
        origin = "built-in" if folder in shipped else "user"
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            if path.stem in seen or path.name.startswith("."):  # hidden: still being written
                continue
            seen.add(path.stem)
            entries[path.stem] = _merge(
                entry_from_file(path, origin, seconds.get(path.stem, {})), entries.get(path.stem)
            )
    return sorted(entries.values(), key=lambda entry: (entry.origin != "built-in", entry.name))


def find_model(name_or_path: str | Path) -> ModelEntry:
    """The entry of a model by its name in the catalogue, or of a checkpoint anywhere by its path.

    Raises:
        BadInputError: no such model; near names are listed.
        CheckpointError: the file is there and cannot be used.
    """
    text = os.fspath(name_or_path)
    path = Path(text).expanduser()
    if path.suffix == SUFFIX or path.name != text or path.is_file():
        entry = entry_from_file(path, "user", read_seconds().get(path.stem, {}))
    else:
        entry = _by_name(text)
    if entry.problem:
        raise CheckpointError(entry.problem)
    return entry


def resolve_model(name_or_path: str | Path) -> Path:
    """The checkpoint file of a model.

    Raises:
        BadInputError: no such model, or it has to be downloaded first.
        CheckpointError: the file is there and cannot be used.
    """
    entry = find_model(name_or_path)
    if entry.path is None:
        fetch = f"`mambamim models {entry.name} --download` fetches it."
        how = fetch if entry.url else "`mambamim models` lists those that are."
        raise BadInputError(f"The model '{entry.name}' is not on this computer.", how)
    return entry.path


def _by_name(name: str) -> ModelEntry:
    entries = {entry.name: entry for entry in list_models()}
    if name in entries:
        return entries[name]
    near = difflib.get_close_matches(name, entries, n=3, cutoff=0.4) or sorted(entries)[:5]
    hint = f"Did you mean {' or '.join(near)}?" if near else "No model is installed."
    raise BadInputError(f"There is no model '{name}'.", f"{hint} `mambamim models` lists all.")


def _built_in_entries() -> list[ModelEntry]:
    content: dict[str, Any] = json.loads(_BUILT_IN.read_text(encoding="utf-8"))
    entries = []
    for item in content["models"]:
        labels = {int(value): name for value, name in item.pop("labels", {}).items()}
        entries.append(ModelEntry(origin="built-in", labels=labels, **item))
    return entries


def _merge(found: ModelEntry, listed: ModelEntry | None) -> ModelEntry:
    """The file's own facts, with what only the catalogue knows about it."""
    if listed is None:
        return found
    return dataclasses.replace(
        found, title=listed.title or found.title, url=listed.url, sha256=listed.sha256
    )
