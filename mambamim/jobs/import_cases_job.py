"""The job "import_cases": labelled scans of a folder or a data set's list become cases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mambamim.errors import BadInputError, Cancelled
from mambamim.inference.parameters import a_path, a_text, paths, read_parameters
from mambamim.jobs.context import JobContext

if TYPE_CHECKING:
    from mambamim.data.scan_source import ScanSource
    from mambamim.finetuning.label_scheme import LabelScheme
    from mambamim.project import Project

_READERS = {"project": a_path, "data": paths, "labels": a_path, "modality": a_text}
_LIST = "dataset.json"


def run(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Copy labelled scans into a project. Classes that it does not have are added to it.

    Args:
        parameters: `project` and `data` (folders with images/ and labels/, nnU-Net folders,
            Decathlon lists); optional `labels` (a JSON file that says what label values are; where
            nothing says it, they become "label_1", ...) and `modality` ("auto", "CT", "MR").
        context: of the job.

    Returns:
        `added` (ids) and `skipped` (a sentence each, with the name of the file).

    Raises:
        BadInputError: no labelled scans, or regions that overlap, or the disk is full.
        Cancelled: the cases added so far stay.
    """
    asked = read_parameters(parameters, _READERS, ("project", "data"))
    context.progress(0.0, "looking for scans")
    from mambamim.data.scan_lists import find_scans
    from mambamim.project import Project

    project = Project.open(asked["project"])
    scans = find_scans(asked["data"], asked.get("modality", "auto"))
    labelled = [scan for scan in scans if scan.label is not None]
    if not labelled:
        raise BadInputError(
            f"None of the {len(scans)} scans has a label map.",
            "Give a folder with images/ and labels/ whose files bear the same names, an nnU-Net "
            "folder, or a Decathlon dataset.json.",
        )
    scheme = _scheme(asked.get("labels"), asked["data"])
    added: list[str] = []
    skipped: list[str] = []
    for number, scan in enumerate(labelled):
        message = f"adding case {number + 1} of {len(labelled)}"
        try:
            for share, made in _add(project, scan, scheme):
                if context.cancelled():
                    raise Cancelled(f"Cancelled; {len(added)} cases were added.")
                context.progress((number + share) / len(labelled), message)
                added += [made] if made else []
        except BadInputError as error:
            skipped.append(f"{scan.image.name}: {error}")
    if not added and skipped:
        raise BadInputError(f"No case could be added; the first one, {skipped[0]}")
    context.progress(1.0, "done")
    return {"added": added, "skipped": skipped}


def _scheme(labels: Path | None, data: tuple[Path, ...]) -> LabelScheme | None:
    """What label values are; None where nothing says it."""
    from mambamim.finetuning.label_scheme import read_scheme

    lists = [place / _LIST if place.is_dir() else place for place in data]
    named = [labels] if labels else [p for p in lists if p.suffix == ".json" and p.is_file()]
    if not named:
        return None
    scheme = read_scheme(named[0])
    if scheme.regions is not None:
        raise BadInputError(
            "A project has classes that exclude each other, and these labels are regions.",
            "Train on them with `mambamim finetune`.",
        )
    return scheme


def _add(
    project: Project, scan: ScanSource, scheme: LabelScheme | None
) -> Iterator[tuple[float, str]]:
    """Add a scan; yields the share of the work done and, last, the id of the case."""
    from mambamim.data.intensity import guess_modality
    from mambamim.data.volume import read_volume

    assert scan.label is not None
    volume, labels = read_volume(scan.image), read_volume(scan.label)
    yield 0.2, ""
    array = np.rint(labels.array).astype(np.int32)
    if not np.array_equal(array, labels.array):
        raise BadInputError(f"{scan.label.name} holds other than whole numbers.")
    if array.shape != volume.array.shape or _off(volume.affine, labels.affine, array.shape) > 0.1:
        raise BadInputError("Its label map does not lie on its grid.", "Resample it onto the scan.")
    values, absent = _meaning(array, scan.image.name, scheme)
    new = [n for n in dict.fromkeys(values.values()) if n not in ("background", "unknown")]
    listed = [*scheme.classes] if scheme else []
    classes = list(dict.fromkeys([*project.classes, *(n for n in listed if n in new or n in absent),
                                  *new]))  # fmt: skip
    if classes != project.classes:
        project.set_classes(classes)
    modality = scan.modality or guess_modality(volume.array)
    steps = project.add_case_steps(volume.array, array, volume.affine, values, modality, absent)
    for told in steps:
        if isinstance(told, float):
            yield 0.2 + 0.8 * told, ""
        else:
            yield 1.0, told.id


def _meaning(
    array: np.ndarray, image: str, scheme: LabelScheme | None
) -> tuple[dict[int, str], tuple[str, ...]]:
    """Value -> class of the values that are there, and the classes that were not labelled."""
    found = [int(value) for value in np.unique(array) if value]
    if scheme is None:
        return {value: f"label_{value}" for value in found}, ()
    strange = [value for value in found if value not in scheme.values]
    if strange:
        raise BadInputError(f"Its label map holds the value {strange[0]}, which has no name.")
    return {value: scheme.values[value] for value in found}, scheme.unlabelled.get(image, ())


def _off(one: np.ndarray, other: np.ndarray, shape: tuple[int, ...]) -> float:
    """The largest distance of a corner in the two grids, in sides of the smallest voxel."""
    ends = np.array(np.meshgrid(*((0, size - 1) for size in shape), [1])).reshape(4, -1)
    apart = np.linalg.norm((one - other) @ ends, axis=0).max()
    return float(apart / np.linalg.norm(one[:3, :3], axis=0).min())
