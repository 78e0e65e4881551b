"""Fetch a model of the catalogue, only when asked to."""

from __future__ import annotations

from pathlib import Path

from mambamim.catalogue.catalogue import SUFFIX, find_model
from mambamim.catalogue.entry import ModelEntry
from mambamim.catalogue.folders import user_models_folder
from mambamim.errors import BadInputError


def download_model(name: str) -> Path:
    """Download a model of the catalogue into the user's folder, unless it is here already.

    Raises:
        BadInputError: no such model, no address, no connection, or its SHA-256 differs.
    """
    entry = find_model(name)
    return entry.path if entry.path is not None else fetch(entry, user_models_folder())


def fetch(entry: ModelEntry, folder: Path) -> Path:
    """Download `entry.url` to `folder`, check its SHA-256, and only then put it in place.

    Raises:
        BadInputError: as for `download_model`.
    """
    if not entry.url or not entry.sha256:
        raise BadInputError(
            f"The model '{entry.name}' cannot be downloaded.", "The catalogue knows no address."
        )
    import pooch  # imports requests, which takes a moment

    try:
        return Path(
            pooch.retrieve(entry.url, f"sha256:{entry.sha256}", f"{entry.name}{SUFFIX}", folder)
        )
    except (OSError, ValueError) as error:  # connection and file faults; a hash that differs
        reason = "its SHA-256 differs" if "hash" in str(error) else type(error).__name__
        raise BadInputError(
            f"The model '{entry.name}' could not be downloaded: {reason}.",
            "Check the connection and try again.",
        ) from error
