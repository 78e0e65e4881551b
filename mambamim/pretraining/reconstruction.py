"""Look at what a pre-trained network reconstructs of a scan from a part of its patches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mambamim.checkpoints import Checkpoint, load_checkpoint
from mambamim.errors import BadInputError, OutOfMemoryError
from mambamim.inference.checks import checked_affine
from mambamim.inference.report import Cancel, Progress, Report
from mambamim.inference.runtimes import choose_device, precision, settle, stopping
from mambamim.models.hymamba import STRIDE
from mambamim.pretraining.mambamim import MambaMIM
from mambamim.pretraining.masking import count_visible
from mambamim.pretraining.scan_image import ScanImage
from mambamim.pretraining.tiles import blend, draw_tiled, plan_batches

_WINDOWS_AT_ONCE = 4  # on a graphics card; a CPU gains nothing above one
MODALITIES = ("CT", "MR")
_LEAST_ERROR = 1e-12  # no PSNR above 120 dB


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A scan, what the network saw of it, and what it made of that; all on the scan's own grid.

    Intensities are in the scan's units (HU in CT), clamped to the network's window. Outside of the
    box around the body (in MR there is none) nothing is masked.

    Attributes:
        masked: (D, H, W) float32, masked voxels at the window's low end.
        reconstruction: (D, H, W) float32; visible voxels as they were given.
        error: (D, H, W) float32, absolute; 0 where visible.
        visible: (D, H, W) uint8, 1 = not masked.
        mse: mean squared error over the masked voxels of the network grid, intensities in 0..1.
        psnr: 10 log10(1 / mse), dB.
        share: of the voxels inside of the box, how many were masked.
        ratio: share that was asked for.
        seed: of the mask.
        window: low and high end, the scan's units.
        unit: of intensities, "HU" or "" where they have none.
        own_moments: whether each masked patch is shown with the scan's own mean and deviation,
            which a network with the target "normalised" does not predict.
    """

    masked: np.ndarray
    reconstruction: np.ndarray
    error: np.ndarray
    visible: np.ndarray
    mse: float
    psnr: float
    share: float
    ratio: float
    seed: int
    window: tuple[float, float]
    unit: str
    own_moments: bool


class Reconstructor:
    """Masks scans and reconstructs them with one pre-trained network, which stays loaded.

    Args:
        checkpoint: a file with encoder and decoder of a pre-training, or one already loaded.
        device: "auto" (CUDA, then Apple's GPU, then CPU), "cpu", "cuda", "cuda:N" or "mps".

    Raises:
        CheckpointError: the file is damaged.
        BadInputError: it holds no pre-training with its decoder, or none on CT
            or MR; there is no such device.
    """

    def __init__(self, checkpoint: str | Path | Checkpoint, device: str = "auto") -> None:
        loaded = checkpoint if isinstance(checkpoint, Checkpoint) else load_checkpoint(checkpoint)
        if not isinstance(loaded.model, MambaMIM):
            raise BadInputError(
                f"{loaded.path.name} cannot reconstruct: it has no decoder of a pre-training.",
                "Choose a pre-trained model that was saved with it.",
            )
        if loaded.header.modality not in MODALITIES or loaded.model.in_channels != 1:
            raise BadInputError(
                f"{loaded.path.name} cannot reconstruct: it was pre-trained on other than "
                f"{' or '.join(MODALITIES)}."
            )
        self.checkpoint = loaded
        self.device = choose_device(device)
        settle(loaded.model, self.device)
        self._mim = loaded.model

    def describe(self) -> dict[str, Any]:
        """Model and device, for logs and for the result's record."""
        header = self.checkpoint.header
        return {"model": header.name, "sha256": header.sha256, "device": str(self.device)}

    def reconstruct(
        self,
        volume: np.ndarray,
        affine: np.ndarray,
        ratio: float,
        seed: int = 0,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> Reconstruction:
        """Mask a share of a scan's patches and have the network fill them.

        One mask is drawn for the whole scan, in its RAS orientation, so a turned scan gives the
        turned result. The network predicts overlapping windows, which are blended in the units of
        its target; only then each masked patch gets its own mean and deviation back. Those two are
        the scan's: the network does not predict them (see `Patches`).

        Args:
            volume: HU, or an MR scan's own values, (D, H, W), any orientation.
            affine: 4x4, voxel index -> RAS mm.
            ratio: share that is masked, between 0 and 1.
            seed: of the mask; with the same seed a higher ratio masks the same places and more.
            progress: told a fraction 0..1, never falling, and what is being done.
            cancel: asked all the time; True raises Cancelled within a second.

        Raises:
            BadInputError: the volume, the affine or the ratio cannot be used; there is only air.
            Cancelled: `cancel` said so.
            OutOfMemoryError: the memory of the device or the computer is too small.
        """
        tile = self._mim.image_size // STRIDE
        count_visible(tile**3, ratio)
        affine = checked_affine(volume, affine)
        report = Report(progress, cancel)
        report(0.0, "preparing")
        scan = ScanImage.of(volume, affine, self.checkpoint.header, self._mim.image_size)
        visible = draw_tiled([side // STRIDE for side in scan.image.shape[2:]], tile, ratio, seed)
        if scan.kept(visible).all():
            raise BadInputError(
                "No patch of this scan was masked.", "Take a higher ratio or another seed."
            )
        prediction = self._predict(scan.image, visible, report)
        report(0.96, "putting it together")
        made = self._put_together(scan, prediction, visible, ratio, seed)
        report(1.0, "done")
        return made

    def _put_together(
        self, scan: ScanImage, prediction: Tensor, visible: Tensor, ratio: float, seed: int
    ) -> Reconstruction:
        """Back to intensities, the scores, and back to the scan's grid."""
        kept = scan.kept(visible)
        # Nothing outside of the window can have stood there.
        shown = self._mim.patches(scan.image).show(prediction, visible[None]).clamp_(0, 1)
        difference = (shown - scan.image)[0, 0][scan.inside][~kept].double()
        mse = float(difference.square().mean())
        found = scan.on_scan(shown, kept)
        return Reconstruction(
            found.masked,
            found.reconstruction,
            found.error,
            found.visible,
            mse=mse,
            psnr=10 * math.log10(1 / max(mse, _LEAST_ERROR)),
            share=float((~kept).double().mean()),
            ratio=ratio,
            seed=seed,
            window=scan.window,
            unit="HU" if self.checkpoint.header.modality == "CT" else "",
            own_moments=self._mim.target == "normalised",
        )

    def _predict(self, image: Tensor, visible: Tensor, report: Report) -> Tensor:
        """In the units of the target, (1, 1, D, H, W)."""
        most = _WINDOWS_AT_ONCE if self.device.type == "cuda" else 1
        batches = plan_batches(visible, self._mim.image_size // STRIDE, most)
        report.windows = sum(map(len, batches))

        def run(windows: Tensor, seen: Tensor) -> Tensor:
            stops = stopping(self._mim, report.cancelled)
            with torch.inference_mode(), precision(self.device), stops:
                return self._mim.predict(windows.to(self.device), seen.to(self.device)).cpu()

        try:
            return blend(
                image, visible, batches, run, lambda n: report.windows_done(n, "reconstructing")
            )
        except torch.OutOfMemoryError as error:
            raise OutOfMemoryError(
                "The graphics card has too little free memory for the network.",
                "Close other programs that use it, or use device cpu.",
            ) from error
