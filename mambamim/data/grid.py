"""The grid of a scan: what is needed to write a label map that lies on it bit for bit."""

from __future__ import annotations

from dataclasses import dataclass

import nibabel as nib
import numpy as np

from mambamim.data.orientation import lps_from_ras_affine, ras_affine_from_lps
from mambamim.errors import BadInputError

# What places a NIfTI image in space. Nothing else of a header is kept: the rest may name a patient.
_NIFTI_FIELDS = (
    *("pixdim", "xyzt_units", "qform_code", "sform_code"),
    *("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    *("srow_x", "srow_y", "srow_z"),
)
_SCANNER = 1  # NIfTI's code for scanner coordinates
_FLATTEST = 1e-4  # of the volume of a box with the same sides: thinner voxels are no voxels

LpsFrame = tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the voxels of a file lie.

    Attributes:
        affine: (4, 4) RAS mm.
        shape: of the array in the file; a NIfTI may have trailing axes of length 1.
        nifti: a header with the geometry of the NIfTI file and nothing else, None for other files.
        lps: (origin, spacing, direction) as SimpleITK read them, None for NIfTI.
    """

    affine: np.ndarray
    shape: tuple[int, ...]
    nifti: nib.Nifti1Header | None = None
    lps: LpsFrame | None = None

    @classmethod
    def from_nifti(cls, header: nib.Nifti1Header, shape: tuple[int, ...]) -> Grid:
        """Of a NIfTI header: sform if its code is set, else qform, else the spacing alone."""
        kept = type(header)()
        kept.set_data_shape(shape)
        for field in _NIFTI_FIELDS:
            kept[field] = header[field]
        return cls(np.asarray(header.get_best_affine(), np.float64), shape, nifti=kept)

    @classmethod
    def from_lps(cls, frame: LpsFrame, shape: tuple[int, ...]) -> Grid:
        """Of SimpleITK's (origin, spacing, direction)."""
        return cls(ras_affine_from_lps(*frame), shape, lps=frame)

    def nifti_header(self) -> nib.Nifti1Header:
        """A fresh header on this grid; on the grid of a NIfTI file its geometry bit for bit."""
        if self.nifti is not None:
            return self.nifti.copy()
        header = nib.Nifti1Header()
        header.set_data_shape(self.shape)
        header.set_qform(self.affine, _SCANNER, strip_shears=True)
        header.set_sform(self.affine, _SCANNER)
        header.set_xyzt_units("mm")
        return header

    def lps_frame(self) -> LpsFrame:
        """(origin, spacing, direction) for SimpleITK."""
        return self.lps if self.lps is not None else lps_from_ras_affine(self.affine)


def check_affine(affine: np.ndarray, where: str) -> None:
    """Refuse an affine that places no volume.

    Args:
        affine: (4, 4) RAS mm.
        where: the file's name, for the message.

    Raises:
        BadInputError: not finite, a spacing of zero, or axes that lie in one plane.
    """
    hint = "Repair the file's orientation and spacing, or export the scan again."
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise BadInputError(f"{where} does not say where its voxels lie (affine not finite).", hint)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if not (spacing > 0).all():
        raise BadInputError(f"{where} has a voxel spacing of zero (singular affine).", hint)
    if abs(np.linalg.det(affine[:3, :3] / spacing)) < _FLATTEST:
        raise BadInputError(f"{where} has axes that lie in one plane (singular affine).", hint)


def check_shape(shape: tuple[int, ...], where: str) -> None:
    """Refuse what is not one 3D volume; trailing axes of length 1 are allowed.

    Raises:
        BadInputError: 2D, one slice, or a series of volumes.
    """
    sides = " x ".join(map(str, shape))
    if len(shape) > 3 and any(size != 1 for size in shape[3:]):
        raise BadInputError(
            f"{where} is a series of volumes ({sides}), not one.",
            "Pick one time point or channel and save it alone.",
        )
    if len(shape) < 3 or min(shape[:3]) < 2:
        raise BadInputError(
            f"{where} is not a 3D volume ({sides or 'no'} voxels).",
            "Give a scan of several slices.",
        )
