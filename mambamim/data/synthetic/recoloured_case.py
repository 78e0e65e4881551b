"""A crop of a real scan, with its organs as bright as another phase has them."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mambamim.data.class_sets import UNKNOWN
from mambamim.data.phases import draw_phase
from mambamim.data.synthetic.deformation import look_up
from mambamim.data.synthetic.scanning import NOTHING_HU
from mambamim.data.synthetic.sources import CaseOnDevice
from mambamim.data.tissues import TARGETS, Tissue

_KEPT = (*(Tissue.LUNGS, Tissue.VERTEBRAE), *(Tissue.SMALL_BOWEL, Tissue.COLON, Tissue.STOMACH))
_SOFT_HU = (-40, 240)  # only soft tissue takes up contrast
_OFTEN = 0.6


def recolour_case(
    source: CaseOnDevice, places: Tensor, factor: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """A crop of a case.

    Args:
        source: the case.
        places: of `spread`, for voxels of 1.5 mm.
        factor: voxels of 1.5 mm a voxel of the labels.
        rng: of all that is drawn.

    Returns:
        (D, H, W) HU at 1.5 mm, and int64 labels at `factor` times that.
    """
    hu = look_up(source.hu, places, "bilinear")[0] + NOTHING_HU
    at = F.avg_pool3d(places, factor) if factor > 1 else places
    label = look_up(source.labels, at, "nearest")[0].long()
    if rng.random() < _OFTEN:
        found = label if factor == 1 else look_up(source.labels, places, "nearest")[0].long()
        steps = torch.from_numpy(_steps(source, rng)).to(hu.device)[found]
        steps = F.avg_pool3d(steps[None, None], 3, 1, 1)[0, 0]
        soft = (hu > _SOFT_HU[0]) & (hu < _SOFT_HU[1])
        hu = torch.where(soft, hu + steps, hu)
    elif rng.random() < 0.5:
        soft = (hu > -200) & (hu < 300)
        hu = torch.where(soft, hu * rng.uniform(0.85, 1.2), hu)
    return hu, label


def _steps(source: CaseOnDevice, rng: np.random.Generator) -> np.ndarray:
    """(256,) HU by which each label value changes."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    _, drawn = draw_phase(generator)
    steps = np.zeros(UNKNOWN + 1, np.float32)
    for tissue, value in TARGETS.items():
        if value in source.medians and tissue not in _KEPT:
            steps[value] = float(drawn[tissue]) - source.medians[value]
    return steps
