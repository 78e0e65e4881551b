"""What is installed in Slicer's own Python, by its metadata: nothing is imported for that."""

import importlib
import importlib.metadata
import tempfile
from collections.abc import Iterable
from pathlib import Path


def versions(names: Iterable[str]) -> dict[str, str | None]:
    """Name -> installed version, None if it is not there."""
    importlib.invalidate_caches()  # pip writes from another process
    return {name: _version(name) for name in names}


def constraints(names: Iterable[str]) -> Path:
    """Write a file that holds pip to the installed versions of these packages."""
    import slicer

    lines = [f"{name}=={version}" for name, version in versions(names).items() if version]
    folder = Path(tempfile.mkdtemp(prefix="MambaMIM-", dir=slicer.app.temporaryPath))
    path = folder / "constraints.txt"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
