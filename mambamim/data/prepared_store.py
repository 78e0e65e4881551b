"""Scans prepared once for training: on one spacing, in 0..1, compressed, and free of names."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mambamim.data.channels import read_channels
from mambamim.data.crop_places import draw_places
from mambamim.data.intensity import IntensityRule, guess_modality, is_label_map, rule_for
from mambamim.data.label_on_grid import read_label_on
from mambamim.data.orientation import to_ras
from mambamim.data.preparation_cost import Estimate, Spacing, estimate, readable_size, target_grid
from mambamim.data.prepared_case import PreparedCase, blosc2_module, write_case_files
from mambamim.data.scan_source import ScanSource
from mambamim.data.statistics import voxel_counts
from mambamim.data.volume import read_volume
from mambamim.errors import BadInputError, Cancelled
from mambamim.files import atomic_path
from mambamim.inference.network_grid import NetworkGrid

__all__ = ["Estimate", "PreparedCase", "PreparedStore", "estimate", "prepare"]

Progress = Callable[[float, str], None]
Cancel = Callable[[], bool]

_INDEX = "index.json"
_VERSION = 1  # of the files and of what is done to a scan
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreparedStore:
    """A folder with prepared scans.

    Attributes:
        folder: where they are.
        cases: those that were asked for, in that order; of an opened store all.
        skipped: what was left out and why, a sentence each. Only in memory: it has file names.
    """

    folder: Path
    cases: tuple[PreparedCase, ...]
    skipped: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, folder: str | Path) -> PreparedStore:
        """The store that `prepare` left in a folder.

        Raises:
            BadInputError: there is none, it is damaged, or a newer version made it.
        """
        folder = Path(folder)
        try:
            content = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
            version = content["version"]
            if version == _VERSION:
                cases = [PreparedCase.from_json(folder, entry) for entry in content["cases"]]
                return cls(folder, tuple(cases))
        except OSError as error:
            raise BadInputError(
                f"The folder {folder.name} holds no prepared scans.", "Prepare them first."
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInputError(
                f"The list of prepared scans in {folder.name} is damaged.",
                "Delete the folder and prepare the scans again.",
            ) from error
        raise BadInputError(
            f"The prepared scans in {folder.name} are of version {version}, not {_VERSION}.",
            "Delete the folder and prepare the scans again.",
        )


def prepare(
    scans: Sequence[ScanSource],
    folder: str | Path,
    spacing_mm: Spacing = (1.5, 1.5, 1.5),
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> PreparedStore:
    """Prepare scans for training; what was prepared before is not done again.

    A scan is turned to RAS, resampled, brought to 0..1 by the rule of its modality, each channel by
    its own values, and written with its label map as a whole or not at all. A scan that cannot be
    used is told in the log and left out. The folder gets no name, no path and nothing else that
    tells about a patient.

    Args:
        scans: what `find_scans` gave.
        folder: for the store, made if it is missing; it may hold other prepared scans.
        spacing_mm: voxel size along R, A and S, None for each scan's own.
        progress: told the fraction done (0..1) and what is being done.
        cancel: asked now and then; True stops the work.

    Raises:
        BadInputError: no usable scan, a spacing that is none, a damaged store, too little space
            on the disk, or a place that cannot be written to.
        MissingDependencyError: blosc2 is not installed.
        Cancelled: `cancel` said so; what was prepared till then stays.
        OutOfMemoryError: a scan does not fit into memory.
    """
    blosc2_module()
    _check_spacing(spacing_mm)
    report, stop = progress or (lambda fraction, message: None), cancel or (lambda: False)
    folder = Path(folder)
    there = PreparedStore.open(folder).cases if (folder / _INDEX).exists() else ()
    known = {case.key: case for case in there}
    ready = [_ready(scan, known, spacing_mm) for scan in scans]
    _check_disk([s for s, case in zip(scans, ready, strict=True) if not case], folder, spacing_mm)
    cases: list[PreparedCase] = []
    skipped: list[str] = []
    for number, (scan, case) in enumerate(zip(scans, ready, strict=True)):
        report(number / len(scans), f"preparing scan {number + 1} of {len(scans)}")
        if case is None:
            _stop_if(stop)
            try:
                made = _make(scan, spacing_mm)
            except BadInputError as error:
                _LOG.warning("%s is left out: %s", scan.image.name, error)
                skipped.append(f"{scan.image.name}: {error}")
                continue
            _stop_if(stop)
            case = _write(folder, made, known)
        cases.append(case)
    if not cases:
        raise BadInputError(
            f"None of the {len(scans)} scans can be used"
            + (f"; the first one, {skipped[0]}" if skipped else "."),
        )
    report(1.0, "prepared")
    return PreparedStore(folder, tuple(cases), skipped)


@dataclass(frozen=True)
class _Made:
    """A case that is still to be written: its index entry without sizes, and its voxels."""

    entry: dict[str, Any]
    image: np.ndarray
    label: np.ndarray | None
    places: dict[str, np.ndarray]


def _make(scan: ScanSource, spacing_mm: Spacing) -> _Made:
    key = scan.key  # of the files before they are read: what changes later is prepared again
    volumes = read_channels((scan.image, *scan.more)) if scan.joined else (read_volume(scan.image),)
    if scan.modality is None and is_label_map(volumes[0].array):
        raise BadInputError(
            f"{scan.image.name} is a label map, no scan.", "Keep images and labels in two folders."
        )
    turned = [to_ras(volume.array, volume.affine) for volume in volumes]
    array, affine = turned[0]
    rule = rule_for(scan.modality or guess_modality(array))
    grid = target_grid(array.shape, affine, spacing_mm)
    channels = [_scaled(channel, rule, grid, scan.image.name) for channel, _ in turned]
    image = channels[0] if len(channels) == 1 else np.stack(channels)
    count = len(channels)
    del volumes, turned, array, channels
    label = None if scan.label is None else read_label_on(scan.label, scan.image.name, grid, affine)
    counts = None if label is None else voxel_counts(label)
    entry = {
        "key": key,
        "shape": list(grid.shape),
        "spacing_mm": [axis.mm for axis in grid.axes],
        "modality": rule.modality,
        "rule": asdict(rule),
        "labels": counts if counts is None else _present(counts),
        "recipe": _recipe(scan, spacing_mm),
        "channels": count,
    }
    return _Made(entry, image, label, draw_places(image if count == 1 else image.max(0), label))


def _scaled(channel: np.ndarray, rule: IntensityRule, grid: NetworkGrid, name: str) -> np.ndarray:
    """A channel on the training grid, (D, H, W) float16 in 0..1 by its own limits."""
    limits = rule.limits(channel, name)
    resampled = grid.resample(channel, torch.device("cpu")).numpy()
    return rule.apply(resampled, limits).astype(np.float16)


def _write(folder: Path, made: _Made, known: dict[str, PreparedCase]) -> PreparedCase:
    """Write a case, then list it: what the index lists is whole."""
    key = made.entry["key"]
    if known.pop(key, None):
        _write_index(folder, known)
    sizes = write_case_files(folder / key, made.image, made.label, made.places)
    case = PreparedCase.from_json(folder, {**made.entry, "bytes": sizes})
    known[key] = case
    _write_index(folder, known)
    return case


def _write_index(folder: Path, known: dict[str, PreparedCase]) -> None:
    content = {"version": _VERSION, "cases": [case.to_json() for case in known.values()]}
    with atomic_path(folder / _INDEX) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")


def _ready(
    scan: ScanSource, known: dict[str, PreparedCase], spacing_mm: Spacing
) -> PreparedCase | None:
    try:
        case = known.get(scan.key)
    except BadInputError:
        return None  # told when its turn comes
    fits = case is not None and case.recipe == _recipe(scan, spacing_mm) and case.is_whole()
    return case if fits else None


def _recipe(scan: ScanSource, spacing_mm: Spacing) -> dict[str, Any]:
    """All that a prepared scan depends on, besides its files."""
    rules = [rule_for(m) for m in ([scan.modality] if scan.modality else ["CT", "MR"])]
    return {
        "version": _VERSION,
        "spacing_mm": None if spacing_mm is None else [float(mm) for mm in spacing_mm],
        "rules": [asdict(rule) for rule in rules],
    }


def _present(counts: np.ndarray) -> dict[int, int]:
    return {int(value): int(counts[value]) for value in np.flatnonzero(counts) if value > 0}


def _check_spacing(spacing_mm: Spacing) -> None:
    if spacing_mm is None:
        return
    if len(spacing_mm) != 3 or not all(0 < mm < np.inf for mm in spacing_mm):
        raise BadInputError(
            f"A voxel spacing of {tuple(spacing_mm)} mm is none.", "Give three sizes above 0."
        )


def _check_disk(scans: list[ScanSource], folder: Path, spacing_mm: Spacing) -> None:
    wanted = estimate(scans, spacing_mm).disk_bytes
    place = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    free = shutil.disk_usage(place).free
    if wanted > free:
        raise BadInputError(
            f"Preparing may need {readable_size(wanted)} in {folder.name},"
            f" where {readable_size(free)} are free.",
            "Free some space, choose another folder, or take larger voxels.",
        )


def _stop_if(stop: Cancel) -> None:
    if stop():
        raise Cancelled("Cancelled; the scans prepared so far stay for the next time.")
