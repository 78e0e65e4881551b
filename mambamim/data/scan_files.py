"""What on a disk is a scan: volume files by their suffix, DICOM series by their folder."""

from __future__ import annotations

from pathlib import Path

from mambamim.errors import BadInputError

VOLUME_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
_DICOM_LOOKED_AT = 16  # files of a folder; a series folder shows itself in its first ones


def volume_suffix(path: Path) -> str | None:
    """The volume suffix of a file name, None for other and for hidden files."""
    if path.name.startswith("."):
        return None
    return next((suffix for suffix in VOLUME_SUFFIXES if path.name.lower().endswith(suffix)), None)


def scans_at(place: Path) -> list[Path]:
    """The scans that a path stands for.

    A folder stands for the volumes in it and for its sub-folders that hold a DICOM series; if it
    holds a series itself, it is one scan. Anything else stands for itself, there or not.

    Raises:
        BadInputError: a folder without scans, or one that cannot be read.
    """
    if not place.is_dir():
        return [place]
    try:
        inside = sorted(place.iterdir())
        volumes = [path for path in inside if volume_suffix(path) and path.is_file()]
        if not volumes and is_dicom_folder(place):
            return [place]
        folders = [path for path in inside if path.is_dir() and not path.name.startswith(".")]
        scans = [*volumes, *(folder for folder in folders if is_dicom_folder(folder))]
    except OSError as error:
        raise BadInputError(f"The folder {place.name} cannot be read: {error.strerror}.") from error
    if not scans:
        raise BadInputError(
            f"The folder {place.name} holds no scan.",
            f"Give a file ({', '.join(VOLUME_SUFFIXES)}), a folder of such files, or a DICOM"
            " folder. Sub-folders are not looked into.",
        )
    return scans


def is_dicom_folder(folder: Path) -> bool:
    """True if one of the folder's first files is DICOM by its mark or its suffix."""
    files = (path for path in sorted(folder.iterdir()) if path.is_file())
    return any(is_dicom(path) for path, _ in zip(files, range(_DICOM_LOOKED_AT), strict=False))


def is_dicom(path: Path) -> bool:
    """True if a file is DICOM by its suffix or its mark."""
    if path.suffix.lower() == ".dcm":
        return True
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False  # no scan that we could read
