"""One volume on its way to a reconstruction: exported, given to the worker, shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from mambamim.catalogue import ModelEntry
from mambamim.errors import BadInputError
from MambaMIMLib.WorkerJob import WorkerLike
from MambaMIMSegmenterLib.ReconstructionResult import ROLES, ReconstructionResult
from MambaMIMSegmenterLib.RunFolder import makeRunFolder
from MambaMIMSegmenterLib.VolumeRun import VolumeRun


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


class ReconstructionRun(VolumeRun):
    """Reconstructs one volume; `succeeded` gives a `ReconstructionResult`.

    Volumes of an earlier run stay as they are until this one's are read.

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
        self.options = options
        super().__init__(worker, "reconstruct", volumeNode, makeFolder)

    def _parameters(self, folder: Path) -> dict[str, Any]:
        return {
            "output": str(folder / "volumes"),
            "model": str(self.options.model.path),
            "device": self.options.device,
            "ratios": [self.options.percent / 100],
            "seed": self.options.seed,
            "picture": False,
        }

    def _after(self, result: dict[str, Any]) -> None:
        self.progressed(self.BAR[1], _("Showing the volumes"), None)
        self._do(self._shown(result), self._succeed)

    def _shown(self, result: dict[str, Any]) -> Iterator[ReconstructionResult | None]:
        self._checkVolumeThere()
        shown = ReconstructionResult(self.volumeNode)
        files = {role: _fileOf(role, result["files"]) for role in ROLES}
        for _step in shown.showSteps(files, self._facts(result), self.options.unit):
            yield None
            self._checkVolumeThere()
        yield shown

    def _checkVolumeThere(self) -> None:
        if not self._volumeThere():
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


def _fileOf(role: str, files: list[str]) -> str:
    begins = "visible_" if role == "mask" else f"{role}_"
    return next(file for file in files if Path(file).name.startswith(begins))
