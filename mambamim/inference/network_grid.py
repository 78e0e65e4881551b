"""The two grids, the scan's and the network's, and the way between them.

Both are RAS-oriented and share their centre, so turning a scan turns its network grid with it.
Every axis is handled alone: resampling is three small matrix products, the way back three index
lists.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Axis:
    """One axis: `scan_size` voxels of `scan_mm` mm, covered by `size` voxels of `mm` mm."""

    scan_size: int
    scan_mm: float
    mm: float

    @property
    def size(self) -> int:
        """Voxels of the network grid."""
        return max(1, round(self.scan_size * self.scan_mm / self.mm))

    def to_scan(self, index: np.ndarray) -> np.ndarray:
        """Scan indices (fractional) of network indices; both fields of view share their centre."""
        centred = np.asarray(index, np.float64) - (self.size - 1) / 2
        return centred * self.mm / self.scan_mm + (self.scan_size - 1) / 2

    def from_scan(self, index: np.ndarray) -> np.ndarray:
        """Network indices (fractional) of scan indices."""
        centred = np.asarray(index, np.float64) - (self.scan_size - 1) / 2
        return centred * self.scan_mm / self.mm + (self.size - 1) / 2

    def weights(self) -> np.ndarray:
        """Resampling matrix, (size, scan_size), rows sum to 1.

        Linear interpolation where the network grid is finer; where it is coarser the triangle
        widens to the new voxel, which averages what it covers instead of picking from its noise.
        """
        width = max(1.0, self.mm / self.scan_mm)
        position = np.clip(self.to_scan(np.arange(self.size)), 0, self.scan_size - 1)
        distance = np.abs(position[:, None] - np.arange(self.scan_size)[None])
        weight = np.clip(1 - distance / width, 0, None)
        return (weight / weight.sum(1, keepdims=True)).astype(np.float32)

    def neighbours(self) -> tuple[Tensor, Tensor, Tensor]:
        """For every scan voxel: the network voxels below and above it, and the way between.

        Returns:
            Two index lists and fractions in 0..1, (scan_size,) each; scan voxels outside of the
            outermost centres have these.
        """
        position = np.clip(self.from_scan(np.arange(self.scan_size)), 0, self.size - 1)
        lower = np.floor(position).astype(np.int64)
        fraction = torch.from_numpy((position - lower).astype(np.float32))
        upper = np.minimum(lower + 1, self.size - 1)
        return torch.from_numpy(lower), torch.from_numpy(upper), fraction

    @property
    def identical(self) -> bool:
        """Whether both grids are the same."""
        return self.size == self.scan_size and abs(self.mm / self.scan_mm - 1) < 1e-4


@dataclass(frozen=True)
class NetworkGrid:
    """The three axes of a RAS-oriented scan."""

    axes: tuple[Axis, Axis, Axis]

    @classmethod
    def of(
        cls, shape: tuple[int, ...], affine_ras: np.ndarray, spacing_mm: list[float]
    ) -> NetworkGrid:
        """The grid of a scan with `shape` and RAS `affine_ras` for a network at `spacing_mm`."""
        scan_mm = np.sqrt((np.asarray(affine_ras, np.float64)[:3, :3] ** 2).sum(0))
        rows = zip(shape, scan_mm.tolist(), spacing_mm, strict=True)
        # Rounded to a nanometre: affines of turned scans differ in the last bit, sizes must not.
        axes = [Axis(int(n), round(mm, 6), float(wanted)) for n, mm, wanted in rows]
        return cls((axes[0], axes[1], axes[2]))

    @property
    def shape(self) -> tuple[int, int, int]:
        """The network grid's shape."""
        return (self.axes[0].size, self.axes[1].size, self.axes[2].size)

    def resample(self, volume: np.ndarray, device: torch.device) -> Tensor:
        """A RAS volume (D, H, W) on the network grid, float32, on `device`.

        The axis that shrinks most goes first, so that the later products are small.
        """
        data = torch.from_numpy(np.ascontiguousarray(volume)).to(device)
        order = sorted(range(3), key=lambda a: self.axes[a].size / self.axes[a].scan_size)
        for number in order:
            axis = self.axes[number]
            if axis.identical:
                continue
            weights = torch.from_numpy(axis.weights()).to(device)
            data = torch.tensordot(weights, data.float(), dims=([1], [number]))
            data = data.movedim(0, number)
        return data.float().contiguous()

    def to_scan(self, data: Tensor) -> Tensor:
        """Values on the network grid, float, CPU, interpolated linearly to the scan's RAS grid.

        The axis that grows most goes last, so that the earlier steps are small.
        """
        order = sorted(range(3), key=lambda a: self.axes[a].scan_size / self.axes[a].size)
        for number in order:
            if self.axes[number].identical:
                continue
            lower, upper, fraction = self.axes[number].neighbours()
            shape = [-1 if axis == number else 1 for axis in range(3)]
            below, above = (data.index_select(number, index) for index in (lower, upper))
            data = torch.lerp(below, above, fraction.view(shape))
        return data

    def to_scan_nearest(self, data: Tensor) -> Tensor:
        """The same without new values: each scan voxel has that of the nearest network voxel."""
        for number, axis in enumerate(self.axes):
            lower, upper, fraction = axis.neighbours()
            data = data.index_select(number, torch.where(fraction < 0.5, lower, upper))
        return data
