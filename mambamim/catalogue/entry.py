"""One model of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mambamim.checkpoint_header import read_header
from mambamim.errors import CheckpointError


@dataclass(frozen=True)
class ModelEntry:
    """What a list of models shows.

    Attributes:
        name: what `--model` takes.
        title: one line for a person.
        path: the checkpoint, None where it has to be downloaded first.
        origin: "built-in" or "user".
        kind: "segmentation" or "pretraining".
        modality: "CT" or another DICOM modality.
        labels: class value -> class name.
        size_bytes: of the file.
        licence: of the weights.
        training: facts: data with licences, steps, measured scores and on what.
        measured_seconds: device and runtime -> seconds that the last whole case took there.
        thumbnail: a picture, where there is one.
        url: where it can be downloaded, empty for none.
        sha256: of the file behind `url`, hexadecimal.
        problem: why the file cannot be used, empty for a good one.
    """

    name: str
    title: str = ""
    path: Path | None = None
    origin: str = "user"
    kind: str = "segmentation"
    modality: str = ""
    labels: dict[int, str] = field(default_factory=dict)
    size_bytes: int = 0
    licence: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    measured_seconds: dict[str, float] = field(default_factory=dict)
    thumbnail: Path | None = None
    url: str = ""
    sha256: str = ""
    problem: str = ""

    @property
    def usable(self) -> bool:
        """True if the file is here and its header is sound."""
        return self.path is not None and not self.problem


def entry_from_file(path: Path, origin: str, measured_seconds: dict[str, float]) -> ModelEntry:
    """Read a checkpoint's header; a damaged file gives an entry that says so."""
    size = path.stat().st_size if path.is_file() else 0
    try:
        header = read_header(path)
    except CheckpointError as error:
        return ModelEntry(
            path.stem, path=path, origin=origin, size_bytes=size, problem=error.message
        )
    return ModelEntry(
        name=path.stem,
        title=header.title or header.name,
        path=path,
        origin=origin,
        kind=header.kind,
        modality=header.modality,
        labels=dict(header.labels),
        size_bytes=size,
        licence=header.licence,
        training=dict(header.training),
        measured_seconds=measured_seconds,
    )
