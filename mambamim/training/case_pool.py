"""Scans to cut patches from: painted phantoms that are renewed all the time, and real cases."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mambamim.data.anatomy import draw_body
from mambamim.data.phantom import paint_scan
from mambamim.data.tissues import labels_of
from mambamim.errors import BadInputError
from mambamim.training.patches import Case

PHANTOM_MM = 1.5
# TotalSegmentator's value -> ours, for the pseudo-labels of its example case.
_FROM_TOTAL = {
    1: 1, 2: 2, 3: 3, 4: 4, 15: 5, 5: 6, 6: 7, 52: 8, 63: 9, 64: 10, 7: 11, 8: 12, 9: 13, 19: 14,
    18: 15, 20: 16, 21: 17, 51: 19, **dict.fromkeys(range(10, 15), 18),
    **dict.fromkeys(range(26, 51), 20),
}  # fmt: skip


def draw_anatomy(seed: int) -> np.ndarray:
    """A tissue map, for a pool of processes."""
    return draw_body(seed)


class CasePool:
    """Painted scans of drawn bodies and real cases, all on one device.

    Args:
        anatomies: tissue maps, (D, H, W) uint8.
        real: real cases.
        size: painted scans kept.
        real_share: of the picks that are real cases.
        generator: of the device.
    """

    def __init__(
        self,
        anatomies: list[np.ndarray],
        real: list[Case],
        size: int,
        real_share: float,
        generator: torch.Generator,
    ) -> None:
        self.device = generator.device
        self.tissues = [torch.from_numpy(a).to(self.device) for a in anatomies]
        self.labels = [torch.from_numpy(labels_of(a)).to(self.device) for a in anatomies]
        self.real, self.real_share = real, real_share if real else 0.0
        self.generator = generator
        self.painted = [self._paint() for _ in range(size)]
        self._next = 0

    def pick(self) -> Case:
        """A random case."""
        if float(torch.rand((), generator=self.generator, device=self.device)) < self.real_share:
            return self.real[self._index(len(self.real))]
        return self.painted[self._index(len(self.painted))]

    def renew(self) -> None:
        """Paints the oldest scan anew, from another body and in another phase."""
        self.painted[self._next] = self._paint()
        self._next = (self._next + 1) % len(self.painted)

    def _paint(self) -> Case:
        number = self._index(len(self.tissues))
        hu = paint_scan(self.tissues[number], PHANTOM_MM, self._index(2**31))
        return Case(hu, self.labels[number], PHANTOM_MM)

    def _index(self, count: int) -> int:
        return int(torch.randint(count, (), generator=self.generator, device=self.device))


def load_case(ct: Path, label: Path, device: torch.device) -> Case:
    """A real case with TotalSegmentator's label values, refined to about 1.5 mm.

    Labels are refined as smoothed memberships, so that coarse steps become surfaces again.

    Args:
        ct: NIfTI in HU with voxels that are as long as wide and high.
        label: NIfTI on the same grid.
        device: where the case will lie.

    Raises:
        BadInputError: the voxels are no cubes, or the label map has another shape.
    """
    image = nib.as_closest_canonical(nib.load(ct))
    values = np.asarray(nib.as_closest_canonical(nib.load(label)).dataobj)
    sides = image.header.get_zooms()[:3]
    if not np.allclose(sides, sides[0], rtol=0.02):
        raise BadInputError(f"{ct.name}: its voxels are no cubes.", "Resample it to one spacing.")
    if values.shape != image.shape:
        raise BadInputError(f"{label.name} has another shape than {ct.name}.")
    hu = torch.from_numpy(np.asarray(image.dataobj, np.float32)).clamp(-1024, 3071).to(device)
    mm = float(np.mean(sides))
    ours = np.zeros(256, np.uint8)
    ours[list(_FROM_TOTAL)] = list(_FROM_TOTAL.values())
    labels = torch.from_numpy(ours[values.astype(np.uint8)]).to(device)
    factor = max(1, round(mm / PHANTOM_MM))
    if factor > 1:
        hu = _refine(hu, factor)
        labels = _refine_labels(labels, factor)
    return Case(hu, labels, mm / factor)


def _refine(volume: Tensor, factor: int) -> Tensor:
    """(D, H, W) -> `factor` times as fine, the same extent."""
    return F.interpolate(volume[None, None], scale_factor=factor, mode="trilinear")[0, 0]


def _refine_labels(labels: Tensor, factor: int) -> Tensor:
    """(D, H, W) uint8 -> `factor` times as fine: in each voxel the class with the largest share."""
    shape = [factor * n for n in labels.shape]
    best = torch.zeros(shape, device=labels.device)
    result = torch.zeros(shape, dtype=torch.uint8, device=labels.device)
    for value in torch.unique(labels).tolist():
        member = (labels == value).float()
        soft = F.avg_pool3d(member[None, None], 3, 1, 1)[0, 0]
        share = _refine((member + soft) / 2, factor)
        better = share > best
        best, result = torch.where(better, share, best), result.masked_fill(better, value)
    return result
