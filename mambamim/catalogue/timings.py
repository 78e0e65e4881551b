"""How long each model took on this computer, remembered in the user's folder."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path

from mambamim.catalogue.folders import user_folder
from mambamim.errors import BadInputError
from mambamim.files import atomic_path

_LOG = logging.getLogger(__name__)


def _file() -> Path:
    return user_folder() / "timings.json"


def read_seconds() -> dict[str, dict[str, float]]:
    """Model name -> machine -> seconds of the last whole case, as far as anything is stored."""
    try:
        content = json.loads(_file().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        _LOG.warning("The measured times cannot be read: %s", type(error).__name__)
        return {}
    seconds: dict[str, dict[str, float]] = {}
    for model, machines in content.items() if isinstance(content, dict) else ():
        if isinstance(machines, dict):
            numbers = {str(m): float(s) for m, s in machines.items() if isinstance(s, (int, float))}
            seconds[model] = {m: s for m, s in numbers.items() if math.isfinite(s) and s >= 0}
    return seconds


def record_seconds(model: str, machine: str, seconds: float) -> None:
    """Remember that a whole case took `seconds` with `model` on `machine`.

    Failing to remember is logged and is no error: the result the user asked for is there.
    """
    stored = read_seconds()
    stored.setdefault(model, {})[machine] = round(seconds, 2)
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(_file()) as temporary:
            temporary.write_text(json.dumps(stored, indent=1, sort_keys=True), encoding="utf-8")
    except (OSError, BadInputError) as error:
        _LOG.warning("The measured time was not kept: %s", type(error).__name__)
