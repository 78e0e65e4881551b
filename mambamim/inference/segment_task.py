"""What one segmentation is asked to do, and what is refused about it before any work."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mambamim.errors import BadInputError
from mambamim.inference.parameters import (
    Reader,
    a_flag,
    a_path,
    a_text,
    check_array_affine,
    or_none,
    paths,
    read_parameters,
    rows,
    texts,
)

OUTPUT_SUFFIXES = (".nii.gz", ".nii", ".seg.nrrd", ".nrrd", ".mha", ".npy")
DEFAULT_MODEL = "abdomen-small"
_READERS: dict[str, Reader] = {
    "input": a_path,
    "output": a_path,
    "channels": paths,
    "affine": or_none(rows),
    "model": a_text,
    "device": a_text,
    "runtime": a_text,
    "quality": a_text,
    "roi": or_none(rows),
    "organs": or_none(texts),
    "keep_largest": a_flag,
    "statistics": or_none(a_path),
    "picture": or_none(a_path),
    "preview": or_none(a_path),
    "overwrite": a_flag,
}


@dataclass(frozen=True)
class SegmentTask:
    """One scan to segment.

    Attributes:
        input: a volume file or a DICOM folder, or a .npy array with `affine`.
        output: the label map to write, named with one of `OUTPUT_SUFFIXES`; .npy is a bare array.
        channels: files of the same scan's further channels, in the model's order; a NIfTI file
            with a fourth axis holds all channels itself.
        affine: of a .npy input, 4x4 rows, voxel (i, j, k) to RAS mm; None for all other files.
        model: name in the catalogue, or path of a checkpoint.
        device: as `Segmenter` takes it: "auto", "cpu", "cuda", "cuda:1", "mps".
        runtime: as `Segmenter` takes it: "auto", "torch", "openvino", "openvino-bf16".
        quality: "full", or "coarse" (3 mm, seconds).
        roi: two opposite corners (R, A, S) of a box in mm; None for the whole scan.
        organs: names of the classes wanted; None for all.
        keep_largest: keep each organ's largest connected piece only.
        statistics: a .csv file for the organs' volumes and intensities, None for none.
        picture: a .png file for an overview, None for none.
        preview: a label map file for the coarse result that is there first, None for none.
        overwrite: do it again where `output` exists.
    """

    input: Path
    output: Path
    affine: tuple[tuple[float, ...], ...] | None = None
    model: str = DEFAULT_MODEL
    device: str = "auto"
    runtime: str = "auto"
    quality: str = "full"
    roi: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None
    organs: tuple[str, ...] | None = None
    keep_largest: bool = False
    statistics: Path | None = None
    picture: Path | None = None
    preview: Path | None = None
    overwrite: bool = False
    channels: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        _check_suffix("output", self.output, OUTPUT_SUFFIXES)
        _check_suffix("preview", self.preview, OUTPUT_SUFFIXES)
        _check_suffix("statistics", self.statistics, (".csv",))
        _check_suffix("picture", self.picture, (".png",))
        if self.quality not in ("full", "coarse"):
            raise BadInputError(f"The quality '{self.quality}' is unknown.", "Use full or coarse.")
        for place in (self.input, *self.channels):
            check_array_affine(place, self.affine)
        if self.roi is not None and (
            np.shape(self.roi) != (2, 3) or not np.isfinite(np.asarray(self.roi, float)).all()
        ):
            raise BadInputError("The region of interest is not two corners (R, A, S) in mm.")
        places = [os.path.realpath(place) for place in self.places()]
        inputs = {os.path.realpath(place) for place in (self.input, *self.channels)}
        if len({*places, *inputs}) != len(places) + 1 + len(self.channels):
            raise BadInputError(
                f"{self.output.name}: an output has the place of the input or of another output, "
                "or two channels are one file.",
                "Give every file its own name.",
            )

    @classmethod
    def from_parameters(cls, parameters: dict[str, Any]) -> SegmentTask:
        """The task that a job's JSON parameters describe: the attributes by name, paths as text.

        Raises:
            BadInputError: names a parameter that is missing, unknown or of the wrong type.
        """
        return cls(**read_parameters(parameters, _READERS, ("input", "output")))

    def places(self) -> list[Path]:
        """Every file that is asked for."""
        places = (self.output, self.statistics, self.picture, self.preview)
        return [place for place in places if place is not None]


def stem_of(path: Path) -> str:
    """A label map's name without its suffix, of which .nii.gz and .seg.nrrd are one."""
    suffix = next(end for end in (*OUTPUT_SUFFIXES, path.suffix) if path.name.lower().endswith(end))
    return path.name[: len(path.name) - len(suffix)]


def side_files(label_map: Path) -> tuple[Path, Path]:
    """The names and the colour table that `write_label_map` puts beside a plain label map."""
    stem = stem_of(label_map)
    return label_map.with_name(f"{stem}.labels.json"), label_map.with_name(f"{stem}.ctbl")


def _check_suffix(what: str, place: Path | None, suffixes: tuple[str, ...]) -> None:
    if place is not None and not place.name.lower().endswith(suffixes):
        raise BadInputError(
            f"The {what} file {place.name} has no known suffix.", f"Use {' or '.join(suffixes)}."
        )
