"""One labelled scan of a project."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mambamim.project.problem import Problem

SPLITS = ("train", "validation")
MODALITIES = ("CT", "MR")
IMAGES, LABELS, THUMBNAILS = "images", "labels", "thumbnails"
_ID = re.compile(r"case-\d{4,9}")
_SHA = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class StoredFile:
    """A file as it was written.

    Attributes:
        bytes: its size.
        sha256: of its content, hexadecimal.
    """

    bytes: int
    sha256: str


@dataclass(frozen=True)
class CaseRecord:
    """What the manifest knows of a case.

    Attributes:
        id: "case-0001"; never given to another case again.
        modality: "CT" or "MR".
        shape: voxels along I, J, K.
        affine: 4x4 rows, voxel (i, j, k) to RAS mm.
        voxels: label value above 0 -> how many voxels have it.
        unknown: names of classes that were not labelled here.
        split: "train" or "validation".
        sha256: of the scan's voxels and shape; equal scans have equal ones.
        image: the scan's file.
        label: the label map's file.
    """

    id: str
    modality: str
    shape: tuple[int, int, int]
    affine: tuple[tuple[float, ...], ...]
    voxels: dict[int, int]
    unknown: tuple[str, ...]
    split: str
    sha256: str
    image: StoredFile
    label: StoredFile

    @property
    def spacing(self) -> tuple[float, float, float]:
        """mm along I, J, K."""
        i, j, k = np.linalg.norm(np.array(self.affine)[:3, :3], axis=0).tolist()
        return i, j, k

    def millilitres(self, count: int) -> float:
        """The volume of so many voxels."""
        return count * abs(float(np.linalg.det(np.array(self.affine)[:3, :3]))) / 1000

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            **vars(self),
            "voxels": {str(value): count for value, count in self.voxels.items()},
            "image": vars(self.image),
            "label": vars(self.label),
        }

    @classmethod
    def from_json(cls, entry: Any) -> CaseRecord:
        """The case of `to_json`.

        Raises:
            KeyError, TypeError, ValueError: it was not made by `to_json`.
        """
        i, j, k = (int(size) for size in entry["shape"])
        affine = np.array(entry["affine"], np.float64)
        record = cls(
            str(entry["id"]),
            str(entry["modality"]),
            (i, j, k),
            tuple(map(tuple, affine.tolist())),
            {int(value): int(count) for value, count in entry["voxels"].items()},
            tuple(str(name) for name in entry["unknown"]),
            str(entry["split"]),
            str(entry["sha256"]),
            StoredFile(int(entry["image"]["bytes"]), str(entry["image"]["sha256"])),
            StoredFile(int(entry["label"]["bytes"]), str(entry["label"]["sha256"])),
        )
        hashes = (record.sha256, record.image.sha256, record.label.sha256)
        good = (
            _ID.fullmatch(record.id)  # it becomes a path, so it must be what it says
            and record.modality in MODALITIES
            and record.split in SPLITS
            and min(record.shape) > 0
            and affine.shape == (4, 4)
            and np.isfinite(affine).all()
            and all(map(_SHA.fullmatch, hashes))
            and all(0 < value < 256 <= 256 * count for value, count in record.voxels.items())
        )
        if not good:
            raise ValueError(record.id)
        return record


@dataclass(frozen=True)
class ProjectCase:
    """A case as a user sees it.

    Attributes:
        id: "case-0001".
        labels: class present -> millilitres.
        shape: voxels along I, J, K.
        spacing: mm along I, J, K.
        affine: (4, 4), voxel (i, j, k) to RAS mm.
        modality: "CT" or "MR".
        split: "train" or "validation".
        unknown: classes that were not labelled here: where nothing is, they may be.
        problems: what is wrong with it.
        image: the scan, a .nii.gz file.
        label: its label map, a .nii.gz file.
        thumbnail: a .png file with the labels over one slice.
        sha256: of the scan's voxels.
    """

    id: str
    labels: dict[str, float]
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    affine: np.ndarray
    modality: str
    split: str
    unknown: frozenset[str]
    problems: tuple[Problem, ...]
    image: Path
    label: Path
    thumbnail: Path
    sha256: str


def case_files(folder: Path, id: str) -> tuple[Path, Path, Path]:  # noqa: A002
    """Where image, label map and thumbnail of a case lie in a project folder."""
    name = f"{id}.nii.gz"
    return folder / IMAGES / name, folder / LABELS / name, folder / THUMBNAILS / f"{id}.png"
