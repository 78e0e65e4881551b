"""A scan that is kept apart, masked, and what a pre-training makes of it, side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mambamim.data.png import write_png
from mambamim.data.prepared_case import PreparedCase
from mambamim.models.hymamba import STRIDE
from mambamim.ops.sparse import spread_visible
from mambamim.pretraining.mambamim import MambaMIM
from mambamim.pretraining.tiles import blend, draw_tiled, plan_batches

_SEED = 0  # of the mask, always the same, so that pictures of one run can be compared
_SIDE = 220  # pixels of the longer side of a panel
_GAP, _MASKED = 6, 0.35  # pixels between panels; brightness of what is masked


class HeldOutPicture:
    """Draws an axial slice of a prepared scan: as it is, what is visible, the reconstruction.

    A slab as thick as a crop is reconstructed for it. Masked patches are shown with the scan's own
    mean and deviation where the network's target is normalised (see `Patches`).

    Args:
        case: the prepared scan, of one channel.
        size: side of a crop, voxels.
        ratio: share of the patches that is masked.
        path: the .png file, written anew each time, whole or not at all.
    """

    def __init__(self, case: PreparedCase, size: int, ratio: float, path: Path) -> None:
        places = case.foreground
        middle = int(np.median(places[:, 2])) if len(places) else case.shape[2] // 2
        start = max(0, min(middle - size // 2, case.shape[2] - size))
        stop = min(start + size, case.shape[2])
        slab = case.image((slice(0, case.shape[0]), slice(0, case.shape[1]), slice(start, stop)))
        self._index = min(middle, stop - 1) - start
        self._shape, self._mm = slab.shape, case.spacing_mm
        room: list[int] = []  # of the last axis first, as torch wants it
        for side in reversed(slab.shape):
            room += [0, max(size, -(-side // STRIDE) * STRIDE) - side]
        self._image = F.pad(torch.from_numpy(slab), room)[None, None]
        self._tile = size // STRIDE
        grid = [side // STRIDE for side in self._image.shape[2:]]
        self._visible = draw_tiled(grid, self._tile, ratio, _SEED)
        self.path = path

    def draw(self, mim: MambaMIM) -> Path:
        """Reconstruct with a network in evaluation mode, and write the picture.

        Raises:
            BadInputError: the disk is full.
        """
        device = next(mim.parameters()).device

        def run(windows: Tensor, seen: Tensor) -> Tensor:
            return mim.predict(windows.to(device), seen.to(device)).cpu()

        batches = plan_batches(self._visible, self._tile, 1)
        with torch.no_grad():
            prediction = blend(self._image, self._visible, batches, run, lambda _: None)
            shown = mim.patches(self._image).show(prediction, self._visible[None]).clamp(0, 1)
        kept = spread_visible(self._visible[None], tuple(self._image.shape[2:]))
        masked = torch.where(kept, self._image, torch.full_like(self._image, _MASKED))
        panels = [self._panel(part[0, 0]) for part in (self._image, masked, shown)]
        gap = np.full((panels[0].shape[0], _GAP), 1.0, np.float32)
        row = np.concatenate([panels[0], gap, panels[1], gap, panels[2]], axis=1)
        pixels = np.repeat((255 * row).round().astype(np.uint8)[..., None], 3, axis=2)
        write_png(self.path, pixels)
        return self.path

    def _panel(self, volume: Tensor) -> np.ndarray:
        """The slice, the patient's right at the left, front at the top; 0..1."""
        width, height = self._shape[:2]
        part = volume[:width, :height, self._index].numpy()[::-1, ::-1].T
        pixel = max(width * self._mm[0], height * self._mm[1]) / _SIDE
        rows = _places(height, self._mm[1], pixel)
        return part[np.ix_(rows, _places(width, self._mm[0], pixel))]


def _places(size: int, mm: float, pixel: float) -> np.ndarray:
    """The voxel that each pixel along an axis shows."""
    count = max(1, round(size * mm / pixel))
    return np.minimum(((np.arange(count) + 0.5) * pixel / mm).astype(int), size - 1)
