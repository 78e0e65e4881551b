"""A scan and its labels become the files of a case, slice by slice."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mambamim.data.png import write_png
from mambamim.errors import BadInputError
from mambamim.project.case import MODALITIES, CaseRecord, StoredFile, case_files
from mambamim.project.nifti_file import write_nifti_steps
from mambamim.project.thumbnail import draw_thumbnail

_READING, _WRITING = 0.3, 0.95  # shares of the work


@dataclass(frozen=True)
class NewCase:
    """What is to become a case.

    Attributes:
        image: (I, J, K), real numbers; HU in CT.
        labels: (I, J, K), whole numbers.
        affine: (4, 4), voxel to RAS mm.
        table: value in `labels` -> value in the label map.
        names: value in the label map -> class.
        modality: "CT" or "MR".
    """

    image: np.ndarray
    labels: np.ndarray
    affine: np.ndarray
    table: dict[int, int]
    names: dict[int, str]
    modality: str

    def __post_init__(self) -> None:
        if self.modality not in MODALITIES:
            raise BadInputError(f"There is no modality {self.modality!r:.20}.", "Use CT or MR.")
        if self.image.ndim != 3 or self.image.dtype.kind not in "iufb" or not self.image.size:
            raise BadInputError("The scan is no volume of one real number a voxel.")
        if self.labels.shape != self.image.shape:
            sides = [" x ".join(map(str, a.shape)) for a in (self.labels, self.image)]
            raise BadInputError(
                f"The labels have {sides[0]} voxels and the scan {sides[1]}.",
                "Labels must lie on their scan's grid.",
            )
        if self.labels.dtype.kind not in "iub":
            raise BadInputError(f"Labels are whole numbers, not {self.labels.dtype}.")
        affine = self.affine
        sound = affine.shape == (4, 4) and np.isfinite(affine).all()
        if not sound or abs(np.linalg.det(affine[:3, :3])) < 1e-9 or max(affine.shape) > 32767:
            raise BadInputError("The scan's affine gives its voxels no volume.")


def fingerprint_steps(image: np.ndarray) -> Generator[float, None, tuple[str, str]]:
    """Find how a scan is stored, and what stands for its voxels.

    Args:
        image: (I, J, K); whole numbers that fit are stored as int16, whatever their type.

    Yields:
        The share of the work done.

    Returns:
        The type to store, and the SHA-256 of the voxels, hexadecimal.

    Raises:
        BadInputError: no voxel is finite.
    """
    count = image.shape[2]
    whole, low, high = True, np.inf, -np.inf
    for k in range(count):
        part = image[:, :, k]
        if part.dtype.kind == "f":
            finite = part[np.isfinite(part)]
            whole = whole and finite.size == part.size and bool((finite == np.rint(finite)).all())
            part = finite
        if part.size:
            low, high = min(low, float(part.min())), max(high, float(part.max()))
        yield _READING * k / count / 2
    if low > high:
        raise BadInputError("The scan holds no finite number.", "Choose another volume.")
    kind = "float32"
    if whole and low >= -32768 and high <= 32767:
        kind = "int16"
    elif whole and image.dtype.kind in "iu" and low >= -(2**31) and high < 2**31:
        kind = "int32"
    digest = hashlib.sha256(f"{kind} {image.shape}".encode())
    little = np.dtype(kind).newbyteorder("<")
    for k in range(count):
        digest.update(image[:, :, k].astype(little).tobytes(order="F"))
        yield _READING * (0.5 + k / count / 2)
    return kind, digest.hexdigest()


def write_case_steps(
    folder: Path,
    new: NewCase,
    id: str,  # noqa: A002
    kind: str,
    sha256: str,
) -> Generator[float, None, CaseRecord]:
    """Write the files of a case; on any failure, and when it is closed early, none is left.

    Args:
        folder: of the project.
        new: the case.
        id: its id.
        kind: type to store the scan in.
        sha256: of its voxels.

    Yields:
        The share of the work done.

    Returns:
        The case: of "train", with nothing unknown.

    Raises:
        BadInputError: labels without a name, or the disk is full.
    """
    image, label, thumbnail = case_files(folder, id)
    shape = (int(new.image.shape[0]), int(new.image.shape[1]), int(new.image.shape[2]))
    stored: list[StoredFile] = []
    counts = np.zeros(256, np.int64)
    mapped = np.zeros(shape, np.uint8, order="F")
    try:
        for k in range(shape[2]):
            mapped[:, :, k] = _mapped(new, k)
            counts += np.bincount(mapped[:, :, k].ravel(), minlength=256)
            yield _READING
        parts = ((image, new.image, kind), (label, mapped, "uint8"))
        for number, (path, array, type_) in enumerate(parts):
            slices = [array[:, :, k] for k in range(shape[2])]
            share = (number / len(parts), 1 / len(parts))
            file = yield from _in_parts(
                write_nifti_steps(path, slices, type_, shape, new.affine), len(slices), *share
            )
            stored.append(file)
        picture = draw_thumbnail(new.image, mapped, new.affine, new.names, new.modality)
        write_png(thumbnail, picture)
        return CaseRecord(
            id,
            new.modality,
            shape,
            tuple(map(tuple, new.affine.astype(np.float64).tolist())),
            {int(value): int(counts[value]) for value in np.flatnonzero(counts) if value},
            (),
            "train",
            sha256,
            stored[0],
            stored[1],
        )
    except BaseException:  # a generator that is closed included
        remove_files(folder, id)
        raise


def _in_parts(
    steps: Generator[None, None, StoredFile], count: int, start: float, share: float
) -> Generator[float, None, StoredFile]:
    """The same steps, telling the share of the work done."""
    number = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            file: StoredFile = end.value
            return file
        number += 1
        yield _READING + (_WRITING - _READING) * (start + share * number / count)


def remove_files(folder: Path, id: str) -> None:  # noqa: A002
    """Delete the files of a case, as far as they are there."""
    for path in case_files(folder, id):
        path.unlink(missing_ok=True)


def _mapped(new: NewCase, k: int) -> np.ndarray:
    part = new.labels[:, :, k]
    found = np.unique(part).tolist()
    strange = [value for value in found if value and int(value) not in new.table]
    if strange:
        raise BadInputError(
            f"The labels hold the value {strange[0]}, which has no name.",
            'Name its class, or "background" or "unknown".',
        )
    mapped = np.zeros(part.shape, np.uint8)
    for value in found:
        if value:
            mapped[part == value] = new.table[int(value)]
    return mapped
