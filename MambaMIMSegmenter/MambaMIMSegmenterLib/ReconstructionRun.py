"""One volume on its way to a reconstruction: exported, given to the worker, shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from mambamim.catalogue import ModelEntry
from mambamim.errors import BadInputError, plain_error
from MambaMIMLib import Log
from MambaMIMLib.Signal import Signal
from MambaMIMLib.Steps import Steps
from MambaMIMLib.VolumeExport import VolumeFiles, exportSteps
from MambaMIMLib.WorkerJob import JobFailure, WorkerJob
from MambaMIMSegmenterLib.ReconstructionResult import ROLES, ReconstructionResult
from MambaMIMSegmenterLib.RunFolder import makeRunFolder, removeRunFolder
from MambaMIMSegmenterLib.SegmentRun import WorkerLike

_EXPORTED = 0.03  # of the bar; the rest is the worker's
_WORKED = 0.99


@dataclass(frozen=True)
class ReconstructionOptions:
    """What a person has chosen.

    Attributes:
        model: a pre-trained one with its decoder.
        percent: of the patches that are masked, 10 to 90.
        seed: of the masks; with the same one a higher percentage masks the same places and more.
        device: as the worker takes it.
        window: low and high end of the intensities that the model works on; empty where each scan
            has its own.
    """

    model: ModelEntry
    percent: int
    seed: int
    device: str = "auto"
    window: tuple[float, ...] = ()

    @property
    def unit(self) -> str:
        """Of the intensities that the model works on, empty for none."""
        return "HU" if self.model.modality == "CT" else ""


class ReconstructionRun:
    """Reconstructs one volume; watched like a `WorkerJob`. Nothing is told before it has returned.

    Args:
        worker: does the work.
        volumeNode: only read.
        options: of the run.
        makeFolder: gives a folder for the run's files, which goes with the run.
    """

    def __init__(
        self,
        worker: WorkerLike,
        volumeNode: Any,
        options: ReconstructionOptions,
        makeFolder: Callable[[], Path] = makeRunFolder,
    ) -> None:
        self.progressed = Signal()  # (fraction 0..1, message, seconds left or None)
        self.logged = Signal()  # (level, message)
        self.succeeded = Signal()  # (ReconstructionResult)
        self.failed = Signal()  # (JobFailure)
        self.ended = Signal()  # (), after either
        self.active = True
        self.volumeNode, self.options = volumeNode, options
        self._worker, self._makeFolder = worker, makeFolder
        self._folder: Path | None = None
        self._job: WorkerJob | None = None
        self._steps: Steps | None = Steps(self._prepared(), self._submit, self._giveUp)

    def cancel(self) -> None:
        """Stop it wherever it is; volumes of an earlier run stay as they are."""
        if not self.active:
            return
        if self._job is not None and self._job.active:
            self._job.cancel()  # its failure ends the run
        else:
            self._fail(JobFailure("cancelled", _("Cancelled.")))

    def _prepared(self) -> Iterator[VolumeFiles | None]:
        self.progressed(0.0, _("Handing the volume over"), None)
        self._folder = self._makeFolder()
        yield from exportSteps(self.volumeNode, self._folder)

    def _submit(self, files: VolumeFiles) -> None:
        self._steps = None
        self.progressed(_EXPORTED, _("Waiting for the worker"), None)
        parameters = {
            "input": files.array,
            "affine": files.affine,
            "output": str(self._folder / "volumes"),
            "model": str(self.options.model.path),
            "device": self.options.device,
            "ratios": [self.options.percent / 100],
            "seed": self.options.seed,
            "picture": False,
        }
        try:
            job = self._job = self._worker.submit("reconstruct", parameters)
        except BadInputError as error:
            self._giveUp(error)
            return
        job.progressed.connect(self._onProgress)
        job.logged.connect(self.logged)
        job.succeeded.connect(self._onResult)
        job.failed.connect(self._fail)

    def _onProgress(self, fraction: float, message: str, left: float | None) -> None:
        self.progressed(_EXPORTED + (_WORKED - _EXPORTED) * fraction, message, left)

    def _onResult(self, result: dict[str, Any]) -> None:
        self._job = None
        self.progressed(_WORKED, _("Showing the volumes"), None)
        self._steps = Steps(self._shown(result), self._succeed, self._giveUp)

    def _shown(self, result: dict[str, Any]) -> Iterator[ReconstructionResult | None]:
        self._checkVolumeThere()
        shown = ReconstructionResult(self.volumeNode)
        files = {role: _fileOf(role, result["files"]) for role in ROLES}
        for _step in shown.showSteps(files, self._facts(result), self.options.unit):
            yield None
            self._checkVolumeThere()
        yield shown

    def _checkVolumeThere(self) -> None:
        if not slicer.mrmlScene.IsNodePresent(self.volumeNode):
            raise BadInputError(
                _("The volume was removed while it was being reconstructed."),
                _("Load it again and run it again."),
            )

    def _facts(self, result: dict[str, Any]) -> dict[str, Any]:
        score, runtime = result["scores"][0], result["runtime"]
        return {
            "Model": self.options.model.name,
            "SHA256": runtime["sha256"],
            "Device": runtime["device"],
            "Ratio": self.options.percent / 100,
            "Seed": self.options.seed,
            "PSNR": round(score["psnr"], 2),
            "OwnMoments": score["own_moments"],
            "Window": list(self.options.window),
            "Seconds": result["seconds"],
        }

    def _succeed(self, shown: ReconstructionResult) -> None:
        self._close()
        self.succeeded(shown)
        self.ended()

    def _giveUp(self, error: Exception) -> None:
        plain = plain_error(error, quote=False)
        if plain is not error:
            Log.exception(error)
        self._fail(JobFailure(plain.kind, plain.message, plain.hint))

    def _fail(self, failure: JobFailure) -> None:
        if not self.active:
            return
        self._close()
        self.failed(failure)
        self.ended()

    def _close(self) -> None:
        self.active = False
        if self._steps is not None:
            self._steps.stop()
            self._steps = None
        if self._folder is not None:
            removeRunFolder(self._folder)


def _fileOf(role: str, files: list[str]) -> str:
    begins = "visible_" if role == "mask" else f"{role}_"
    return next(file for file in files if Path(file).name.startswith(begins))
