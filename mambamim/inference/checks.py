"""What is refused about a volume in memory before any work."""

from __future__ import annotations

import numpy as np

from mambamim.checkpoint_header import CheckpointHeader
from mambamim.errors import BadInputError

_FAT_HU = -50  # fat and air lie below; every CT of a body has some, even one cut out of a belly
_FAT_SHARE = 0.001  # of the voxels


class ChannelsError(BadInputError):
    """A scan has more or fewer channels than the model takes."""


def checked_affine(volume: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """The affine as float64, if a volume can be worked on with it.

    Args:
        volume: (D, H, W) numbers.
        affine: 4x4, voxel index -> RAS mm.

    Raises:
        BadInputError: says what is amiss with the volume or the affine.
    """
    if getattr(volume, "ndim", 0) != 3 or min(volume.shape) < 2:
        raise BadInputError(
            f"The volume must have three axes of at least 2 voxels, not {np.shape(volume)}."
        )
    if volume.dtype.kind not in "iufb":
        raise BadInputError(f"The volume must hold real numbers, not {volume.dtype}.")
    affine = np.asarray(affine, np.float64)
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise BadInputError("The affine must be a 4x4 matrix of finite numbers.")
    if abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise BadInputError("The affine is singular: voxels have no volume.")
    if volume.dtype.kind == "f" and not np.isfinite(volume).all():
        raise BadInputError("The volume has voxels that are not numbers (NaN or infinite).")
    return affine


def checked_channels(volume: np.ndarray, header: CheckpointHeader) -> list[np.ndarray]:
    """The channels (D, H, W) of a volume, as many as a network takes.

    Args:
        volume: (D, H, W), or (C, D, H, W) of several channels.
        header: of the network.

    Raises:
        ChannelsError: it has another number of channels.
    """
    several = getattr(volume, "ndim", 0) == 4
    count, wanted = len(volume) if several else 1, header.in_channels
    if count == wanted:
        return list(volume) if several else [volume]
    named = f" ({', '.join(header.channels)})" if header.channels else ""
    raise ChannelsError(
        f"{header.name} takes {wanted} channel{'' if wanted == 1 else 's'}{named}, and the scan has"
        f" {count}.",
        "Pick one channel or time point and save it alone."
        if wanted == 1
        else "Give all of them, in this order: mambamim segment --channels.",
    )


def check_hu(volume: np.ndarray, header: CheckpointHeader) -> None:
    """Refuse what cannot be a CT in HU where a network for CT is to see it.

    An MR scan, or a CT that was stored without its offset, has no values of fat and air. A network
    would still find organs in it.

    Args:
        volume: (D, H, W) finite numbers.
        header: of the network; one for another modality takes any volume.

    Raises:
        BadInputError: it has next to no voxels of fat or air.
    """
    if header.modality != "CT":
        return
    if np.count_nonzero(volume < _FAT_HU) >= _FAT_SHARE * volume.size:
        return
    raise BadInputError(
        f"The scan is no CT in Hounsfield units: hardly a voxel has the value of fat or air (below"
        f" {_FAT_HU} HU), its values run from {float(volume.min()):g} to {float(volume.max()):g}.",
        f"{header.name} was made for CT alone. Choose a model for this kind of scan, or, if it is a"
        " CT, store it in HU (air is -1000, water 0).",
    )
