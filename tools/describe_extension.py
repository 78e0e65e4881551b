"""MambaMIM.s4ext and MambaMIM.json, made from what CMakeLists.txt says of the extension.

`python tools/describe_extension.py` writes both.
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BRANCH = "main"
_SCHEMA = (
    "https://raw.githubusercontent.com/Slicer/Slicer/main/Schemas/"
    "slicer-extension-catalog-entry-schema-v1.0.2.json#"
)


def metadata(root: Path = ROOT) -> dict[str, str]:
    """What CMakeLists.txt sets as EXTENSION_*, by the name without that, in lower case."""
    text = (root / "CMakeLists.txt").read_text(encoding="utf-8")
    pairs = re.findall(r'^set\(EXTENSION_(\w+) "([^"]*)"\)', text, re.MULTILINE)
    return {name.lower(): value for name, value in pairs}


def s4ext(said: dict[str, str]) -> str:
    """The text of the description file that Slicer's extension builds read before 5.8."""
    fields = {
        "scm": "git",
        "scmurl": _repository(said),
        "scmrevision": BRANCH,
        "depends": said["depends"],
        "build_subdirectory": ".",
        "homepage": said["homepage"],
        "contributors": said["contributors"],
        "category": said["category"],
        "iconurl": said["iconurl"],
        "status": said["status"],
        "description": said["description"],
        "screenshoturls": said["screenshoturls"],
        "enabled": "1",
    }
    head = "# Made by tools/describe_extension.py from CMakeLists.txt.\n"
    return head + "".join(f"{name:<18} {value}\n" for name, value in fields.items())


def catalog_entry(said: dict[str, str]) -> str:
    """The text of the entry that the Extensions Index takes, JSON."""
    entry = {
        "$schema": _SCHEMA,
        "build_dependencies": said["depends"].split(),
        "build_subdirectory": ".",
        "category": said["category"],
        "scm_revision": BRANCH,
        "scm_type": "git",
        "scm_url": _repository(said),
    }
    return json.dumps(entry, indent=2) + "\n"


def _repository(said: dict[str, str]) -> str:
    return f"{said['homepage']}.git"


if __name__ == "__main__":
    said = metadata()
    for name, text in (("MambaMIM.s4ext", s4ext(said)), ("MambaMIM.json", catalog_entry(said))):
        (ROOT / name).write_text(text, encoding="utf-8", newline="\n")
