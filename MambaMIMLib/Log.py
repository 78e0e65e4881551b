"""The extension's log: what happened, and never whose images they were.

Names of nodes and of subject hierarchy items count as patients' names, and so do names of files.
They are replaced before anything reaches Slicer's log.
"""

import logging
import re
import traceback
from collections.abc import Iterable
from pathlib import PurePosixPath

LOGGER = logging.getLogger("MambaMIM")

_PROGRAM_FILES = (".py", ".pyd", ".so", ".dll", ".dylib", ".exe")
_DATA_FILE = re.compile(
    r"[^\s'\"<>|:/\\]+\.(?:nii|nrrd|nhdr|mha|mhd|dcm|ima|npy|npz|png|csv|tsv|json|mrb|mrml|seg)"
    r"(?:\.gz)?\b",
    re.IGNORECASE,
)
# A path in quotes ends at the quote, for folders may have blanks; a bare one ends at a blank.
_PATH = re.compile(
    r"(?P<quote>['\"])(?P<quoted>(?:~|[A-Za-z]:)?[/\\][^'\"\n]*)(?P=quote)"
    r"|(?<![\w/\\.])(?P<bare>(?:~|[A-Za-z]:)?[/\\][^\s'\",;:)\]]+)"
)
_SHORTEST_NAME = 3  # letters; shorter ones would eat words


def info(message: str) -> None:
    """Write what happened."""
    LOGGER.info("%s", clean(message, sceneNames()))


def warning(message: str) -> None:
    """Write what a person should know of."""
    LOGGER.warning("%s", clean(message, sceneNames()))


def error(message: str) -> None:
    """Write what went wrong."""
    LOGGER.error("%s", clean(message, sceneNames()))


def exception(raised: BaseException) -> None:
    """Write an exception nobody foresaw: its kind and places in the code, not its own text."""
    places = "".join(traceback.format_tb(raised.__traceback__))
    error(f"{type(raised).__name__} in the extension:\n{places}")


def clean(text: str, names: Iterable[str] = ()) -> str:
    """Take out of a text what could name a patient.

    Args:
        text: a line or several.
        names: names to take out, as whole words and whatever their case.

    Returns:
        The text with <name> for names, <file> for paths and data files; of program files, the name
        of the file and of its folder stay.
    """
    # Names first: one that is part of a path must not survive in a program's folder.
    known = sorted({n.strip() for n in names if len(n.strip()) >= _SHORTEST_NAME}, key=len)
    for name in reversed(known):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "<name>", text, flags=re.IGNORECASE)
    return _DATA_FILE.sub("<file>", _PATH.sub(_withoutPath, text))


def sceneNames() -> set[str]:
    """Names in the scene that may be a patient's: nodes that can be stored, and the hierarchy's."""
    import slicer

    scene = getattr(slicer, "mrmlScene", None)
    if scene is None:
        return set()
    names = set()
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLStorableNode")):
        node = scene.GetNthNodeByClass(index, "vtkMRMLStorableNode")
        if not node.GetHideFromEditors() and not node.IsA("vtkMRMLColorNode"):
            names.add(node.GetName() or "")
    return names | _hierarchyNames(scene)


def _hierarchyNames(scene) -> set[str]:
    import vtk

    hierarchy = scene.GetFirstNodeByClass("vtkMRMLSubjectHierarchyNode")
    if hierarchy is None:
        return set()
    items = vtk.vtkIdList()
    hierarchy.GetItemChildren(hierarchy.GetSceneItemID(), items, True)
    return {hierarchy.GetItemName(items.GetId(i)) for i in range(items.GetNumberOfIds())}


def _withoutPath(match: re.Match) -> str:
    path = (match["quoted"] or match["bare"]).replace("\\", "/")
    parts = PurePosixPath(path).parts
    if not path.lower().endswith(_PROGRAM_FILES):
        return "<file>"
    return "/".join(parts[-2:])
