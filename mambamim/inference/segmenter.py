"""The one class a user meets: a volume in, its organs out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mambamim.catalogue.folders import user_folder
from mambamim.checkpoints import Checkpoint, load_checkpoint
from mambamim.data.intensity import rule_for
from mambamim.data.orientation import from_ras, to_ras
from mambamim.data.regions import Regions
from mambamim.errors import BadInputError, OutOfMemoryError
from mambamim.inference import openvino_runtime
from mambamim.inference.body import Box, body_box
from mambamim.inference.checks import check_hu, checked_affine, checked_channels
from mambamim.inference.cleanup import keep_largest_components, keep_largest_regions
from mambamim.inference.cuda_runtime import CudaRuntime
from mambamim.inference.network_grid import NetworkGrid
from mambamim.inference.openvino_runtime import OpenVINORuntime
from mambamim.inference.region import intersect, outside_removed, roi_box
from mambamim.inference.report import Cancel, Progress, Report
from mambamim.inference.restore import restore_labels
from mambamim.inference.runtimes import Runtime, TorchRuntime, choose_device
from mambamim.inference.uncertainty import mean_entropy
from mambamim.inference.windows import count_windows, predict

logger = logging.getLogger(__name__)
Preview = Callable[[np.ndarray], None]

RUNTIMES = ("auto", "torch", "openvino", "openvino-bf16")
COARSE_MM = 3.0
OVERLAP = 0.25


@dataclass(frozen=True)
class _Pass:
    """One run over the volume at one voxel size: its image, where it lies, and its windows."""

    grid: NetworkGrid
    box: Box
    image: Tensor
    windows: int


class Segmenter:
    """Finds organs in volumes with one network, which stays loaded.

    Args:
        checkpoint: a file, or one already loaded.
        device: "auto" (CUDA, then Apple's GPU, then CPU), "cpu", "cuda", "cuda:N" or "mps".
        runtime: "torch", "openvino", "openvino-bf16" (both CPU), or "auto": the faster of those
            that give the same labels.

    Attributes:
        labels: class value -> name; of regions, what a label map shows of each.
        regions: where the network finds regions that overlap, in the order of painting.
        runtime: what runs the network.

    Raises:
        CheckpointError: the file is damaged or of another kind.
        BadInputError: no such device or runtime.
        MissingDependencyError: the asked runtime is not installed.
    """

    def __init__(
        self, checkpoint: str | Path | Checkpoint, device: str = "auto", runtime: str = "auto"
    ) -> None:
        if runtime not in RUNTIMES:
            raise BadInputError(f"There is no runtime {runtime!r}.", f"Use {', '.join(RUNTIMES)}.")
        loaded = checkpoint if isinstance(checkpoint, Checkpoint) else load_checkpoint(checkpoint)
        if loaded.header.kind != "segmentation":
            raise BadInputError(
                f"{loaded.path.name} is a pre-trained encoder and finds no organs by itself.",
                "Fine-tune it first, or choose a segmentation model.",
            )
        self.checkpoint = loaded
        self.labels = loaded.labels
        self.regions = Regions(loaded.header.regions) if loaded.header.regions else None
        self.runtime = self._choose_runtime(choose_device(device), runtime)

    def describe(self) -> dict[str, Any]:
        """Model, device and runtime, for logs and for the result's record."""
        header = self.checkpoint.header
        return {
            "model": header.name,
            "sha256": header.sha256,
            "device": str(self.runtime.device),
            "runtime": self.runtime.name,
        }

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
        preview: Preview | None = None,
    ) -> np.ndarray:
        """Labels of a volume, on its own grid.

        Args:
            volume: HU (or the model's own intensities), (D, H, W), any orientation; for a model of
                several channels (C, D, H, W), in the order of its header.
            affine: 4x4, voxel index -> RAS mm.
            progress: told a fraction 0..1, never falling, and what is being done.
            cancel: asked all the time; True raises Cancelled within a second.
            quality: "full" (the model's spacing) or "coarse" (3 mm, much faster).
            roi: two opposite corners of a box in RAS mm, (2, 3); nothing is labelled outside of it.
            organs: names of `labels` to keep; None keeps all.
            keep_largest: drop all but the largest piece of organs that are one piece.
            preview: given the coarse labels before the full ones are computed.

        Returns:
            (D, H, W) uint8, uint16 above 255 classes.

        Raises:
            BadInputError: the volume, the affine or a parameter cannot be used.
            Cancelled: `cancel` said so.
            OutOfMemoryError: the computer's memory is too small.
        """
        wanted = self._wanted_values(organs)
        if quality not in ("full", "coarse"):
            raise BadInputError(f"There is no quality {quality!r}.", "Use full or coarse.")
        channels = checked_channels(volume, self.checkpoint.header)
        for channel in channels:
            affine = checked_affine(channel, affine)
            check_hu(channel, self.checkpoint.header)
        shape = channels[0].shape
        turned = [to_ras(channel, affine) for channel in channels]
        ras, affine_ras = [array for array, _ in turned], turned[0][1]
        report = Report(progress, cancel)
        report(0.0, "preparing")
        qualities = ["coarse", "full"] if preview and quality == "full" else [quality]
        passes = [self._prepare(ras, affine_ras, roi, name) for name in qualities]
        report.windows = sum(p.windows for p in passes if p)
        labels: np.ndarray = np.zeros(shape, self._dtype())
        for number, item in enumerate(passes):
            found = self._run(item, report, qualities[number]) if item else None
            if found is not None:
                found = outside_removed(found, affine_ras, roi)
                found = from_ras(found, affine, shape)
                labels = self._tidy(found, wanted, keep_largest)
            if preview and number < len(passes) - 1:
                preview(labels)
        report(1.0, "done")
        return labels

    def entropy(
        self,
        volume: np.ndarray,
        affine: np.ndarray,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> float:
        """How unsure the network is of a scan, looked at coarsely: see `mean_entropy`.

        Args:
            volume: as of `segment`, as are the others and what is raised.
            affine: 4x4, voxel index -> RAS mm.
            progress: told a fraction 0..1 and what is being done.
            cancel: asked all the time.
        """
        channels = checked_channels(volume, self.checkpoint.header)
        for channel in channels:
            affine = checked_affine(channel, affine)
            check_hu(channel, self.checkpoint.header)
        turned = [to_ras(channel, affine) for channel in channels]
        report = Report(progress, cancel)
        report(0.0, "preparing")
        item = self._prepare([array for array, _ in turned], turned[0][1], None, "coarse")
        if item is None:
            raise BadInputError("There is only air in this scan.", "Give a CT in HU.")
        report.windows = item.windows
        return mean_entropy(self._scores(item, report, "coarse"), self.regions is None)

    def _choose_runtime(self, device: torch.device, asked: str) -> Runtime:
        if asked.startswith("openvino"):
            if device.type != "cpu":
                device = torch.device("cpu")
            return self._openvino(asked.removeprefix("openvino").lstrip("-") or "f32")
        if device.type == "cuda":
            return CudaRuntime(self.checkpoint.model, device)
        plain = TorchRuntime(self.checkpoint.model, device)
        if asked == "torch" or device.type != "cpu" or not openvino_runtime.is_installed():
            return plain
        try:
            compiled = self._openvino("f32")
            found = compiled.agreement(plain)
        except (RuntimeError, OSError) as error:  # OpenVINO's own errors are RuntimeErrors
            logger.warning("OpenVINO cannot run this network, torch does: %s", error)
            return plain
        if not found.usable:
            logger.info("OpenVINO is not used, it is slower or differs from torch: %s", found)
            return plain
        return compiled

    def _openvino(self, precision: str) -> OpenVINORuntime:
        return OpenVINORuntime(self.checkpoint, user_folder() / "compiled", precision)

    def _dtype(self) -> type:
        return np.uint8 if max(self.labels, default=0) <= 255 else np.uint16

    def _wanted_values(self, organs: Sequence[str] | None) -> set[int] | None:
        if organs is None:
            return None
        values = {name: value for value, name in self.labels.items()}
        unknown = [name for name in organs if name not in values]
        if unknown or not organs:
            raise BadInputError(
                f"This model does not know {', '.join(unknown) or 'an empty list of organs'}.",
                f"It knows {', '.join(values)}.",
            )
        return {values[name] for name in organs}

    def _prepare(
        self, ras: list[np.ndarray], affine_ras: np.ndarray, roi: np.ndarray | None, quality: str
    ) -> _Pass | None:
        """The image the network sees, or None where there is nothing to see."""
        header = self.checkpoint.header
        fine = list(header.spacing_mm)
        spacing = fine if quality == "full" else [max(COARSE_MM, mm) for mm in fine]
        grid = NetworkGrid.of(ras[0].shape, affine_ras, spacing)
        held = len(self.labels) + len(ras) - 1
        device = _memory_device(self.runtime.device, grid, held)
        volume = grid.resample(ras[0], device)
        whole = tuple(slice(0, n) for n in grid.shape)
        box: Box | None = (whole[0], whole[1], whole[2])
        if header.modality == "CT":
            box = body_box(volume)
        if box is not None and roi is not None:
            box = intersect(box, roi_box(grid, affine_ras, roi, spacing))
        if box is None:
            return None
        parts = [self._scaled(volume[box], ras[0])]
        del volume
        parts += [self._scaled(grid.resample(more, device)[box], more) for more in ras[1:]]
        image = torch.stack(parts)[None]
        count = count_windows(tuple(image.shape[2:]), header.patch_size, OVERLAP)
        return _Pass(grid, box, image, count)

    def _scaled(self, values: Tensor, ras: np.ndarray) -> Tensor:
        """Values of a channel in 0..1 by the limits of all of it."""
        low, high = self._limits(ras)
        return ((values - low) / (high - low)).clamp_(0, 1)

    def _limits(self, ras: np.ndarray) -> tuple[float, float]:
        """What becomes 0 and 1, as in training: a CT's window is fixed, an MR's is its own."""
        header = self.checkpoint.header
        return rule_for("MR").limits(ras) if header.modality == "MR" else header.window_hu

    def _run(self, item: _Pass, report: Report, quality: str) -> np.ndarray:
        scores = self._scores(item, report, quality)
        return restore_labels(scores, item.grid, item.box, self._dtype(), self.regions)

    def _scores(self, item: _Pass, report: Report, quality: str) -> Tensor:
        """One pass; a graphics card that is too small hands over to the CPU."""
        message = "finding organs" if quality == "full" else "coarse preview"
        count = self.checkpoint.header.num_classes
        try:
            return predict(
                item.image, self.runtime, self.checkpoint.header.patch_size, count, OVERLAP,
                lambda n: report.windows_done(n, message), report.cancelled, self.regions is None,
            )  # fmt: skip
        except (OutOfMemoryError, torch.cuda.OutOfMemoryError) as error:
            if self.runtime.device.type == "cpu":
                raise
            logger.warning("%s Going on with the CPU.", error)
            self.runtime = self._choose_runtime(torch.device("cpu"), "auto")
            moved = _Pass(item.grid, item.box, item.image.cpu(), item.windows)
            return self._scores(moved, report, quality)

    def _tidy(self, labels: np.ndarray, wanted: set[int] | None, keep_largest: bool) -> np.ndarray:
        if keep_largest and self.regions is not None:
            labels, keep_largest = keep_largest_regions(labels, self.regions), False
        if wanted is not None:
            kept = np.zeros(max(self.labels) + 1, labels.dtype)
            kept[list(wanted)] = list(wanted)
            labels = kept[labels]
        return keep_largest_components(labels, self.labels) if keep_largest else labels


def _memory_device(device: torch.device, grid: NetworkGrid, classes: int) -> torch.device:
    """Where image and scores are kept: on a CUDA card with room for them, else in main memory."""
    if device.type != "cuda":
        return torch.device("cpu")
    needed = 4 * np.prod(grid.shape, dtype=np.int64) * (classes + 4)
    needed += 8 * int(np.prod([axis.scan_size for axis in grid.axes], dtype=np.int64))
    return device if needed < 0.6 * torch.cuda.mem_get_info(device)[0] else torch.device("cpu")
