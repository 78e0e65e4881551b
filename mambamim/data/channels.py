"""The channels of one case, such as the four sequences of a brain MR, read from its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mambamim.data.nifti import is_nifti, read_nifti_channels
from mambamim.data.volume import Volume, plain_voxels, read_volume, reading
from mambamim.errors import BadInputError

_OFF = 0.1  # of the smallest voxel side: more is no rounding


def read_channels(
    files: Sequence[str | Path], affine: np.ndarray | None = None
) -> tuple[Volume, ...]:
    """Read every channel of a case.

    Args:
        files: one 3D volume a channel, in order; or one NIfTI file with a fourth axis, whose last
            axis is the channel (as in the Medical Segmentation Decathlon).
        affine: as of `read_volume`.

    Returns:
        The channels, all with one grid.

    Raises:
        BadInputError: as `read_volume`; or the files do not lie voxel on voxel.
        OutOfMemoryError: it does not fit into memory.
    """
    paths = [Path(file) for file in files]
    if len(paths) == 1:
        return _of_one_file(paths[0], affine)
    volumes = [read_volume(path, affine) for path in paths]
    for path, volume in zip(paths[1:], volumes[1:], strict=True):
        _check_grid(volumes[0], volume, paths[0].name, path.name)
    return tuple(volumes)


def channels_array(volumes: Sequence[Volume]) -> np.ndarray:
    """What a network is shown: (I, J, K) of one channel, (C, I, J, K) of several."""
    return volumes[0].array if len(volumes) == 1 else np.stack([v.array for v in volumes])


def _of_one_file(path: Path, affine: np.ndarray | None) -> tuple[Volume, ...]:
    if affine is not None or not is_nifti(path) or not path.is_file() or not path.stat().st_size:
        return (read_volume(path, affine),)
    with reading(path):
        arrays, grid = read_nifti_channels(path)
        arrays = [plain_voxels(array, path.name) for array in arrays]
    return tuple(Volume(array, grid.affine, grid) for array in arrays)


def _check_grid(one: Volume, other: Volume, first: str, name: str) -> None:
    """All channels share the first one's grid, so none is resampled onto another unseen."""
    hint = "Resample it onto the first channel; all channels of a case need one grid."
    if one.array.shape != other.array.shape:
        sides = [" x ".join(map(str, volume.array.shape)) for volume in (other, one)]
        raise BadInputError(f"{name} has {sides[0]} voxels and {first} {sides[1]}.", hint)
    ends = np.array(np.meshgrid(*((0, n - 1) for n in one.array.shape), [1])).reshape(4, -1)
    off = float(np.linalg.norm((one.affine - other.affine) @ ends, axis=0).max())
    if off > _OFF * float(np.linalg.norm(one.affine[:3, :3], axis=0).min()):
        raise BadInputError(f"{name} lies up to {off:.3g} mm beside {first}.", hint)
