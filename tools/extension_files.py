"""The files of the extension: what CMake is told of, and what lies in the tree.

`python tools/extension_files.py` writes the tree's files into the lists of the CMakeLists.txt. What
is not listed there is not in the package that Slicer installs.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_SCRIPTS, _RESOURCES = "MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES"
# Of Resources, the program needs these; icon and screenshots are for web pages.
_DATA_FOLDERS = ("Anatomies", "Models")


def parts(root: Path = ROOT) -> list[str]:
    """The folders that the extension's CMakeLists.txt adds, in its order."""
    return re.findall(r"^add_subdirectory\((\w+)\)", _cmake(root), re.MULTILINE)


def listed_files(folder: Path) -> list[str]:
    """The scripts and resources that a folder's CMakeLists.txt lists, relative to the folder."""
    lists = [_list_pattern(name).search(_cmake(folder)) for name in (_SCRIPTS, _RESOURCES)]
    return [file for found in lists if found for file in found["files"].split()]


def tree_files(folder: Path) -> list[str]:
    """The files of a folder that belong into the package, relative to the folder, sorted.

    Tests stay out, and so does what starts with a dot or Python has compiled.
    """
    inside = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(path.as_posix() for path in inside if is_packaged(folder.name, path))


def is_packaged(part: str, path: Path) -> bool:
    """Whether a file, relative to the folder of this name, belongs into the package."""
    if path.name == "CMakeLists.txt" or path.parts[0] == "Testing":
        return False
    if part == "Resources" and path.parts[0] not in _DATA_FOLDERS:
        return False
    return not any(name.startswith(".") or name == "__pycache__" for name in path.parts)


def installed_files(root: Path = ROOT) -> dict[str, Path]:
    """Where each listed file lands in Slicer's one folder of scripted modules, and its source.

    Modules lie flat in that folder, packages and data keep the name of theirs.

    Raises:
        ValueError: two files would land in the same place, on a disk that ignores case or not.
    """
    landed = {f"mambamim/{name}": root / name for name in ("LICENSE", "NOTICE")}
    taken = {target.casefold(): source for target, source in landed.items()}
    for part in parts(root):
        prefix = "" if _is_flat(root / part) else f"{part}/"
        for file in listed_files(root / part):
            target, source = prefix + file, root / part / file
            if other := taken.get(target.casefold()):
                raise ValueError(f"{source} and {other} would both become {target}.")
            landed[target] = taken[target.casefold()] = source
    return landed


def write_lists(root: Path = ROOT) -> None:
    """Put the tree's files into the lists of every part."""
    for part in parts(root):
        folder, text = root / part, _cmake(root / part)
        files = tree_files(folder)
        for name, is_script in ((_SCRIPTS, True), (_RESOURCES, False)):
            chosen = [file for file in files if file.endswith(".py") == is_script]
            lines = "".join(f"  {file}\n" for file in chosen)
            text = _list_pattern(name).sub(f"set({name}\n{lines}  )", text)
        (folder / "CMakeLists.txt").write_text(text, encoding="utf-8", newline="\n")


def _cmake(folder: Path) -> str:
    return (folder / "CMakeLists.txt").read_text(encoding="utf-8")


def _list_pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"set\({name}\n(?P<files>[^)]*)\)")


def _is_flat(folder: Path) -> bool:
    macro = re.search(r"^slicerMacroBuildScriptedModule\(([^)]*)\)", _cmake(folder), re.MULTILINE)
    return macro is not None and "WITH_SUBDIR" not in macro[1]


if __name__ == "__main__":
    write_lists()
