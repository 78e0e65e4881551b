"""One scan that a user named, and what stands for it on a disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mambamim.errors import BadInputError


@dataclass(frozen=True)
class ScanSource:
    """One scan that a user named.

    Attributes:
        image: a volume file or a folder with a DICOM series; with `joined` that of the first
            channel, or a NIfTI file whose fourth axis is the channel.
        label: its label map, if there is one.
        modality: "CT" or "MR"; None where nobody said, and its values decide when it is read.
        more: files of further channels, in order.
        channels: what the channels are called, where a list says so and there are several.
        joined: whether it may have several channels.
        content: stands for what the files hold, where somebody knows it; "" where nobody does.
    """

    image: Path
    label: Path | None = None
    modality: str | None = None
    more: tuple[Path, ...] = ()
    channels: tuple[str, ...] = ()
    joined: bool = False
    content: str = ""

    @property
    def key(self) -> str:
        """16 hex digits that stand for these files as they are now.

        Of `content`, else of absolute paths, sizes and times of change, by SHA-256. File names may
        hold patients' names, so what is kept of a scan on a disk is named by this.

        Raises:
            BadInputError: a file is not there any more.
        """
        if self.content:
            return hashlib.sha256(self.content.encode()).hexdigest()[:16]
        digest = hashlib.sha256()
        for place in (self.image, self.label, *self.more):
            digest.update(b"\1" if place is None else _fingerprint(place))
        return digest.hexdigest()[:16]


def _fingerprint(place: Path) -> bytes:
    """Absolute path, size and time of change of a file, or of all files in a folder."""
    lines = []
    try:
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for file in files:
            state = file.stat()
            if not file.is_dir():
                lines.append(f"{file.absolute()}\0{state.st_size}\0{state.st_mtime_ns}\0")
    except OSError as error:
        raise BadInputError(
            f"{place.name} cannot be read: {error.strerror}.",
            "Check the path and your rights to it.",
        ) from error
    return "".join(lines).encode("utf-8", "surrogateescape")
