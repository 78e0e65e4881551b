"""run.json: what a detached run was started with, kept in its folder.

The folder may be moved, and names may be telling: so paths around it are written as seen from it,
and what `PRIVATE` names is not written at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mambamim.errors import BadInputError
from mambamim.files import atomic_path

RUN_FILE = "run.json"
# Parameters that may hold a patient's name or where the scans lie; the run gets them, its folder
# does not.
PRIVATE = ("data",)
# Folders that hold the run.
AROUND = ("project", "out")


def read_run(run: Path) -> dict[str, Any]:
    """The job, its parameters, the process and when it was started.

    Raises:
        BadInputError: no run has begun in the folder, or the file is damaged.
    """
    try:
        facts = json.loads((run / RUN_FILE).read_text(encoding="utf-8"))
        whole = {
            "job": str(facts["job"]),
            "parameters": _read_parameters(facts["parameters"], run),
            "pid": int(facts["pid"]),
            "started": float(facts["started"]),
            "token": str(facts["token"]),
            "position": int(facts.get("position", 0)),  # of the log's end when it was started
        }
    except OSError as error:
        raise BadInputError(
            f"No run has begun in {run.name} ({RUN_FILE}: {error.strerror})."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            f"{RUN_FILE} of the run {run.name} is damaged.", "Begin another run."
        ) from error
    return whole


def write_run(run: Path, facts: dict[str, Any]) -> None:
    """Write what `read_run` reads; the parameters are as `written_parameters` gives them."""
    with atomic_path(run / RUN_FILE) as temporary:
        temporary.write_text(json.dumps(facts, indent=1), encoding="utf-8")


def written_parameters(parameters: Mapping[str, Any], run: Path) -> dict[str, Any]:
    """Parameters as the run's folder keeps them."""
    kept = {name: value for name, value in parameters.items() if name not in PRIVATE}
    for name in AROUND:
        place, whole = Path(str(kept.get(name))).absolute(), run.absolute()
        if kept.get(name) and whole.is_relative_to(place):
            kept[name] = "/".join([".."] * len(whole.relative_to(place).parts)) or "."
    return kept


def _read_parameters(kept: Mapping[str, Any], run: Path) -> dict[str, Any]:
    """What `written_parameters` was given, where the run is now."""
    parameters = dict(kept)
    for name in AROUND:
        value = str(parameters.get(name, ""))
        if value and not value.strip("./"):
            parameters[name] = os.path.normpath(run.absolute() / value)
    return parameters
