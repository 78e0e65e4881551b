"""Where the patient is: the box outside of which there is only air and table."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

AIR_HU = -500.0
Box = tuple[slice, slice, slice]


def body_box(volume: Tensor, margin: int = 4) -> Box | None:
    """The box around the largest object that is denser than air.

    Looks at blocks of 4 voxels, so that thin things (the table, blankets, lines) fall away. Holes
    such as the lungs do not matter to a box.

    Args:
        volume: HU on the network grid, (D, H, W).
        margin: voxels to add on every side.

    Returns:
        Three slices, or None where there is only air.
    """
    blocks = F.avg_pool3d(volume[None, None], 4, ceil_mode=True, count_include_pad=False)[0, 0]
    dense = (blocks > AIR_HU).cpu().numpy()
    parts, count = ndimage.label(dense)
    if count == 0:
        return None
    largest = int(np.argmax(np.bincount(parts.ravel())[1:]))
    found = ndimage.find_objects(parts)[largest]
    sides = zip(found, volume.shape, strict=True)
    box = [slice(max(0, s.start * 4 - margin), min(n, s.stop * 4 + margin)) for s, n in sides]
    return (box[0], box[1], box[2])
