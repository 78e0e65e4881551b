"""Smooth random fields: what makes tissue uneven."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def smooth_field(
    shape: Sequence[int], length_mm: float, spacing_mm: float, generator: torch.Generator
) -> Tensor:
    """A field of mean 0 and standard deviation about 1, correlated over about `length_mm`.

    Args:
        shape: (D, H, W).
        length_mm: distance between the field's knots.
        spacing_mm: voxel size.
        generator: of the device the field is made on.

    Returns:
        (D, H, W) float32.
    """
    knots = [max(2, round(n * spacing_mm / length_mm) + 1) for n in shape]
    coarse = torch.randn(1, 1, *knots, generator=generator, device=generator.device)
    # Interpolation between independent knots halves the deviation: 0.54 in the mean over a cell.
    return (
        F.interpolate(coarse, size=tuple(shape), mode="trilinear", align_corners=True)[0, 0] / 0.54
    )
