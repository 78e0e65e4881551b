"""Which scans a command line names, and where their label maps go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mambamim.errors import BadInputError

# Suffix of a volume file -> suffix of its label map, which is one file, never a header beside data.
_SUFFIXES = {
    ".nii.gz": ".nii.gz",
    ".nii": ".nii",
    ".nrrd": ".nrrd",
    ".nhdr": ".nrrd",
    ".mha": ".mha",
    ".mhd": ".mha",
}
_LABEL_MAP_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")
_DICOM_LOOKED_AT = 16  # files of a folder; a series folder shows itself in its first ones


@dataclass(frozen=True)
class Case:
    """One scan of a batch: a volume file or a folder with a DICOM series, and its label map."""

    input: Path
    output: Path


def plan_batch(inputs: Iterable[str | Path], output: str | Path) -> list[Case]:
    """The scans behind `inputs`, each with its output.

    A folder stands for the volumes in it and for its sub-folders that hold a DICOM series; if it
    holds a series itself, it is one scan. A folder in gives a folder out, same file names; a
    series folder NAME becomes NAME.nii.gz. One scan may go to a file or into a folder. Whether a
    file is there and can be read is found out when its turn comes.

    Raises:
        BadInputError: a folder without scans, several scans for one output.
    """
    sources = [Path(item) for item in inputs]
    scans = [scan for source in sources for scan in _scans(source)]
    target = Path(output)
    one_file = target.name.lower().endswith(_LABEL_MAP_SUFFIXES) and not target.is_dir()
    if one_file and len(scans) == 1:
        return [Case(scans[0], target)]
    if one_file:
        raise BadInputError(
            f"There are {len(scans)} scans for the one output {target.name}.",
            "Give a folder with --output.",
        )
    if target.suffix and not target.is_dir() and len(sources) == 1 and not sources[0].is_dir():
        raise BadInputError(
            f"The output {target.name} is neither a folder nor a label map.",
            f"Use a name that ends in {', '.join(_LABEL_MAP_SUFFIXES)}, or a folder.",
        )
    cases = [Case(scan, target / _output_name(scan)) for scan in scans]
    taken: dict[Path, Path] = {}
    for case in cases:
        if case.output in taken:
            raise BadInputError(
                f"Two scans would be written to {case.output.name}.",
                "Run them one after the other with different output folders.",
            )
        taken[case.output] = case.input
    return cases


def is_dicom_folder(folder: Path) -> bool:
    """True if one of the folder's first files is DICOM by its mark or its suffix."""
    files = (path for path in sorted(folder.iterdir()) if path.is_file())
    return any(_is_dicom(path) for path, _ in zip(files, range(_DICOM_LOOKED_AT), strict=False))


def _is_dicom(path: Path) -> bool:
    if path.suffix.lower() == ".dcm":
        return True
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False  # no scan that we could read


def _scans(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    try:
        volumes = [path for path in sorted(source.iterdir()) if _suffix(path) and path.is_file()]
        if not volumes and is_dicom_folder(source):
            return [source]
        folders = [p for p in sorted(source.iterdir()) if p.is_dir() and not p.name.startswith(".")]
        scans = [*volumes, *(folder for folder in folders if is_dicom_folder(folder))]
    except OSError as error:
        raise BadInputError(
            f"The folder {source.name} cannot be read: {error.strerror}."
        ) from error
    if not scans:
        raise BadInputError(
            f"The folder {source.name} holds no scan.",
            f"Give a file ({', '.join(_SUFFIXES)}), a folder of such files, or a DICOM folder.",
        )
    return scans


def _suffix(path: Path) -> str | None:
    """The volume suffix of a file name, None for other and for hidden files."""
    if path.name.startswith("."):
        return None
    return next((suffix for suffix in _SUFFIXES if path.name.lower().endswith(suffix)), None)


def _output_name(scan: Path) -> str:
    suffix = None if scan.is_dir() else _suffix(scan)
    if suffix is None:
        return f"{scan.resolve().name}.nii.gz"
    return scan.name[: -len(suffix)] + _SUFFIXES[suffix]
