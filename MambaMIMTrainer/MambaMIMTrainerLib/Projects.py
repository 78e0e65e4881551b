"""Which project folders were open lately; kept in the settings."""

from __future__ import annotations

from pathlib import Path

import slicer

SETTING = "MambaMIM/TrainingProjects"
_MOST = 8


def recent() -> list[Path]:
    """Folders that are still there, the last one first."""
    kept = slicer.app.settings().value(SETTING) or ()
    paths = [kept] if isinstance(kept, str) else list(kept)
    return [Path(path) for path in paths if path and Path(path).is_dir()]


def remember(folder: Path) -> None:
    """Put a folder first."""
    others = [path for path in recent() if path != folder]
    slicer.app.settings().setValue(SETTING, [str(p) for p in [folder, *others][:_MOST]])
