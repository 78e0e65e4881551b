"""Crops turned about their centres, many at once and where the network is."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy.spatial.transform import Rotation
from torch import Tensor

from mambamim.data.class_sets import UNKNOWN
from mambamim.ops.triton_support import is_channels_last


def turn_of(angles: np.ndarray, shape: tuple[int, int, int]) -> Tensor:
    """How to turn a crop.

    Args:
        angles: about its three axes, one after the other, radians.
        shape: its sides in voxels, (D, H, W), which may differ: shapes in it do not.

    Returns:
        (3, 3) float32: from the place of a voxel to where its value comes from, in torch's order
        (W, H, D) and units (from -1 to 1 along each side).
    """
    half = np.array(shape) / 2
    turned = Rotation.from_euler("xyz", angles).as_matrix() * half / half[:, None]
    return torch.from_numpy(turned[::-1, ::-1].copy()).float()


@torch.no_grad()
def turn_crops(image: Tensor, label: Tensor, turn: Tensor) -> tuple[Tensor, Tensor]:
    """Image and label turned alike; what comes in from beyond is zero, and unknown in the label.

    Args:
        image: (B, C, D, H, W) float.
        label: (B, 1, D, H, W) integers of 0 to 255.
        turn: (B, 3, 3), see `turn_of`.

    Returns:
        Both as they came, in dtype and layout too: values between voxels are interpolated, labels
        are the nearest one's.
    """
    if image.device.type == "mps":  # which cannot sample volumes
        turned, seen = turn_crops(image.cpu(), label.cpu(), turn.cpu())
        return turned.to(image.device), seen.to(label.device)
    theta = F.pad(turn.float(), (0, 1))
    with torch.autocast(image.device.type, enabled=False):
        grid = F.affine_grid(theta, list(image.shape), align_corners=False)
        turned = F.grid_sample(image.float(), grid, align_corners=False).to(image.dtype)
        seen = F.grid_sample((UNKNOWN - label).float(), grid, "nearest", align_corners=False)
    if is_channels_last(image):
        turned = turned.contiguous(memory_format=torch.channels_last_3d)
    return turned, (UNKNOWN - seen).round().to(label.dtype)
