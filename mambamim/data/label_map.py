"""Label maps to files: on the grid of the scan, with the names and colours beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from mambamim.catalogue.terminology import Term, term
from mambamim.data.nifti import write_nifti
from mambamim.data.raw_images import write_mha, write_nrrd
from mambamim.data.segmentation import segmentation_fields
from mambamim.data.statistics import voxel_counts
from mambamim.errors import BadInputError
from mambamim.files import atomic_path

if TYPE_CHECKING:
    from mambamim.data.volume import Volume

_SUFFIXES = (".seg.nrrd", ".nii.gz", ".nii", ".nrrd", ".mha")
_Writer = Callable[[IO[bytes]], None]


def write_label_map(
    path: str | Path, labels_array: np.ndarray, like: Volume, labels: dict[int, str]
) -> None:
    """Write labels on the grid, affine and orientation of a scan.

    A plain label map comes with STEM.labels.json (names, SNOMED CT codes, colours) and STEM.ctbl
    (Slicer's colour table); a .seg.nrrd carries all of it itself. All files come to be or none.

    Args:
        path: .nii.gz, .nii, .nrrd, .mha or .seg.nrrd; missing folders are made.
        labels_array: (I, J, K) integers 0..65535, the shape of `like.array`; 0 is background.
        like: the scan, as `read_volume` gave it.
        labels: value -> class name; a value without one is called label_VALUE.

    Raises:
        BadInputError: another suffix, another shape, no integers, or the place cannot be written.
    """
    path = Path(path)
    suffix = next((end for end in _SUFFIXES if path.name.lower().endswith(end)), None)
    if suffix is None or len(path.name) == len(suffix):
        raise BadInputError(
            f"{path.name} is not a name for a label map.", f"End it with {', '.join(_SUFFIXES)}."
        )
    array = _checked(labels_array, like, labels)
    terms = _terms(array, labels)
    files = {path: _image_writer(suffix, array, like, terms)}
    if suffix != ".seg.nrrd":
        stem = path.name[: -len(suffix)]
        files[path.with_name(f"{stem}.labels.json")] = _text_writer(_json(terms))
        files[path.with_name(f"{stem}.ctbl")] = _text_writer(_colour_table(terms))
    with ExitStack() as stack:  # all are written before the first one takes its place
        for place, write in files.items():
            temporary = stack.enter_context(atomic_path(place))
            with temporary.open("wb") as stream:
                write(stream)


def _checked(array: np.ndarray, like: Volume, labels: dict[int, str]) -> np.ndarray:
    """The labels as uint8, or uint16 where a value is above 255."""
    if array.shape != like.array.shape:
        raise BadInputError(
            f"The labels have {array.shape} voxels and the scan {like.array.shape}.",
            "Both must have the same grid.",
        )
    if array.dtype.kind not in "iub":
        raise BadInputError("Labels must be whole numbers.", "Round them, 0 is background.")
    low, high = int(array.min()), max(int(array.max()), *labels, 0)
    if low < 0 or min(labels, default=1) < 1 or high > np.iinfo(np.uint16).max:
        raise BadInputError(f"Labels run from {low} to {high}.", "Use 0 to 65535, 0 is background.")
    return array.astype(np.uint8 if high <= np.iinfo(np.uint8).max else np.uint16, copy=False)


def _terms(array: np.ndarray, labels: dict[int, str]) -> dict[int, Term]:
    present = np.flatnonzero(voxel_counts(array)).tolist()
    values = sorted({*labels, *present} - {0})
    return {value: term(labels.get(value, f"label_{value}")) for value in values}


def _image_writer(suffix: str, array: np.ndarray, like: Volume, terms: dict[int, Term]) -> _Writer:
    grid = like.source
    if suffix == ".seg.nrrd":
        fields = segmentation_fields(array, terms)
        return lambda stream: write_nrrd(stream, array, grid.lps_frame(), fields)
    if suffix == ".nrrd":
        return lambda stream: write_nrrd(stream, array, grid.lps_frame())
    if suffix == ".mha":
        return lambda stream: write_mha(stream, array, grid.lps_frame())
    return lambda stream: write_nifti(stream, array, grid, compress=suffix == ".nii.gz")


def _text_writer(text: str) -> _Writer:
    return lambda stream: (stream.write(text.encode()), None)[1]


def _json(terms: dict[int, Term]) -> str:
    def coded(code: tuple[str, str] | None) -> dict[str, str] | None:
        return None if code is None else {"scheme": "SCT", "code": code[0], "meaning": code[1]}

    content = {
        str(value): {
            "name": item.name,
            "title": item.title,
            "colour": list(item.colour),
            "category": coded(item.category),
            "type": coded(item.type),
            "modifier": coded(item.modifier),
        }
        for value, item in terms.items()
    }
    return json.dumps(content, indent=2) + "\n"


def _colour_table(terms: dict[int, Term]) -> str:
    """Slicer's .ctbl: value, name without spaces, red, green, blue, opacity (0..255)."""
    lines = ["# Color table: value name red green blue opacity", "0 background 0 0 0 0"]
    for value, item in terms.items():
        name = re.sub(r"\s+", "_", item.name)
        lines.append(" ".join(map(str, (value, name, *item.colour, 255))))
    return "\n".join(lines) + "\n"
