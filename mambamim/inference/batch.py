"""Which scans a command line names, and where their label maps go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mambamim.data.scan_files import scans_at, volume_suffix
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


@dataclass(frozen=True)
class Case:
    """One scan of a batch: a volume file or a folder with a DICOM series, and its label map."""

    input: Path
    output: Path


def plan_batch(inputs: Iterable[str | Path], output: str | Path) -> list[Case]:
    """The scans behind `inputs`, each with its output.

    A folder stands for the scans in it, as `scans_at` finds them. A folder in gives a folder out,
    same file names; a series folder NAME becomes NAME.nii.gz. One scan may go to a file or into a
    folder. Whether a file is there and can be read is found out when its turn comes.

    Raises:
        BadInputError: a folder without scans, several scans for one output.
    """
    sources = [Path(item) for item in inputs]
    scans = [scan for source in sources for scan in scans_at(source)]
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


def _output_name(scan: Path) -> str:
    suffix = None if scan.is_dir() else volume_suffix(scan)
    if suffix is None:
        return f"{scan.resolve().name}.nii.gz"
    return scan.name[: -len(suffix)] + _SUFFIXES[suffix]
