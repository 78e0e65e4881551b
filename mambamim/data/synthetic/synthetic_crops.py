"""Crops of CT painted over real anatomies, and of real scans, each a function of its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from mambamim.data.class_sets import ClassSets
from mambamim.data.intensity import rule_for
from mambamim.data.synthetic.aim import draw_centre
from mambamim.data.synthetic.anatomy_bank import MM, Anatomy
from mambamim.data.synthetic.deformation import draw_places, planes_within, spread
from mambamim.data.synthetic.materials import SETS
from mambamim.data.synthetic.noise_bank import NoiseBank
from mambamim.data.synthetic.painted_body import paint_body
from mambamim.data.synthetic.real_case import RealCase
from mambamim.data.synthetic.recoloured_case import recolour_case
from mambamim.data.synthetic.scanning import NOTHING_HU, draw_field, scan_crop
from mambamim.data.synthetic.sources import AnatomyOnDevice, CaseOnDevice
from mambamim.errors import BadInputError

_ORGANS = (1, 2, 3, 4, 6, 7, 11, 16, 17)  # classes that swell by themselves
_COARSE = 2  # such crops show voxels of 3 mm
_REAL_STRENGTH = 0.7  # of the bending: a real scan is right as it is


class Sample(dict[str, Any]):
    """A crop, or a batch of them, that may lie on the device already."""

    def pin_memory(self) -> Sample:
        """Nothing to do: a loader would pin tensors of the CPU."""
        return self


class SyntheticCrops(Dataset[dict[str, Any]]):
    """Crops without end, made on a device. A number's crop is the same in any order and process.

    Args:
        anatomies: bodies to paint.
        cases: labelled scans, may be none.
        size: voxels of a crop along each side, one number or three; even ones.
        seed: from 0; another one gives other crops.
        device: where crops are made and stay.
        real_share: of crops that are of `cases`.
        coarse_share: of crops at 3 mm instead of 1.5: the same weights serve the quick preview.

    Attributes:
        sets: what label values mean.

    Raises:
        BadInputError: there is nothing to take crops of, or a number makes no sense.
    """

    sets: ClassSets = SETS

    def __init__(
        self,
        anatomies: Sequence[Anatomy],
        cases: Sequence[RealCase],
        size: int | Sequence[int],
        seed: int,
        device: torch.device | str = "cpu",
        real_share: float = 0.25,
        coarse_share: float = 0.25,
    ) -> None:
        self.size = tuple(int(side) for side in np.broadcast_to(size, 3))
        self.seed, self.device = seed, torch.device(device)
        self.real_share = real_share if cases else 0.0
        self.coarse_share = coarse_share
        if not anatomies and not cases:
            raise BadInputError("There are no anatomies to paint and no scans.", "Prepare a bank.")
        if not anatomies:
            self.real_share = 1.0
        if min(self.size) < 4 or not 0 <= real_share <= 1 or not 0 <= coarse_share <= 1:
            raise BadInputError("A crop has 4 voxels or more a side; shares lie in 0 to 1.")
        self._bodies = [AnatomyOnDevice.place(body, self.device) for body in anatomies]
        self._cases = [CaseOnDevice.place(case, self.device) for case in cases]
        finest = [side * (_COARSE if coarse_share else 1) for side in self.size]
        self._bank = NoiseBank(finest, MM, seed, self.device)
        self._rule = rule_for("CT")

    @torch.no_grad()
    def __getitem__(self, number: int) -> Sample:
        """The crop of a number from 0.

        Returns:
            "image": float32 (1, D, H, W) in 0..1, 0 beyond the scan; "label": int64 of that shape,
            values of `sets`, 0 beyond the scan; "number": the number.

        Raises:
            IndexError: a number below 0.
        """
        if number < 0:
            raise IndexError(f"crops are numbered from 0, {number} is below")
        with torch.autocast(self.device.type, enabled=False):
            hu, label = self._draw(np.random.default_rng([self.seed, number]))
        low, high = self._rule.low, self._rule.high
        image = ((hu - low) * (1 / (high - low))).clamp_(0, 1)
        return Sample(image=image[None], label=label[None], number=int(number))

    def _draw(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """HU and labels, (D, H, W) float32 and int64."""
        real = rng.random() < self.real_share
        factor = _COARSE if rng.random() < self.coarse_share else 1
        source: AnatomyOnDevice | CaseOnDevice
        source = _pick(rng, self._cases) if real else _pick(rng, self._bodies)
        points, extent = source.class_points, source.extent_mm
        sides = [side * factor * MM for side in self.size]
        centre = draw_centre(rng, points, source.axis_mm, extent, sides)
        fine = [side * factor for side in self.size]
        organs = [points[value] for value in _ORGANS if value in points]
        strength = _REAL_STRENGTH if real else 1.0
        nodes = draw_places(rng, centre, fine, MM, organs, strength)
        covered = planes_within(nodes, extent[2], self.size[2])
        places = spread(nodes.to(self.device), extent, fine)
        if isinstance(source, CaseOnDevice):
            hu, label = recolour_case(source, places, factor, rng)
        else:
            hu, label = paint_body(source, places, factor, centre, self._bank, rng)
        if factor > 1:
            hu = F.avg_pool3d(hu[None, None].float(), factor)[0, 0]
        hu = scan_crop(hu, self._bank, rng)
        field = draw_field(rng, self.size, covered)
        return field.cut(hu, NOTHING_HU), field.cut(label, 0)


def _pick(rng: np.random.Generator, sources: Sequence[Any]) -> Any:
    return sources[int(rng.integers(len(sources)))]
