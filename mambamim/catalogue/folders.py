"""Where models and what we remember about them live on this computer."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

from mambamim.errors import BadInputError

_PACKAGE = Path(__file__).resolve().parent.parent


def user_folder() -> Path:
    """The user's own folder by the platform's rules or MAMBAMIM_HOME. It may not exist."""
    if override := os.environ.get("MAMBAMIM_HOME"):
        return Path(override).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "MambaMIM"
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support/MambaMIM"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "mambamim"


def user_models_folder() -> Path:
    """Where models that the user trained or downloaded are kept. It may not exist."""
    return user_folder() / "models"


def shipped_model_folders() -> list[Path]:
    """Where models come with the program: in the package, beside it, or in a source tree."""
    return [_PACKAGE / "resources", *_shipped("models")]


def shipped_anatomy(name: str) -> Path:
    """The file of an anatomy that comes with the program.

    Raises:
        BadInputError: it is in none of the places.
    """
    folders = _shipped("anatomies")
    for folder in folders:
        if (path := folder / f"{name}.npz").is_file():
            return path
    raise BadInputError(
        f"{name}.npz is not in any of {', '.join(map(str, folders))}.",
        "It comes with the program: install that again.",
    )


def _shipped(kind: str) -> list[Path]:
    """Where files of a kind lie: as installed, or in a source tree."""
    installed = Path("share") / "mambamim" / kind
    return [
        Path(sysconfig.get_path("data")) / installed,
        _PACKAGE.parent / installed,  # pip install --target
        _PACKAGE.parent / "Resources" / kind.capitalize(),
    ]


def model_folders() -> list[Path]:
    """Every existing folder that is searched, the first hit wins.

    MAMBAMIM_MODELS (one or more folders, separated as in PATH), the user's, the shipped ones.
    """
    named = [Path(part) for part in os.environ.get("MAMBAMIM_MODELS", "").split(os.pathsep) if part]
    folders = [*named, user_models_folder(), *shipped_model_folders()]
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]
