"""Fixed 3D sine-cosine position embedding, computed for whatever grid is at hand.

In numpy: a traced or exported network then holds the table as a constant, not the way to it.
"""

from __future__ import annotations

import numpy as np

from mambamim.errors import BadInputError


def sin_cos_position(shape: tuple[int, int, int], width: int) -> np.ndarray:
    """Position embedding of a (D, H, W) grid in raster order.

    Each axis has width / 6 frequencies omega_i = 10000^-(i / (width / 6)); the channels are
    sin d, cos d, sin h, cos h, sin w, cos w.

    Returns:
        (L, width), float32, L = D H W.

    Raises:
        BadInputError: `width` is not a multiple of 6.
    """
    if width % 6:
        raise BadInputError(f"A 3D position embedding needs a width divisible by 6, not {width}.")
    count = width // 6
    omega = 10000.0 ** -(np.arange(count) / count)
    parts = []
    for axis, side in enumerate(shape):
        angle = np.arange(side)[:, None] * omega
        places = [1, 1, 1]
        places[axis] = side
        table = np.concatenate([np.sin(angle), np.cos(angle)], 1).reshape(*places, 2 * count)
        parts.append(np.broadcast_to(table, (*shape, 2 * count)))
    return np.concatenate(parts, -1).reshape(-1, width).astype(np.float32)
