"""What preparing scans will cost, from their headers alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from mambamim.data.dicom import guess_dicom_header
from mambamim.data.grid import Grid
from mambamim.data.itk_files import read_itk_header
from mambamim.data.nifti import read_nifti_header
from mambamim.data.orientation import to_ras
from mambamim.data.prepared_case import CHUNK
from mambamim.data.scan_source import ScanSource
from mambamim.errors import BadInputError
from mambamim.inference.network_grid import NetworkGrid

Spacing = Sequence[float] | None

_IMAGE_BYTES, _LABEL_BYTES = 2, 1  # of a voxel in the store
_CASE_BYTES = 64 << 10  # places, index and the store's own headers
_PLACE_BYTES, _LABEL_VALUES, _LABEL_PLACES = 6, 255, 1024
_VALUE_BYTES = 300  # of a label value: headers of its places, its count in the index
_HEADER_BYTES = 320  # of a chunk: its own and its blocks'
# Bytes of a voxel while it is worked on, on top of the scan twice as stored. Measured over types,
# spacings and rules, the peak was at most four fifths of what these give, often half.
_SCAN_WORK, _GRID_WORK = 6, 16
_FIXED_WORK = 32 << 20
_CHANNEL_WORK = 12  # of every further channel: all are held until they are written together


@dataclass(frozen=True)
class Estimate:
    """An upper bound of what preparing takes.

    Attributes:
        disk_bytes: of the store, if nothing could be compressed.
        ram_bytes: while the largest scan is prepared, on top of what the program holds already.
        scans: how many.
    """

    disk_bytes: int
    ram_bytes: int
    scans: int

    def describe(self) -> str:
        """One sentence for people."""
        return (
            f"Preparing {self.scans} scan{'' if self.scans == 1 else 's'} takes up to"
            f" {readable_size(self.disk_bytes)} of disk and {readable_size(self.ram_bytes)} of"
            " memory."
        )


def estimate(scans: Sequence[ScanSource], spacing_mm: Spacing) -> Estimate:
    """The disk and memory that `prepare` takes at most, from headers only.

    A scan whose header cannot be read counts nothing: preparing will skip it. The size of a DICOM
    series is guessed from its first slice and the number of files.

    Args:
        scans: what `find_scans` gave.
        spacing_mm: voxel size along R, A and S, None for each scan's own.
    """
    costs = [_cost(scan, spacing_mm) for scan in scans]
    return Estimate(
        sum(disk for disk, _ in costs), max((ram for _, ram in costs), default=0), len(scans)
    )


def target_grid(shape: tuple[int, ...], affine_ras: np.ndarray, spacing_mm: Spacing) -> NetworkGrid:
    """The grid of a prepared scan: `spacing_mm` along R, A and S, None for the scan's own.

    Args:
        shape: of the RAS-oriented scan.
        affine_ras: its (4, 4) affine, mm.
        spacing_mm: three numbers or None.
    """
    own = np.linalg.norm(affine_ras[:3, :3], axis=0).round(6).tolist()
    return NetworkGrid.of(shape, affine_ras, own if spacing_mm is None else list(spacing_mm))


def readable_size(count: int) -> str:
    """A number of bytes in MB or GB (powers of ten), for people."""
    giga = count >= 999.5e6  # three digits of less are below 1000 MB
    return f"{count / 1e9:.3g} GB" if giga else f"{count / 1e6:.3g} MB"


def _cost(scan: ScanSource, spacing_mm: Spacing) -> tuple[int, int]:
    try:
        grid, stored = _header(scan.image, scan.joined)
    except (BadInputError, OSError):
        return 0, 0
    shape = tuple(grid.shape[:3])
    turned, affine = to_ras(np.broadcast_to(np.uint8(0), shape), grid.affine)
    target = target_grid(turned.shape, affine, spacing_mm).shape
    channels = prod(grid.shape[3:]) + len(scan.more)
    voxels, labelled = prod(target), scan.label is not None
    chunks = prod(-(-size // CHUNK) for size in target) * (channels + labelled)
    disk = voxels * channels * _IMAGE_BYTES + _CASE_BYTES + _HEADER_BYTES * chunks
    if labelled:
        disk += voxels * _LABEL_BYTES + _LABEL_VALUES * _VALUE_BYTES
        disk += min(voxels, _LABEL_VALUES * _LABEL_PLACES) * _PLACE_BYTES
    read = stored if stored < 8 else 12  # 8 bytes are halved, with both there for a moment
    ram = prod(shape) * (2 * read + _SCAN_WORK) + voxels * _GRID_WORK + _FIXED_WORK
    ram += (channels - 1) * (prod(shape) * 2 * read + voxels * _CHANNEL_WORK)
    return disk, ram


def _header(path: Path, channels: bool) -> tuple[Grid, int]:
    if path.is_dir():
        return guess_dicom_header(path)
    if path.name.lower().endswith((".nii", ".nii.gz")):
        return read_nifti_header(path, channels)
    return read_itk_header(path)
