"""Labelled scans that a tiny network learns within seconds."""

import dataclasses
from pathlib import Path

import numpy as np
from scan_files import save

from mambamim.data.scan_source import ScanSource

MM = (3.0, 3.0, 3.0)
SHAPE = (24, 20, 22)


def blob_scan(folder: Path, number: int, values=(1, 2), modality: str = "CT") -> ScanSource:
    """images/case_N.nii.gz and labels/case_N.nii.gz: blobs of 70 and 220 HU in soft tissue."""
    rng = np.random.default_rng(number)
    ct = rng.normal(-100, 12, SHAPE)
    label = np.zeros(SHAPE, np.uint8)
    for value, hu, low in zip(values, (70, 220), (1, 12), strict=False):
        x, y, z = low + rng.integers(0, 4), rng.integers(2, 8), rng.integers(2, 8)
        box = (slice(x, x + 7), slice(y, y + 8), slice(z, z + 8))
        ct[box] += hu + 100
        label[box] = value
    name = f"case_{number}.nii.gz"
    image = save(folder / "images" / name, ct.astype(np.int16), MM)
    return ScanSource(image, save(folder / "labels" / name, label, MM), modality)


def as_mr(source: ScanSource) -> ScanSource:
    return dataclasses.replace(source, modality="MR")
