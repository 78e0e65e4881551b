"""A scan as a pre-trained network sees it, and the way back to the scan's own grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mambamim.checkpoint_header import CheckpointHeader
from mambamim.data.intensity import rule_for
from mambamim.data.orientation import from_ras, to_ras
from mambamim.errors import BadInputError
from mambamim.inference.body import Box, body_box
from mambamim.inference.checks import check_hu
from mambamim.inference.network_grid import NetworkGrid
from mambamim.models.hymamba import STRIDE
from mambamim.ops.sparse import spread_visible


@dataclass(frozen=True, eq=False)
class OnScan:
    """What became of a scan, on its own grid, (D, H, W); see `Reconstruction`."""

    masked: np.ndarray
    reconstruction: np.ndarray
    error: np.ndarray
    visible: np.ndarray


@dataclass(frozen=True, eq=False)
class ScanImage:
    """A scan on the network grid.

    Attributes:
        volume: the scan, any orientation.
        affine: its (4, 4) RAS affine, mm.
        window: low and high end of what is 0..1, the scan's units.
        grid: both grids.
        scaled: the whole network grid, 0..1.
        box: the part of it that is masked and reconstructed.
        image: `scaled` in the box, with air up to whole patches, (1, 1, D, H, W).
    """

    volume: np.ndarray
    affine: np.ndarray
    window: tuple[float, float]
    grid: NetworkGrid
    scaled: Tensor
    box: Box
    image: Tensor

    @classmethod
    def of(
        cls, volume: np.ndarray, affine: np.ndarray, header: CheckpointHeader, least: int
    ) -> ScanImage:
        """Bring a scan to the spacing and the window that a network was trained at.

        Args:
            volume: HU, or an MR scan's own values, (D, H, W), any orientation.
            affine: its (4, 4) RAS affine, mm.
            header: of the network.
            least: voxels that every side of the image has at least.

        Raises:
            BadInputError: there is only air, or one value only, or no CT where one is wanted.
        """
        check_hu(volume, header)
        ras, affine_ras = to_ras(volume, affine)
        grid = NetworkGrid.of(ras.shape, affine_ras, list(header.spacing_mm))
        resampled = grid.resample(ras, torch.device("cpu"))
        body: Box | None = (
            slice(0, grid.shape[0]),
            slice(0, grid.shape[1]),
            slice(0, grid.shape[2]),
        )
        window = header.window_hu
        if header.modality == "CT":
            body = body_box(resampled)
        else:
            window = rule_for(header.modality).limits(volume)
        if body is None:
            raise BadInputError("There is only air in this scan.", "Give a CT in HU.")
        box = whole_patches(body, grid.shape, least)
        low, high = window
        scaled = ((resampled - low) / (high - low)).clamp_(0, 1)
        room: list[int] = []  # of the last axis first, as torch wants it
        for part in reversed(box):
            room += [0, _wanted(part, least) - (part.stop - part.start)]
        image = F.pad(scaled[box], room)[None, None]
        return cls(volume, affine, window, grid, scaled, box, image)

    @property
    def inside(self) -> Box:
        """Where in `image` the scan is, and not the air beside it."""
        first, second, third = (slice(0, part.stop - part.start) for part in self.box)
        return first, second, third

    def kept(self, visible: Tensor) -> Tensor:
        """The voxels of the box that are visible, bool, of a mask (d, h, w) of `image`."""
        return spread_visible(visible[None], tuple(self.image.shape[2:]))[0, 0][self.inside]

    def on_scan(self, shown: Tensor, kept: Tensor) -> OnScan:
        """Back to the scan's grid. Visible voxels are taken from the scan itself, to the bit.

        Args:
            shown: the reconstruction of `image`, 0..1, (1, 1, D, H, W).
            kept: of `kept`.
        """
        filled, unmasked = self.scaled.clone(), torch.ones(self.grid.shape, dtype=torch.bool)
        filled[self.box], unmasked[self.box] = shown[0, 0][self.inside], kept
        low, high = (np.float32(end) for end in self.window)
        values = self.grid.to_scan(filled).mul_(float(high - low)).add_(float(low)).numpy()
        seen = self._turned_back(self.grid.to_scan_nearest(unmasked).numpy())
        given = np.clip(self.volume.astype(np.float32), low, high)
        made = np.where(seen, given, self._turned_back(values))
        return OnScan(
            np.where(seen, given, low), made, np.abs(made - given), seen.astype(np.uint8, order="C")
        )

    def _turned_back(self, ras: np.ndarray) -> np.ndarray:
        return from_ras(ras, self.affine, self.volume.shape)


def whole_patches(box: Box, shape: tuple[int, ...], least: int) -> Box:
    """A box grown to whole patches and to `least` voxels a side, as far as the grid reaches.

    What is there beside the box is a better neighbour than the air that is put where nothing is.
    """
    sides = []
    for part, size in zip(box, shape, strict=True):
        wanted = _wanted(part, least)
        start = max(0, min(part.start, size - wanted))
        sides.append(slice(start, min(size, start + wanted)))
    return sides[0], sides[1], sides[2]


def _wanted(part: slice, least: int) -> int:
    return max(-(-(part.stop - part.start) // STRIDE) * STRIDE, least)
