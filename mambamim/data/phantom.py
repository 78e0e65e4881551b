"""A synthetic abdominal CT with its labels: nothing to download, and no patient's scan.

The anatomy is real: one label map of the TotalSegmentator data set comes with the program, without
its CT. Every seed makes another patient of it, and paints it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from mambamim.catalogue.folders import shipped_anatomy
from mambamim.data.phases import Phase
from mambamim.data.synthetic.anatomy_bank import Anatomy
from mambamim.data.synthetic.whole_scan import paint_whole
from mambamim.files import atomic_path

ANATOMY = "totalseg_s0328"  # diaphragm to pelvis, CC-BY-4.0: see NOTICE


@dataclass(frozen=True, eq=False)
class Phantom:
    """A synthetic scan.

    Attributes:
        ct: (D, H, W) int16, HU.
        labels: (D, H, W) uint8, values of `ABDOMEN_LABELS`.
        affine: (4, 4) RAS mm.
        phase: of the contrast agent.
    """

    ct: np.ndarray
    labels: np.ndarray
    affine: np.ndarray
    phase: Phase


def make_phantom(
    seed: int,
    shape: tuple[int, int, int] = (272, 224, 256),
    spacing_mm: float = 1.5,
    phase: Phase | None = None,
    report: Callable[[float, str], None] = lambda fraction, message: None,
) -> Phantom:
    """Bends the anatomy, paints it, and puts it into a scanner; about ten seconds on two cores.

    Args:
        seed: from 0; the same gives the same scan, another one another patient and another phase.
        shape: voxels along the patient's right, front and up. The uppermost plane lies in the lung
            bases; where the body ends below, there are fewer planes.
        spacing_mm: side of a voxel.
        phase: of the contrast agent; None draws one.
        report: as `paint_whole` takes it.

    Returns:
        RAS-oriented scan and labels around the origin.

    Raises:
        BadInputError: the anatomy that comes with the program is absent or damaged.
    """
    anatomy = Anatomy.load(shipped_anatomy(ANATOMY))
    ct, labels, drawn = paint_whole(anatomy, seed, shape, spacing_mm, phase, report)
    affine = np.diag([*[float(spacing_mm)] * 3, 1.0])
    affine[:3, 3] = [-(n - 1) / 2 * spacing_mm for n in ct.shape]
    return Phantom(ct, labels, affine, drawn)


def write_phantom(folder: Path, seed: int) -> tuple[Path, Path]:
    """Writes `ct.nii.gz` and `labels.nii.gz` of a phantom into `folder`; returns both paths."""
    phantom = make_phantom(seed)
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "ct.nii.gz", folder / "labels.nii.gz"
    for path, array in zip(paths, (phantom.ct, phantom.labels), strict=True):
        write_nifti(path, array, phantom.affine)
    return paths


def write_nifti(path: Path, array: np.ndarray, affine: np.ndarray) -> None:
    """Writes an array (D, H, W) of a phantom as NIfTI, whole or not at all.

    Raises:
        BadInputError: the place cannot be written to, or the disk is full.
    """
    image = nib.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    with atomic_path(path) as temporary:
        nib.save(image, temporary)
