"""Segment a scan from file to file: what the command line and the worker both do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from mambamim.catalogue import record_seconds
from mambamim.data.arrays import write_array
from mambamim.data.channels import channels_array, read_channels
from mambamim.data.picture import write_overlay
from mambamim.data.statistics import OrganStatistics, organ_statistics, write_statistics
from mambamim.data.volume import Volume, write_label_map
from mambamim.errors import BadInputError
from mambamim.inference.checks import ChannelsError
from mambamim.inference.outputs import check_pictures, check_writable, nothing_left, stop_if
from mambamim.inference.segment_task import SegmentTask, side_files

__all__ = ["SegmentOutcome", "SegmentTask", "SegmenterLike", "check_writable", "segment_file"]

Progress = Callable[[float, str], None]
Cancel = Callable[[], bool]


@dataclass(frozen=True)
class SegmentOutcome:
    """What became of a task.

    Attributes:
        output: the label map.
        statistics: a row an organ, empty if skipped.
        seconds: from reading to the last file written.
        skipped: True if `output` was there already and nothing was done.
        runtime: what `Segmenter.describe()` says: device, runtime, notes.
        files: what was written, the label map last.
    """

    output: Path
    statistics: tuple[OrganStatistics, ...] = ()
    seconds: float = 0.0
    skipped: bool = False
    runtime: dict[str, Any] | None = None
    files: tuple[Path, ...] = ()


@runtime_checkable
class SegmenterLike(Protocol):
    """What `segment_file` needs of a segmenter; `mambamim.Segmenter` is one."""

    labels: dict[int, str]

    def describe(self) -> dict[str, Any]:
        """Device, runtime and notes."""

    def segment(
        self,
        volume: np.ndarray,
        affine: np.ndarray,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
        *,
        quality: str = "full",
        roi: np.ndarray | None = None,
        organs: Sequence[str] | None = None,
        keep_largest: bool = False,
        preview: Callable[[np.ndarray], None] | None = None,
    ) -> np.ndarray:
        """Labels (D, H, W) of `volume`, of that shape, or (C, D, H, W) of several channels."""


def segment_file(
    task: SegmentTask,
    segmenter: SegmenterLike | Callable[[], SegmenterLike],
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    preview: Callable[[Path], None] | None = None,
) -> SegmentOutcome:
    """Read, segment and write one scan; on failure or cancel none of its files is left behind.

    Args:
        task: what to do.
        segmenter: one, or a function that gives one, called once the input has been read: bad input
            is told before a network is loaded.
        progress: told the fraction done (0..1) and what is being done.
        cancel: asked now and then; True stops the work.
        preview: told the path of the coarse result once it is there, if `task.preview` is set.

    Raises:
        BadInputError: the input cannot be read, or a place cannot be written to.
        Cancelled: `cancel` said so.
    """
    started = time.monotonic()
    report, stop = progress or (lambda fraction, message: None), cancel or (lambda: False)
    if task.output.is_file() and not task.overwrite:
        report(1.0, "exists already")
        return SegmentOutcome(task.output, skipped=True)
    report(0.0, "reading")
    affine = None if task.affine is None else np.asarray(task.affine, np.float64)
    channels = read_channels((task.input, *task.channels), affine)
    volume = channels[0]  # what is written lies on its grid, and statistics are of it
    for place in task.places():
        check_writable(place)
    if task.picture is not None:
        check_pictures()
    stop_if(stop)
    ready = segmenter if isinstance(segmenter, SegmenterLike) else segmenter()
    names = _wanted(ready.labels, task.organs)
    with nothing_left(task.places(), side_files) as written, _naming(task.input):
        labels = ready.segment(
            channels_array(channels),
            volume.affine,
            lambda fraction, message: report(0.03 + 0.9 * fraction, message),
            stop,
            quality=task.quality,
            roi=None if task.roi is None else np.asarray(task.roi, np.float64),
            organs=None if task.organs is None else list(task.organs),
            keep_largest=task.keep_largest,
            preview=_preview_writer(task, volume, names, written, preview),
        )
        rows = organ_statistics(volume.array, labels, volume.affine, names)
        _write(task, volume, labels, names, rows, written, report, stop)
    seconds = time.monotonic() - started
    described = dict(ready.describe())
    if task.quality == "full" and task.roi is None and Path(task.model).name == task.model:
        record_seconds(task.model, _machine(described), seconds)
    report(1.0, "done")
    return SegmentOutcome(task.output, tuple(rows), seconds, False, described, tuple(written))


@contextmanager
def _naming(scan: Path) -> Iterator[None]:
    """A segmenter knows no file names; a person does."""
    try:
        yield
    except ChannelsError as error:
        raise BadInputError(f"{scan.name}: {error.message}", error.hint) from error


def _write(
    task: SegmentTask,
    volume: Volume,
    labels: np.ndarray,
    names: dict[int, str],
    rows: list[OrganStatistics],
    written: list[Path],
    report: Progress,
    stop: Cancel,
) -> None:
    """Write what was asked for, the label map last: where it exists, the task is done."""
    stop_if(stop)
    report(0.94, "writing")
    if task.statistics is not None:
        write_statistics(task.statistics, rows)
        written.append(task.statistics)
    if task.picture is not None:
        write_overlay(task.picture, volume.array, labels, volume.affine, names)
        written.append(task.picture)
    stop_if(stop)
    _write_labels(task.output, labels, volume, names)
    written.append(task.output)
    stop_if(stop)  # asked for while the file was written: it goes again


def _write_labels(place: Path, labels: np.ndarray, volume: Volume, names: dict[int, str]) -> None:
    if place.suffix.lower() == ".npy":
        write_array(place, labels)
    else:
        write_label_map(place, labels, volume, names)


def _preview_writer(
    task: SegmentTask,
    volume: Volume,
    names: dict[int, str],
    written: list[Path],
    tell: Callable[[Path], None] | None,
) -> Callable[[np.ndarray], None] | None:
    if task.preview is None:
        return None
    place = task.preview

    def write(labels: np.ndarray) -> None:
        _write_labels(place, labels, volume, names)
        written.append(place)
        if tell is not None:
            tell(place)

    return write


def _wanted(labels: dict[int, str], organs: tuple[str, ...] | None) -> dict[int, str]:
    return {value: name for value, name in labels.items() if organs is None or name in organs}


def _machine(described: dict[str, Any]) -> str:
    return " ".join(str(described[key]) for key in ("device", "runtime") if described.get(key))
