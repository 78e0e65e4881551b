"""One labelled case of a public data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PresetCase:
    """A case as it lies on the disk; nothing of it has been read.

    Attributes:
        name: as the data set calls it.
        images: one file a channel, in the order of the preset's `channels`.
        label: its label map, with the values of the data set.
        part: "train", "validation" or "test" where the data set itself says so.
    """

    name: str
    images: tuple[Path, ...]
    label: Path
    part: str | None = None
