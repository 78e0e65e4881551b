"""A synthetic abdominal CT with its labels: nothing to download, nobody's body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import torch

from mambamim.data.anatomy import draw_body
from mambamim.data.painter import paint
from mambamim.data.phases import Phase
from mambamim.data.scanner import scan
from mambamim.data.tissues import labels_of
from mambamim.files import atomic_path


@dataclass(frozen=True)
class Phantom:
    """A synthetic scan.

    Attributes:
        ct: (D, H, W) int16, HU.
        labels: (D, H, W) uint8, values of `ABDOMEN_LABELS`.
        affine: (4, 4) RAS mm.
        phase: of the contrast agent, None if it was drawn.
    """

    ct: np.ndarray
    labels: np.ndarray
    affine: np.ndarray
    phase: Phase | None


def make_phantom(
    seed: int,
    shape: tuple[int, int, int] = (240, 200, 240),
    spacing_mm: float | Sequence[float] = 1.5,
    phase: Phase | None = None,
    device: str = "cpu",
) -> Phantom:
    """Draws a body, paints it, and puts it into a scanner.

    Args:
        seed: the same gives the same scan (on the same kind of device).
        shape: voxels along the patient's right, front and up.
        spacing_mm: voxel size, one number or three.
        phase: of the contrast agent; None draws one.
        device: torch device to paint on.

    Returns:
        RAS-oriented scan and labels; the grid's middle lies in front of the second lumbar vertebra.
    """
    mm = [float(s) for s in np.broadcast_to(spacing_mm, 3)]
    tissues = draw_body(seed, shape, mm)
    ct = paint_scan(torch.from_numpy(tissues).to(device), min(mm), seed, phase)
    affine = np.diag([*mm, 1.0])
    affine[:3, 3] = [-(n - 1) / 2 * step for n, step in zip(shape, mm, strict=True)]
    return Phantom(ct.cpu().numpy(), labels_of(tissues), affine, phase)


def paint_scan(
    tissues: torch.Tensor, mm: float, seed: int, phase: Phase | None = None
) -> torch.Tensor:
    """A scan of a tissue map: (D, H, W) int16 HU on the map's device. One seed, one scan."""
    generator = torch.Generator(tissues.device).manual_seed(seed)
    return scan(paint(tissues, mm, generator, phase), mm, generator)


def write_phantom(folder: Path, seed: int) -> tuple[Path, Path]:
    """Writes `ct.nii.gz` and `labels.nii.gz` of a phantom into `folder`; returns both paths."""
    phantom = make_phantom(seed)
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "ct.nii.gz", folder / "labels.nii.gz"
    for path, array in zip(paths, (phantom.ct, phantom.labels), strict=True):
        image = nib.Nifti1Image(array, phantom.affine)
        image.header.set_xyzt_units("mm")
        with atomic_path(path) as temporary:
            nib.save(image, temporary)
    return paths
