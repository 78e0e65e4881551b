"""Which scans a command line names, and where their label maps go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mambamim.data.channel_names import case_of, channel_files
from mambamim.data.scan_files import is_dicom_folder, scans_at, volume_suffix
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
    """One scan of a batch: a volume file or a folder with a DICOM series, and its label map.

    Attributes:
        input: the scan, or its first channel.
        output: its label map.
        channels: files of further channels.
    """

    input: Path
    output: Path
    channels: tuple[Path, ...] = ()


def plan_batch(
    inputs: Iterable[str | Path], output: str | Path, channels: bool = False
) -> list[Case]:
    """The scans behind `inputs`, each with its output.

    A folder stands for the scans in it, as `scans_at` finds them. A folder in gives a folder out,
    same file names; a series folder NAME becomes NAME.nii.gz. One scan may go to a file or into a
    folder. Whether a file is there and can be read is found out when its turn comes.

    Args:
        inputs: files and folders.
        output: a label map or a folder.
        channels: the files are channels: those named as `inputs` of one scan, in that order; in a
            folder CASE_0000, CASE_0001, ... of CASE, whose label map gets that name.

    Raises:
        BadInputError: a folder without scans, several scans for one output, channels that are not
            all there.
    """
    sources = [Path(item) for item in inputs]
    groups = (
        _channels_of(sources)
        if channels
        else [[scan] for source in sources for scan in scans_at(source)]
    )
    more = {files[0]: tuple(files[1:]) for files in groups}
    scans = [files[0] for files in groups]
    target = Path(output)
    one_file = target.name.lower().endswith(_LABEL_MAP_SUFFIXES) and not target.is_dir()
    if one_file and len(scans) == 1:
        return [Case(scans[0], target, more[scans[0]])]
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
    cases = [Case(scan, target / _output_name(scan, channels), more[scan]) for scan in scans]
    taken: dict[Path, Path] = {}
    for case in cases:
        if case.output in taken:
            raise BadInputError(
                f"Two scans would be written to {case.output.name}.",
                "Run them one after the other with different output folders.",
            )
        taken[case.output] = case.input
    return cases


def _channels_of(sources: list[Path]) -> list[list[Path]]:
    """The files of each scan, a channel each."""
    folders = [source for source in sources if source.is_dir() and not is_dicom_folder(source)]
    if not folders:
        return [sources]
    if len(folders) < len(sources):
        raise BadInputError(
            "Of --channels, some inputs are files and some are folders.",
            "Name the channels of one scan, or folders with CASE_0000.nii.gz, CASE_0001.nii.gz.",
        )
    return [files for folder in folders for files in channel_files(scans_at(folder))]


def _output_name(scan: Path, channels: bool) -> str:
    suffix = None if scan.is_dir() else volume_suffix(scan)
    if suffix is None:
        return f"{scan.resolve().name}.nii.gz"
    name = case_of(scan)[0] if channels else scan.name[: -len(suffix)]
    return name + _SUFFIXES[suffix]
