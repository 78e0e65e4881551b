"""Mask and reconstruct a scan from file to file: what the command line and the worker both do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from mambamim.data.reconstruction_picture import (
    Slices,
    take_slices,
    write_ratios,
    write_reconstruction,
)
from mambamim.data.volume import Volume, read_volume, write_volume
from mambamim.files import atomic_path
from mambamim.inference.outputs import check_pictures, check_writable, nothing_left, stop_if
from mambamim.inference.reconstruct_task import VOLUMES, ReconstructTask
from mambamim.inference.report import Cancel, Progress

if TYPE_CHECKING:
    from mambamim.pretraining.reconstruction import Reconstruction


@dataclass(frozen=True)
class RatioScore:
    """How well the masked voxels of one ratio came back.

    Attributes:
        ratio: share of the patches that was asked for.
        share: of the voxels in the box around the body, how many were masked.
        mse: mean squared error over the masked voxels, intensities in 0..1.
        psnr: 10 log10(1 / mse), dB.
        own_moments: whether masked patches have the scan's own mean and deviation, which are not
            predicted.
    """

    ratio: float
    share: float
    mse: float
    psnr: float
    own_moments: bool


@dataclass(frozen=True)
class ReconstructOutcome:
    """What became of a task.

    Attributes:
        scores: one per ratio, in the task's order.
        seconds: from reading to the last file written.
        runtime: what `Reconstructor.describe()` says: model, SHA-256, device.
        files: what was written, the scores last.
    """

    scores: tuple[RatioScore, ...]
    seconds: float
    runtime: dict[str, Any]
    files: tuple[Path, ...]


@runtime_checkable
class ReconstructorLike(Protocol):
    """What `reconstruct_file` needs; `mambamim.Reconstructor` is one."""

    def describe(self) -> dict[str, Any]:
        """Model, SHA-256 and device."""

    def reconstruct(
        self,
        volume: np.ndarray,
        affine: np.ndarray,
        ratio: float,
        seed: int = 0,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> Reconstruction:
        """The masked and reconstructed `volume` (D, H, W)."""


def reconstruct_file(
    task: ReconstructTask,
    reconstructor: ReconstructorLike | Callable[[], ReconstructorLike],
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> ReconstructOutcome:
    """Read, reconstruct and write; on failure or cancel none of the files is left behind.

    Args:
        task: what to do.
        reconstructor: one, or a function that gives one, called once the input has been read: bad
            input is told before a network is loaded.
        progress: told the fraction done (0..1) and what is being done.
        cancel: asked now and then; True stops the work.

    Raises:
        BadInputError: the input cannot be read or used, or a place cannot be written to.
        Cancelled: `cancel` said so.
    """
    started = time.monotonic()
    report, stop = progress or (lambda fraction, message: None), cancel or (lambda: False)
    report(0.0, "reading")
    affine = None if task.affine is None else np.asarray(task.affine, np.float64)
    volume = read_volume(task.input, affine)
    for place in task.places():
        check_writable(place)
    if task.picture:
        check_pictures()
    stop_if(stop)
    ready = reconstructor if isinstance(reconstructor, ReconstructorLike) else reconstructor()
    runtime = dict(ready.describe())
    with nothing_left(task.places()) as written:
        scores, shown = [], []
        for number, ratio in enumerate(task.ratios):
            part = _Part(report, number, len(task.ratios))
            made = ready.reconstruct(volume.array, volume.affine, ratio, task.seed, part, stop)
            part(1.0, "writing")
            _write_volumes(task, volume, made, written, stop)
            scores.append(RatioScore(ratio, made.share, made.mse, made.psnr, made.own_moments))
            if task.picture:
                shown.append(take_slices(volume.array, volume.affine, made))
                del made  # as large as several scans, and the next one comes
        _write_sheets(task, shown, str(runtime.get("model", "")), written, stop)
        _write_scores(task, scores, runtime)
        written.append(task.scores)
        stop_if(stop)  # asked for while the last file was written: all go again
    report(1.0, "done")
    return ReconstructOutcome(tuple(scores), time.monotonic() - started, runtime, tuple(written))


_WORK = 0.85  # of a ratio's time; the rest is writing


class _Part:
    """The progress of one ratio as a part of the whole."""

    def __init__(self, report: Progress, number: int, count: int) -> None:
        self._report, self._number, self._count = report, number, count

    def __call__(self, fraction: float, message: str) -> None:
        done = (self._number + min(fraction, 1.0) * _WORK) / self._count
        self._report(0.03 + 0.93 * done, message)


def _write_volumes(
    task: ReconstructTask, volume: Volume, made: Reconstruction, written: list[Path], stop: Cancel
) -> None:
    kind = _kind(volume, made)
    for what in VOLUMES:
        stop_if(stop)
        array = getattr(made, what)
        if array.dtype.kind == "f" and kind is np.int16:
            array = np.rint(array)
        place = task.volume(what, made.ratio)
        write_volume(place, array.astype(np.uint8 if what == "visible" else kind), volume)
        written.append(place)


def _kind(volume: Volume, made: Reconstruction) -> type[np.generic]:
    """Whole numbers where the scan has them, as HU do: half the size, and they pack well."""
    range_ = np.iinfo(np.int16)
    fits = range_.min <= made.window[0] and made.window[1] <= range_.max
    return np.int16 if volume.array.dtype.kind in "iu" and fits else np.float32


def _write_sheets(
    task: ReconstructTask, shown: list[Slices], model: str, written: list[Path], stop: Cancel
) -> None:
    for one in shown:
        stop_if(stop)
        write_reconstruction(task.sheet(one.ratio), one, model)
        written.append(task.sheet(one.ratio))
    if task.ratios_sheet is not None:
        stop_if(stop)
        write_ratios(task.ratios_sheet, shown, model)
        written.append(task.ratios_sheet)


def _write_scores(task: ReconstructTask, scores: list[RatioScore], runtime: dict[str, Any]) -> None:
    """What was done and how well, without a word on whose scan it was."""
    content = {**runtime, "seed": task.seed, "ratios": [asdict(score) for score in scores]}
    with atomic_path(task.scores) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
